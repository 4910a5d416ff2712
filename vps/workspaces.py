"""The workspaces of one host: cloned, created, branched, compared, brought up to date, pushed and deleted.

Every workspace has two repositories: its tree, which agents write, and the control plane's own (`vault`), whose objects the tree
borrows. git in the tree runs as the agents' user without network or credential; git with a credential runs in the vault.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr

from vps.commands import docker, git
from vps.config import AgentConfig
from vps.errors import BadInput, CommandFailed, HostTimeout, VpsError
from vps.git_errors import explain
from vps.host.workspaces import SCRATCH
from vps.relay import Relay
from vps.remotes import Remote
from vps.runner import check
from vps.shell import Cmd
from vps.workspace import Diff, Pushed, Vault, Workspace

Progress = Callable[[str], Awaitable[None]]

NETWORK_S = 3600.0
_LOCAL_S = 300.0
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


class Workspaces:
    """All workspaces below one root directory of one host."""

    def __init__(self, relay: Relay, config: AgentConfig, credential: GitCredential) -> None:
        self._relay = relay
        self._config = config
        self._credential = credential
        self._vaults = f"{config.root}/git"
        self._containers = asyncio.Semaphore(_CONTAINERS)
        self._transfers = asyncio.Semaphore(_TRANSFERS)

    def path(self, name: str) -> str:
        """Where a workspace of that name is, on the host."""
        return f"{self._config.root}/{name}" if name == SCRATCH else f"{self._config.root}/workspaces/{name}"

    async def names(self) -> Sequence[str]:
        """Of all of them, further trees included."""
        answer = await self._relay.ask("workspaces")
        return [item["name"] for item in answer["workspaces"]]

    async def list(self) -> Sequence[Workspace]:
        """All of them with what git says of each."""
        answer = await self._relay.ask("workspaces", {"sizes": True})
        return await asyncio.gather(*(self._looked_into(item) for item in answer["workspaces"]))

    async def _looked_into(self, item: dict[str, Any]) -> Workspace:
        try:
            state = await self._in_tree("state", item)
        except VpsError as error:
            state = {"kind": "unreadable", "why": str(error)}
        return Workspace.of(item, state)

    async def find(self, name: str) -> Workspace:
        """One of them. Raises BadInput for a name that none has."""
        item = await self._item(name)
        return Workspace.of(item, await self._in_tree("state", item))

    async def _item(self, name: str) -> dict[str, Any]:
        (item,) = (await self._relay.ask("workspaces", {"name": name}))["workspaces"]
        if not item["there"]:
            raise BadInput(
                "workspace_name", f"there is no workspace {name}.", remedy="List them with `workspace list`."
            )
        return item

    async def clone(self, remote: Remote, name: str, branch: str | None, progress: Progress) -> Vault:
        """A workspace of a remote repository. Raises BadInput or GitFailed; then nothing of it is left."""
        async with self._new(name) as path:
            await progress(f"Cloning {remote.url}")
            vault = Vault.model_validate(
                await self._over_network("create", name, progress, url=remote.url, branch=branch)
            )
            await progress("Checking out")
            item = {"path": path, "vault": self._vault_path(name)}
            at = vault.start or None
            await self._in_tree("setup", item, write=True, own=True, url=remote.url, branch=vault.branch, start=at)
        return vault

    async def create(self, name: str) -> None:
        """A workspace without a remote: one empty commit on `main`."""
        async with self._new(name) as path:
            await self._in_vault("create", name, url="")
            item = {"path": path, "vault": self._vault_path(name)}
            await self._in_tree("setup", item, write=True, own=True, branch="main")

    async def set_remote(self, name: str, remote: Remote) -> None:
        """Give a created workspace the repository it is pushed to."""
        await self._in_vault("set-remote", name, url=remote.url)

    @contextlib.asynccontextmanager
    async def _new(self, name: str) -> AsyncGenerator[str]:
        """Its empty directory; taken away again with all that was made when the block fails."""
        reserved = await self._relay.ask("reserve", {"name": name})
        if reserved["taken"]:
            remedy = "Choose another `workspace_name`, or delete that workspace first."
            raise BadInput("workspace_name", f"{name} is taken.", remedy=remedy)
        try:
            yield str(reserved["path"])
        except BaseException:
            await asyncio.shield(self._remove(name, vault="--" not in name))
            raise

    async def branch_off(self, path: str, slug: str) -> tuple[str, str]:
        """A further tree of the workspace at `path`, from its last commit: its name and its branch `agent/<slug>`."""
        source = path.rsplit("/", 1)[-1]
        item = await self._item(source)
        base = source.split("--", 1)[0]
        name, branch = f"{base}--{slug}", f"agent/{slug}"
        async with self._new(name) as tree:
            if item["vault"] is None:
                await self._in_vault("create", base, url="")
                item = await self._item(source)
            taken = await self._take(source, item)
            new = {"path": tree, "vault": self._vault_path(base)}
            await self._in_tree("setup", new, write=True, own=True, url=taken["url"], branch=branch, start=taken["sha"])
        return name, branch

    async def branch(self, name: str, branch: str) -> Workspace:
        """Create a branch and go on it."""
        item = await self._item(name)
        return Workspace.of(item, await self._in_tree("branch", item, write=True, branch=branch))

    async def diff(self, name: str) -> Diff:
        """What it holds beyond its base, committed or not."""
        item = await self._item(name)
        answer = await self._in_tree("diff", item)
        return Diff.model_validate(answer | {"workspace": Workspace.of(item, answer["state"])})

    async def sync(self, name: str, progress: Progress) -> tuple[Workspace, str]:
        """Fetch and fast-forward; its state, and why nothing moved if nothing did."""
        item = await self._vaulted(name)
        await self._over_network("fetch", name, progress)
        answer = await self._in_tree("update", item, write=True)
        return Workspace.of(item, answer), answer["why"]

    async def push(self, name: str, message: str, author: tuple[str, str], progress: Progress) -> Pushed:
        """Commit what is uncommitted as `author` (name, e-mail), push the branch, and ask the remote what it has.

        The remote is asked first: what it would refuse is not committed. What fails later says that it is.
        """
        item = await self._vaulted(name)
        await progress("Asking the remote")
        await self._over_network("fetch", name, progress)
        await progress("Committing")
        done = await self._in_tree("commit", item, write=True, message=message, name=author[0], email=author[1])
        try:
            await progress("Handing over the commits")
            taken = await self._take(name, item)
            await progress("Pushing")
            told = await self._over_network("push", name, progress, branch=taken["branch"], sha=taken["sha"])
            if told["remote_sha"] != taken["sha"]:
                has = told["remote_sha"] or "nothing"
                raise CommandFailed("git push", 0, f"the remote has {has} where {taken['sha']} was pushed")
        except VpsError as error:
            if done["committed"]:
                error.also("What was uncommitted is committed in the workspace now.")
            raise
        return Pushed(
            name=name, branch=taken["branch"], sha=taken["sha"], before=told["before"], url=told["url"],
            committed=done["committed"], commits=tuple(taken["commits"]), agents=tuple(item["agents"]),
            note=await self._shown(item, told),
        )  # fmt: skip

    async def _shown(self, item: dict[str, Any], told: dict[str, Any]) -> str:
        """Show the tree what was pushed; what went wrong with that, which is no failure of the push."""
        try:
            await self._in_tree("update", item, write=True)
        except VpsError as error:
            return str(error)
        return str(explain(**{key: told["trouble"][key] for key in ("words", "stderr")})) if "trouble" in told else ""

    async def vault(self, name: str, branch: str = "") -> Vault:
        """What the control plane's repository of a workspace knows of its remote, and of one branch there."""
        await self._vaulted(name)
        return Vault.model_validate(await self._in_vault("info", name, branch=branch))

    async def delete(self, name: str, *, force: bool) -> None:
        """Remove it. Raises BadInput while agents work in it, or, unless forced, while work exists nowhere else."""
        item = await self._item(name)
        if item["agents"]:
            raise BadInput(
                "workspace_name", f"agents work in {name}: {', '.join(item['agents'])}.", remedy="Stop them first."
            )
        if "--" not in name and item["trees"]:
            remedy = "Delete those first; they borrow its objects."
            raise BadInput("workspace_name", f"{name} has further trees: {', '.join(item['trees'])}.", remedy=remedy)
        if not force:
            workspace = Workspace.of(item, await self._in_tree("state", item))
            if unsaved := workspace.unsaved:
                remedy = "Push it, or use `force`."
                raise BadInput("workspace_name", f"{name} has {unsaved}, which exist nowhere else.", remedy=remedy)
        await self._remove(name, vault="--" not in name)

    async def _remove(self, name: str, *, vault: bool) -> None:
        root = self._config.root
        names = [self.path(name).removeprefix(f"{root}/"), f"caches/{name}"]
        if vault:
            names += [f"git/{name}.git", f"git/{name}.git.new"]
        await check(self._relay, docker.remove_as_root(self._config.image, root, names), timeout=_LOCAL_S)
        if not vault:
            with contextlib.suppress(VpsError):
                await self._in_vault("forget", name, tree=name)

    async def _vaulted(self, name: str) -> dict[str, Any]:
        item = await self._item(name)
        if item["vault"] is None:
            remedy = "It was made by other means; clone it with `workspace clone` under another name."
            raise BadInput("workspace_name", f"{name} has no repository of the control plane's.", remedy=remedy)
        return item

    async def _take(self, name: str, item: dict[str, Any]) -> dict[str, Any]:
        """Bring the tree's branch into the vault; its branch and commit."""
        transfer = str((await self._relay.ask("transfer"))["path"])
        try:
            packed = await self._in_tree("pack", item, transfer=transfer)
            named = {"tree": name, "branch": packed["branch"], "sha": packed["sha"]}
            info = await self._in_vault("take", name, transfer=transfer, **named)
        finally:
            await asyncio.shield(self._end_transfer(transfer))
        return packed | {"url": info["url"]}

    async def _end_transfer(self, transfer: str) -> None:
        """What of it an agent made unremovable is tried again at the next one; why this one failed matters more."""
        with contextlib.suppress(VpsError):
            ended = await self._relay.ask("end-transfer", {"path": transfer})
            if ended["left"]:
                image, parent = self._config.image, str(ended["parent"])
                await check(self._relay, docker.remove_as_root(image, parent, ended["left"]), timeout=_LOCAL_S)

    def _vault_path(self, name: str) -> str:
        return f"{self._config.root}/git/{name.split('--', 1)[0]}.git"

    def _mounted(self, op: str, name: str) -> str:
        """What of the vaults the container sees: its own, except while that is made."""
        return self._vaults if op == "create" else self._vault_path(name)

    def _place(self, *, tree: str = "", vault: str = "", transfer: str = "") -> git.Place:
        return git.Place(self._config.image, self._relay.library, tree, vault, transfer)

    async def _in_tree(
        self,
        op: str,
        item: dict[str, Any],
        *,
        write: bool = False,
        own: bool = False,
        transfer: str = "",
        **fields: Any,
    ) -> dict[str, Any]:
        vault = item["vault"] or ""
        place = self._place(tree=item["path"], vault=vault, transfer=transfer)
        request = {"op": op, "tree": item["path"], "vault": vault, "own": own, **fields}
        command = git.tree(place, write=write, own=own, seconds=round(_LOCAL_S))
        return await self._local(op, command, request)

    async def _in_vault(self, op: str, name: str, *, transfer: str = "", **fields: Any) -> dict[str, Any]:
        """In the vault without network; its answer."""
        request = {"op": op, "vault": self._vault_path(name), "network": False, **fields}
        place = self._place(vault=self._mounted(op, name), transfer=transfer)
        command = git.vault(place, network=False, seconds=round(_LOCAL_S))
        return await self._local(op, command, request)

    async def _local(self, op: str, command: Cmd, request: dict[str, Any]) -> dict[str, Any]:
        async with self._containers:
            done = await self._relay.run(command, stdin=json.dumps(request).encode() + b"\n", timeout=_LOCAL_S + 30)
        if done.exit_code != 0 or not done.stdout:
            raise CommandFailed(f"git {op}", done.exit_code, done.stderr.decode("utf-8", "replace"))
        return _answer(json.loads(done.stdout.splitlines()[-1]))

    async def _over_network(self, op: str, name: str, progress: Progress, **fields: Any) -> dict[str, Any]:
        """In the vault with network and credential, telling git's progress. It ends when this is cancelled."""
        request = {"op": op, "vault": self._vault_path(name), "network": True, **fields, **self._credential.fields()}
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
