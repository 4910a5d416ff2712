"""What an agent asks of people and how that ended, as its run's log says it. The supervisor writes these lines, no agent can."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

Kind = Literal["question", "plan", "permission", "ask_user"]
How = Literal["answered", "expired", "withdrawn", "lost"]

Line = TypeVar("Line", bound=BaseModel)
_Seconds = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1e11)]


class Option(BaseModel):
    """One of the answers to choose from."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    label: str
    description: str = ""


def _option(value: object) -> object:
    return {"label": value} if isinstance(value, str) else value


class Question(BaseModel):
    """Somebody is asked: by the CLI's own tool (`question`), for a `plan`, for a `permission`, or by the tool `ask_user`.

    `expires_at` is in epoch seconds. A permission is asked for `tool` with `input`, of which long texts are cut; `always` says
    what a yes for good would cover, and is empty where there is no such yes.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
    at: _Seconds = 0.0
    kind: Kind = "ask_user"
    text: str = ""
    header: str = ""
    options: tuple[Annotated[Option, BeforeValidator(_option)], ...] = ()
    several: bool = False
    """Whether more than one option may be chosen."""
    tool: str = ""
    input: dict[str, Any] = {}
    always: str = ""
    expires_at: _Seconds | None = None
    attempt: int = 1
    """Which time it is asked, of `attempts`: each is a question of its own."""
    attempts: int = 1

    @property
    def is_verdict(self) -> bool:
        """Whether yes or no is asked for."""
        return self.kind in ("plan", "permission")


class Answer(BaseModel):
    """What somebody answered: a verdict on a plan or permission, with a reason as `text`; else labels, words, or both."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    verdict: Literal["yes", "always", "no"] | None = None
    choices: tuple[str, ...] = ()
    text: str = ""

    @property
    def words(self) -> str:
        """As one line of text."""
        if self.verdict is not None:
            return f"{self.verdict}: {self.text}" if self.text else self.verdict
        return ", ".join(filter(None, (*self.choices, self.text)))


class Answered(BaseModel):
    """A question is over: answered `by` a caller, `expired`, `withdrawn` by the agent, or `lost` with the CLI that asked it.

    `call` is the id of the answering call, see `vps.questions.answer`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    at: _Seconds = 0.0
    how: How = "answered"
    by: str = ""
    by_name: str = ""
    answer: Answer = Answer()
    call: str = ""


def question(record: Mapping[str, Any]) -> Iterable[Question]:
    """The question of a line; nothing of one that is none."""
    return _read(Question, record)


def answered(record: Mapping[str, Any]) -> Iterable[Answered]:
    """The end of a question that a line tells; nothing of one that tells none."""
    return _read(Answered, record)


def _read(kind: type[Line], record: Mapping[str, Any]) -> Iterable[Line]:
    try:
        return (kind.model_validate(dict(record)),)
    except ValidationError:
        return ()
