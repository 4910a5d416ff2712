"""The tools around secrets that agents can be given: set, remove, list."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from agents.crew import Crew
from agents.rights import Right
from agents.tools import environment
from agents.tools.core import Call, Input, Output, Tool
from agents.tools.stakes import Stake, always
from vps.host.keyring import LONGEST
from vps.keyring import Secret
from vps.mask import SHORTEST


class SecretName(Input):
    """Tools on one secret take its name."""

    name: Annotated[str, Field(max_length=100, description="variable in the environment of agents, such as NPM_TOKEN")]

    @field_validator("name")
    @classmethod
    def _is_a_variable(cls, value: str) -> str:
        if not environment.is_name(value):
            raise ValueError(f"{value[:60]!r} is no variable's name")
        environment.check_name(value)
        return value


class SecretInput(SecretName):
    """What `set_secret` takes."""

    value: Annotated[SecretStr, Field(description="the secret itself")]

    @field_validator("value")
    @classmethod
    def _can_be_masked(cls, value: SecretStr) -> SecretStr:
        plain = value.get_secret_value()
        if len(plain) < SHORTEST:
            raise ValueError(f"has less than {SHORTEST} characters, which is too short to be hidden where it occurs")
        try:
            size = len(plain.encode())
        except UnicodeEncodeError as error:
            raise ValueError("is no text") from error
        if size > LONGEST:
            raise ValueError(f"has more than {LONGEST >> 10} KiB")
        if "\0" in plain:
            raise ValueError("holds a NUL character")
        return value


class SecretOutput(Output):
    """What was done to one."""

    name: str
    done: str

    def summary(self) -> str:
        """See `Output.summary`."""
        return f"{self.name} {self.done}."


class SecretsOutput(Output):
    """All of them, without their values."""

    secrets: list[Secret]

    def summary(self) -> str:
        """See `Output.summary`."""
        return "\n".join(map(_line, self.secrets)) or "No secrets. `secret set` makes one."


def _line(secret: Secret) -> str:
    return f"{secret.name} · set {datetime.fromtimestamp(secret.set_at, UTC):%Y-%m-%d %H:%M} UTC"


async def _set(crew: Crew, given: SecretInput, _call: Call) -> SecretOutput:
    replaced = await crew.runs.keyring.set(given.name, given.value)
    done = "changed; agents that have it keep the old value" if replaced else "set; `secrets` of a spawn grants it"
    return SecretOutput(name=given.name, done=done)


async def _remove(crew: Crew, given: SecretName, _call: Call) -> SecretOutput:
    await crew.runs.keyring.remove(given.name)
    return SecretOutput(name=given.name, done="removed; agents that have it keep it")


async def _list(crew: Crew, _given: Input, _call: Call) -> SecretsOutput:
    return SecretsOutput(secrets=await crew.runs.keyring.list())


SET_SECRET = Tool(
    "set_secret",
    "secret set",
    "Keep a secret that agents can be given by its name",
    Right.MANAGE,
    SecretInput,
    SecretOutput,
    _set,
    # To set it twice is to set it, and what is kept of calls for their repetition must not depend on its value.
    is_once=True,
    stakes=always(Stake.OPENS),
)
REMOVE_SECRET = Tool(
    "remove_secret",
    "secret remove",
    "Remove a secret",
    Right.MANAGE,
    SecretName,
    SecretOutput,
    _remove,
    stakes=always(Stake.DELETES),
)
LIST_SECRETS = Tool(
    "list_secrets", "secret list", "The secrets there are, by name", Right.VIEW, Input, SecretsOutput, _list
)
TOOLS = (SET_SECRET, REMOVE_SECRET, LIST_SECRETS)
