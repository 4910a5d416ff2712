"""The client of `vps.host.keyring`: secrets by their names, and the mask that has to know their values."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, SecretStr

from vps.mask import Mask
from vps.relay import Relay


class Secret(BaseModel):
    """One that agents can be given; `set_at` is epoch seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    set_at: float


class Keyring:
    """The secrets of one root directory. What it learns of them, `mask` hides from then on."""

    def __init__(self, relay: Relay, mask: Mask) -> None:
        self._relay = relay
        self._mask = mask
        self._stamp: str | None = None

    async def list(self) -> list[Secret]:
        """Those there are, by name."""
        answer = await self._relay.ask("secrets")
        return [Secret.model_validate(each) for each in answer["secrets"]]

    async def set(self, name: str, value: SecretStr) -> bool:
        """Make or change one; whether there was one of that name. Raises BadInput where there are too many."""
        plain = value.get_secret_value()
        self._mask.learn([value])
        return bool((await self._relay.ask("secret-set", {"name": name, "value": plain}))["replaced"])

    async def remove(self, name: str) -> None:
        """Runs that were given it keep it. Raises BadInput where there is none of that name."""
        await self._relay.ask("secret-remove", {"name": name})

    async def learn(self) -> None:
        """Have the mask know them all, also those that runs were given and that are gone by now."""
        answer = await self._relay.ask("secret-values")
        self._mask.learn(map(SecretStr, answer["values"]))
        self._stamp = answer["stamp"]

    async def heed(self, stamp: str) -> None:
        """The host told of them as they are now: learn what is new, before anything of a run is shown."""
        if stamp != self._stamp:
            await self.learn()
