"""The gateway of one root directory: agents reach the model and the network through it alone."""

from __future__ import annotations

import hashlib
import json
import posixpath
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from vps import model_url
from vps.build_lock import REMEDY, build_lock
from vps.build_output import Progress, watch
from vps.commands import docker
from vps.commands import gateway as commands
from vps.commands import image as images
from vps.config import AgentConfig
from vps.docker_errors import docker_error
from vps.errors import CommandFailed
from vps.relay import Relay
from vps.runner import check

_FILES = Path(__file__).parent / "proxy"
_START_S = 120.0
API_KEY, OAUTH = "api_key", "oauth"


class Gateway:
    """Keeps it there and current. `config` says what it adds to requests and what it lets through."""

    def __init__(self, relay: Relay, config: AgentConfig) -> None:
        self._relay = relay
        self._config = config
        self._image = commands.image_beside(config.image)

    async def is_current(self) -> bool:
        """Hand it the settings and the credential; whether it is there and of this version."""
        return self._is_ours(await self._stands())

    def _is_ours(self, stands: dict[str, Any]) -> bool:
        return bool(stands["alive"]) and stands["version"] == self._version()

    async def ensure(self, progress: Progress) -> None:
        """Build and start it unless it is there. The agents' image has to be. Raises ImageBuildFailed or DockerUnavailable."""
        if await self.is_current():
            return
        async with build_lock(self._relay, progress):
            stands = await self._stands()
            if self._is_ours(stands):
                return
            await self._build(progress)
            await self._start(int(stands["uid"]), int(stands["gid"]))

    async def renew(self, given: SecretStr | None = None) -> str:
        """Have it use our credential from now on, or one `given` by hand, whatever it has; the kind of that one, empty for none."""
        found = (
            _credential(self._config) if given is None else {"kind": kind(given), "secret": given.get_secret_value()}
        )
        if found is None:
            return ""
        request = {"credential": found, "by_hand": given is not None}
        return str((await self._relay.ask("gateway-renew", request))["kind"])

    async def allow(self, run: str, host: str, *, always: bool) -> str:
        """Let a run reach a host, or `always` every agent of its workspace; that workspace's name. Raises BadInput."""
        answer = await self._relay.ask("gateway-allow", {"name": run, "host": host, "always": always})
        return str(answer["workspace"])

    async def grant(self, scope: str, key: str, usd: float, by: str) -> None:
        """Add to a budget: of a run, of a person's day, or of the day."""
        await self._relay.ask("gateway-grant", {"scope": scope, "key": key, "usd": usd, "by": by})

    async def usage(self, days: int) -> dict[str, Any]:
        """See vps.host.gateway.usage."""
        return await self._relay.ask("gateway-usage", {"days": days})

    async def remove(self) -> None:
        """End it. Its files stay."""
        await self._relay.ask("gateway-remove", {"name": commands.name(self._config.root)})

    async def _stands(self) -> dict[str, Any]:
        request = {"settings": _settings(self._config), "credential": _credential(self._config)}
        return await self._relay.ask("gateway", request)

    def _version(self) -> str:
        library = posixpath.basename(self._relay.library)
        digest = hashlib.sha256(f"{library}\0{self._image}\0{_inputs()}".encode())
        return digest.hexdigest()[:16]

    async def _build(self, progress: Progress) -> None:
        inputs = _inputs()
        found = await self._relay.run(images.labels(self._image))
        labels: dict[str, str] = (json.loads(found.text) if found.exit_code == 0 else None) or {}
        if labels.get(images.LABEL_INPUTS) == inputs:
            return
        try:
            await check(self._relay, docker.version())
        except CommandFailed as error:
            raise docker_error(error) from error
        await progress("The gateway's image is being made.")
        context = f"{self._config.root}/image/gateway"
        for name in ("Dockerfile", "requirements.txt"):
            await self._relay.put(f"{context}/{name}", (_FILES / name).read_bytes(), mode=0o644)
        command = commands.build(context, image=self._image, agent_image=self._config.image, inputs=inputs)
        failure = "The gateway's image could not be built"
        await watch(self._relay, images.merged(command), progress, failure=failure, remedy=REMEDY)
        await self._relay.run(images.prune())

    async def _start(self, uid: int, gid: int) -> None:
        version = self._version()
        gateway = commands.Gateway(self._config.root, self._image, self._relay.library, version, uid, gid)
        command = list(commands.run(gateway).argv)
        request = {"command": command, "name": commands.name(self._config.root), "version": version}
        done = await self._relay.ask("gateway-start", request, timeout=_START_S)
        if done["exit_code"] != 0:
            raise docker_error(CommandFailed("docker run", done["exit_code"], done["stderr"]))


def kind(credential: SecretStr) -> str:
    """What a credential is, by how Anthropic's begin."""
    return OAUTH if credential.get_secret_value().startswith("sk-ant-oat") else API_KEY


def _inputs() -> str:
    digest = hashlib.sha256()
    for name in ("Dockerfile", "requirements.txt"):
        digest.update((_FILES / name).read_bytes())
    return digest.hexdigest()[:16]


def _settings(config: AgentConfig) -> dict[str, Any]:
    return {
        "base_url": config.base_url or model_url.PUBLIC,
        "hosts": list(config.hosts),
        "networks": list(config.networks),
        "budget": {"run": config.budget_run, "person": config.budget_person, "day": config.budget_day},
        "requests_per_minute": config.requests_per_minute,
    }


def _credential(config: AgentConfig) -> dict[str, Any] | None:
    if config.api_key is not None:
        return {"kind": API_KEY, "secret": config.api_key.get_secret_value()}
    if config.oauth_token is None:
        return None
    found: dict[str, Any] = {"kind": OAUTH, "secret": config.oauth_token.get_secret_value()}
    if config.refresh_token is not None:
        # When the token ends is not known: it is renewed at once, and again before each new one ends.
        found |= {"refresh_token": config.refresh_token.get_secret_value(), "expires_at": 0}
        found["token_url"] = config.token_url
    return found
