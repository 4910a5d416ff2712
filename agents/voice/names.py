"""What agents and workspaces are called aloud, and which one somebody means: "agent seven, the REST API one"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agents.tools.views import AgentView
from agents.voice import words
from vps.errors import BadInput
from vps.host.layout import NAME
from vps.run import short

_MOST_WORDS = 3
_MOST_NAMED = 5
_EMPTY = frozenset(
    re.findall(
        r"\w+",
        "a an and the to of for in on at by with from into that this it its is are be my our your their please some all so then "
        "add make write create fix do build implement update change let run use new can could should would you i we me us "
        "agent number one task which what who about",
    )
)
"""Words that tell no task from another."""
_NUMBER = re.compile(
    r"(?:the\s+)?(?:agent\s+number|agent|number|no\.?|#)\s*([a-z0-9]+(?:[\s-][a-z0-9]+)?)\b", re.IGNORECASE
)
_SMALL = frozenset(
    {"workspace", "workspaces", "repo", "repository", "project", "the", "my", "our", "a", "called", "named"}
)
_ID = re.compile(r"[0-9a-f]{8,64}|[a-z0-9]{6}")


@dataclass(frozen=True, slots=True)
class Named:
    """An agent with its number."""

    id: str
    number: int
    task: str = ""
    state: str = ""

    @property
    def spoken(self) -> str:
        """`agent seven, the REST API one`."""
        said = label(self.task)
        return f"agent {words.number(self.number)}" + (f", the {said} one" if said else "")

    @property
    def brief(self) -> str:
        """`agent seven`."""
        return f"agent {words.number(self.number)}"


def label(task: str) -> str:
    """The first few words of a task that tell it from others, as they are written."""
    found = [word for word in _words(task[:2000]) if word.lower() not in _EMPTY and len(word) <= 20]
    return " ".join(found[:_MOST_WORDS])


def numbered(before: Mapping[str, int], ids: Iterable[str]) -> dict[str, int]:
    """A number for each listed run, oldest names first: it keeps the one it has, a new one gets the smallest that is free."""
    listed = list(dict.fromkeys(ids))
    kept = {each: before[each] for each in listed if each in before}
    taken = set(kept.values())
    for each in sorted(each for each in listed if each not in kept):
        free = next(number for number in range(1, len(listed) + 2) if number not in taken)
        kept[each] = free
        taken.add(free)
    return kept


def roll(before: Mapping[str, int], agents: Sequence[AgentView]) -> list[Named]:
    """The listed agents with their numbers, in the order of those."""
    numbers = numbered(before, (agent.container_id for agent in agents))
    named = [Named(each.container_id, numbers[each.container_id], each.task, each.state) for each in agents]
    return sorted(named, key=lambda each: each.number)


def resolve(given: str, agents: Sequence[Named]) -> str:
    """The run that is meant by a number, by words of its task, or by its id; an id of a run that is not listed as it is.

    Raises BadInput, worded as a question, where several fit or none does.
    """
    said = given.strip()
    if hit := [each.id for each in agents if said in (each.id, short(each.id))]:
        return hit[0]
    number = _number(said)
    if number is not None:
        if hit := [each.id for each in agents if each.number == number]:
            return hit[0]
        raise BadInput("container_id", f"there is no agent {words.number(number)}.", remedy=_which(agents))
    if NAME.fullmatch(said):
        return said
    fitting = _fitting(said, agents)
    if len(fitting) == 1:
        return fitting[0].id
    if fitting:
        raise BadInput("container_id", "several agents fit.", remedy=f"Do you mean {_either(fitting)}?")
    if _ID.fullmatch(said) and any(sign.isdigit() for sign in said):
        return said
    raise BadInput("container_id", "no agent fits that.", remedy=_which(agents))


def resolve_workspace(given: str, names: Sequence[str]) -> str:
    """The workspace that is meant: `a p i`, `my api` or `the API workspace` is `api`.

    Raises BadInput, worded as a question, where several fit or none does.
    """
    if given in names:
        return given
    wanted = _squeezed(" ".join(word for word in _words(given) if word.lower() not in _SMALL)) or _squeezed(given)
    exact = [name for name in names if _squeezed(name) == wanted]
    fitting = exact or [name for name in names if wanted and wanted in _squeezed(name)]
    # A workspace goes before the further trees of it.
    whole = [name for name in fitting if "--" not in name] or fitting
    if len(whole) == 1:
        return whole[0]
    if whole:
        said = words.listed([workspace(name) for name in whole[:_MOST_NAMED]], "or")
        raise BadInput("workspace_name", "several workspaces fit.", remedy=f"Do you mean {said}?")
    known = words.listed([workspace(name) for name in names[:_MOST_NAMED]])
    remedy = f"There is {known}." if known else "There are none yet."
    raise BadInput("workspace_name", "no workspace fits that.", remedy=remedy)


def workspace(name: str) -> str:
    """A workspace's name aloud; a further tree by its first words."""
    base, _, slug = name.partition("--")
    said = re.sub(r"[_-]+", " ", base)
    tree = " ".join(slug.split("-")[:_MOST_WORDS])
    return f"{said}, the {tree} tree" if tree else said


def _number(said: str) -> int | None:
    alone = words.said_number(re.sub(r"^the\s+", "", said.lower()))
    if alone is not None:
        return alone
    if found := _NUMBER.match(said):
        # The second word may belong to what follows: "agent seven the login one".
        first = re.split(r"[\s]", found[1])[0]
        both = words.said_number(found[1])
        return both if both is not None else words.said_number(first)
    return None


def _fitting(said: str, agents: Sequence[Named]) -> list[Named]:
    """Those whose task has all the words, else those with most of them."""
    asked = {word.lower() for word in _words(said)} - _EMPTY
    if not asked:
        return []
    hits = {each.id: sum(1 for word in asked if _has(each.task, word)) for each in agents}
    best = max(hits.values(), default=0)
    return [each for each in agents if best and hits[each.id] == best and 2 * best >= len(asked)]


def _has(task: str, word: str) -> bool:
    return any(each == word or each.rstrip("s") == word.rstrip("s") for each in map(str.lower, _words(task)))


def _either(agents: Sequence[Named]) -> str:
    said = [f"{each.spoken}," if label(each.task) else each.spoken for each in agents[:_MOST_NAMED]]
    if len(said) == 1:
        return said[0].rstrip(",")
    return f"{' '.join(each if each.endswith(',') else f'{each},' for each in said[:-1])} or {said[-1].rstrip(',')}"


def _which(agents: Sequence[Named]) -> str:
    if not agents:
        return "There are no agents."
    more = f" and {words.number(len(agents) - _MOST_NAMED)} more" if len(agents) > _MOST_NAMED else ""
    return f"There is {'; '.join(each.spoken for each in agents[:_MOST_NAMED])}{more}."


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:'[^\W_]+)?", text)


def _squeezed(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
