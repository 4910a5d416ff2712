"""git in throwaway containers: in a tree as the agents' user, or in the control plane's repository, with or without the network."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr

from vps.commands import docker, git
from vps.config import AgentConfig
from vps.errors import BadInput, CommandFailed, HostTimeout, TooMuchOutput, VpsError
from vps.git_errors import explain
from vps.relay import Relay
from vps.shell import Cmd

Progress = Callable[[str], Awaitable[None]]
T = TypeVar("T")

NETWORK_S = 3600.0
LOCAL_S = 300.0
_STARTING_S = 30.0
_TIMED_OUT = 124
"""The exit code of timeout(1)."""
_CONTAINERS = 4
"""Containers that look into workspaces at a time."""
_TRANSFERS = 4
"""Transfers over the network at a time: each takes one of the connection's sessions."""


class GitCredential(BaseModel):
    """What opens remote repositories: a token and the one host it belongs to, a deploy key, the SSH hosts that are known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: SecretStr | None = None
    token_host: str = "github.com"  # noqa: S105  a host
    key: SecretStr | None = None
    known_hosts: str = ""

    def fields(self) -> dict[str, str]:
        """For the one container that needs it; it goes there by stdin."""
        found = {"token_host": self.token_host, "known_hosts": self.known_hosts}
        for name, secret in (("token", self.token), ("key", self.key)):
            if secret is not None:
                found[name] = secret.get_secret_value()
        return found


class GitContainers:
    """Requests of one host's git, each a container of its own that answers with a JSON line."""

    def __init__(self, relay: Relay, config: AgentConfig, credential: GitCredential) -> None:
        self._relay = relay
        self._config = config
        self._credential = credential
        self._containers = asyncio.Semaphore(_CONTAINERS)
        self._transfers = asyncio.Semaphore(_TRANSFERS)

    def vault_path(self, name: str) -> str:
        """The control plane's repository of a workspace and its further trees."""
        return f"{self._config.root}/git/{name.split('--', 1)[0]}.git"

    def _mounted(self, op: str, name: str) -> str:
        """What of the vaults the container sees: its own, except while that is made."""
        return f"{self._config.root}/git" if op == "create" else self.vault_path(name)

    def _place(self, *, tree: str = "", vault: str = "", transfer: str = "") -> git.Place:
        return git.Place(self._config.image, self._relay.library, tree, vault, transfer)

    async def in_tree(
        self,
        op: str,
        item: dict[str, Any],
        read: Callable[[dict[str, Any]], T],
        *,
        write: bool = False,
        own: bool = False,
        transfer: str = "",
        seconds: float = LOCAL_S,
        **fields: Any,
    ) -> T:
        """What `read` makes of the answer, which is an agent's word. Raises VpsError where that is none of ours."""
        vault = item["vault"] or ""
        place = self._place(tree=item["path"], vault=vault, transfer=transfer)
        request = {"op": op, "tree": item["path"], "vault": vault, "own": own, **fields}
        name = f"agentflow-git-{secrets.token_hex(6)}"
        command = git.tree(place, name, write=write, own=own, seconds=round(seconds))
        try:
            return read(_answer(await self._local(op, command, request, seconds)))
        except VpsError as error:
            if isinstance(error, HostTimeout | TooMuchOutput):
                with contextlib.suppress(VpsError):
                    await self._relay.run(docker.remove(name))
            raise
        except asyncio.CancelledError:
            await asyncio.shield(self._relay.run(docker.remove(name)))
            raise
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            remedy = "Something in its git configuration may do that; look at `.git/config` there."
            raise CommandFailed(f"git {op}", 0, "what it answered could not be read.", remedy=remedy) from error

    async def in_vault(self, op: str, name: str, *, transfer: str = "", **fields: Any) -> dict[str, Any]:
        """In the vault without network; its answer."""
        request = {"op": op, "vault": self.vault_path(name), "network": False, **fields}
        place = self._place(vault=self._mounted(op, name), transfer=transfer)
        command = git.vault(place, network=False, seconds=round(LOCAL_S))
        return _answer(await self._local(op, command, request, LOCAL_S))

    async def _local(self, op: str, command: Cmd, request: dict[str, Any], seconds: float) -> Any:
        """The JSON it printed last. Raises HostTimeout where it took more than `seconds`, and a little to start."""
        async with self._containers:
            done = await self._relay.run(
                command, stdin=json.dumps(request).encode() + b"\n", timeout=seconds + _STARTING_S
            )
        if done.exit_code == _TIMED_OUT:
            raise HostTimeout(f"git {op} took more than {seconds:.0f} s.", remedy="Look what holds it up there.")
        if done.exit_code != 0 or not done.stdout:
            raise CommandFailed(f"git {op}", done.exit_code, done.stderr.decode("utf-8", "replace"))
        return json.loads(done.stdout.splitlines()[-1])

    async def over_network(self, op: str, name: str, progress: Progress, **fields: Any) -> dict[str, Any]:
        """In the vault with network and credential, telling git's progress. It ends when this is cancelled."""
        request = {"op": op, "vault": self.vault_path(name), "network": True, **fields, **self._credential.fields()}
        place = self._place(vault=self._mounted(op, name))
        command = git.vault(place, network=True, seconds=round(NETWORK_S))
        try:
            async with asyncio.timeout(NETWORK_S + 30), self._transfers, self._relay.stream(command) as process:
                await process.write(json.dumps(request).encode() + b"\n")
                torn = b""
                async for chunk in process.chunks():
                    *lines, torn = (torn + chunk).split(b"\n")
                    for message in map(json.loads, lines):
                        if "progress" not in message:
                            return _answer(message)
                        await progress(message["progress"])
                done = await process.wait()
        except TimeoutError as error:
            raise HostTimeout(
                f"git took more than {NETWORK_S / 60:.0f} minutes.", remedy="Check the remote."
            ) from error
        raise CommandFailed(f"git {op}", done.exit_code, done.stderr.decode("utf-8", "replace"))


def _answer(message: dict[str, Any]) -> dict[str, Any]:
    if not _is_text(json.dumps(message, ensure_ascii=False)):
        raise CommandFailed("git", None, "it answered in no Unicode text")
    if refused := message.get("refused"):
        raise BadInput(refused["field"], refused["message"] + ".", remedy=refused["remedy"])
    if failed := message.get("failed"):
        raise explain(failed["words"], failed["stderr"])
    answer: dict[str, Any] = message["done"]
    return answer


def _is_text(text: str) -> bool:
    """Whether it can be written as UTF-8: an escape in JSON can be half of a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
