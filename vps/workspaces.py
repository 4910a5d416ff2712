"""The workspaces of one host: cloned, created, branched, compared, brought up to date, pushed and deleted.

Every workspace has two repositories: its tree, which agents write, and the control plane's own (`vault`), whose objects the tree
borrows. git in the tree runs as the agents' user without network or credential; git with a credential runs in the vault.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Literal, TypeVar

import structlog

from vps.commands import docker
from vps.config import AgentConfig
from vps.errors import BadInput, CommandFailed, VpsError
from vps.git_containers import LOCAL_S, GitContainers, GitCredential, Progress
from vps.git_errors import explain
from vps.host.workspaces import base, path
from vps.relay import Relay
from vps.remotes import Remote
from vps.runner import check
from vps.workspace import Diff, Packed, Pushed, Vault, Workspace

log = structlog.get_logger()

T = TypeVar("T")

_GLANCE_S = 20.0
"""One tree's share of a list: what its filters hold up must not hold up the rest."""


class Workspaces:
    """All workspaces below one root directory of one host."""

    def __init__(self, relay: Relay, config: AgentConfig, credential: GitCredential) -> None:
        self._relay = relay
        self._config = config
        self._git = GitContainers(relay, config, credential)

    def path(self, name: str) -> str:
        """Where a workspace of that name is, on the host."""
        return path(self._config.root, name)

    async def names(self) -> Sequence[str]:
        """Of all of them, further trees included."""
        answer = await self._relay.ask("workspaces")
        return [item["name"] for item in answer["workspaces"]]

    async def list(self) -> Sequence[Workspace]:
        """All of them with what git says of each."""
        answer = await self._relay.ask("workspaces", {"sizes": True})
        return await asyncio.gather(*(self._looked_into(item, _GLANCE_S) for item in answer["workspaces"]))

    async def _looked_into(self, item: dict[str, Any], seconds: float = LOCAL_S) -> Workspace:
        try:
            return await self._git.in_tree("state", item, _workspace(item), seconds=seconds)
        except VpsError as error:
            return Workspace.of(item, {"kind": "unreadable", "why": str(error)})

    async def find(self, name: str) -> Workspace:
        """One of them. Raises BadInput for a name that none has."""
        item = await self._item(name=name)
        return await self._git.in_tree("state", item, _workspace(item))

    async def glance(self, name: str) -> Workspace:
        """The same, also of one that git cannot read."""
        return await self._looked_into(await self._item(name=name))

    async def agents(self, name: str) -> Sequence[str]:
        """Those at work in it. Raises BadInput for a name that none has."""
        return list((await self._item(name=name))["agents"])

    async def _item(self, **which: str) -> dict[str, Any]:
        """The host's description of the workspace called `name`, or of the one a real `path` lies in."""
        (item,) = (await self._relay.ask("workspaces", which))["workspaces"]
        if not item["there"]:
            remedy = "List them with `workspace list`."
            raise BadInput("workspace_name", f"there is no workspace {item['name']}.", remedy=remedy)
        return item

    async def clone(self, remote: Remote, name: str, branch: str | None, progress: Progress) -> Vault:
        """A workspace of a remote repository. Raises BadInput or GitFailed; then nothing of it is left."""
        async with self.claimed(name, "made") as claim:
            await progress(f"Cloning {remote.url}")
            made = {"vault": claim["vault"], "url": remote.url, "branch": branch}
            vault = Vault.model_validate(await self._git.over_network("create", name, progress, **made))
            await self._publish(claim, "vault")
            await progress("Checking out")
            await self._set_up(claim, url=remote.url, branch=vault.branch, start=vault.start or None)
        return vault

    async def create(self, name: str) -> None:
        """A workspace without a remote: one empty commit on `main`."""
        async with self.claimed(name, "made") as claim:
            await self._make_vault(claim)
            await self._set_up(claim, branch="main")

    async def set_remote(self, name: str, remote: Remote) -> None:
        """Give a created workspace the repository it is pushed to."""
        await self._git.in_vault("set-remote", name, url=remote.url)

    @contextlib.asynccontextmanager
    async def claimed(self, name: str, deed: str) -> AsyncGenerator[dict[str, Any]]:
        """The workspace's name for this alone, until the block ends; what was not put in its place by then is taken away.

        `deed` is what is done to it, in a word: see `vps.host.claims`, which also tells what is refused.
        """
        owner = secrets.token_hex(8)
        request = {"id": owner, "name": name, "deed": deed}
        claiming = asyncio.create_task(self._relay.ask("claim", request))
        try:
            yield {**await asyncio.shield(claiming), **request}
        finally:
            await asyncio.shield(self._release(claiming, owner))

    async def _release(self, claiming: asyncio.Task[dict[str, Any]], owner: str) -> None:
        # Whoever asked may be gone before the host has answered.
        await asyncio.wait({claiming})
        try:
            debris = (await self._relay.ask("release", {"id": owner}))["debris"]
            if debris:
                await self._remove(debris)
        except VpsError as error:
            await log.awarning("something of a workspace stayed behind", error=str(error))

    async def _publish(self, claim: dict[str, Any], part: Literal["vault", "tree"]) -> None:
        await self._relay.ask("publish", {"id": claim["id"], "part": part})

    async def _make_vault(self, claim: dict[str, Any]) -> None:
        await self._git.in_vault("create", claim["name"], vault=claim["vault"], url="")
        await self._publish(claim, "vault")

    async def _set_up(self, claim: dict[str, Any], **fields: Any) -> None:
        item = {"path": claim["tree"], "vault": self._git.vault_path(claim["name"])}
        await self._git.in_tree("setup", item, dict, write=True, own=True, **fields)
        await self._publish(claim, "tree")

    async def branch_off(self, path: str, slug: str, family: str = "") -> tuple[str, str]:
        """A further tree of the workspace `path` lies in, from its last commit: its name and its branch `agent/<slug>`.

        It lies with the `family` where it is one of an agent's child: see `vps.host.families`.
        """
        item = await self._item(path=path)
        whole = base(item["name"])
        name, branch = "--".join(filter(None, (whole, family, slug))), f"agent/{slug}"
        async with self.claimed(name, "made") as claim:
            if item["vault"] is None:
                await self._make_vault(claim)
                item = item | {"vault": self._git.vault_path(whole)}
            taken, url = await self._take(item["name"], item)
            await self._set_up(claim, url=url, branch=branch, start=taken.sha)
        return name, branch

    async def branch(self, name: str, branch: str) -> Workspace:
        """Create a branch and go on it."""
        async with self.claimed(name, "branched") as claim:
            item = claim["item"]
            return await self._git.in_tree("branch", item, _workspace(item), write=True, branch=branch)

    async def diff(self, name: str) -> Diff:
        """What it holds beyond its base, committed or not."""
        item = await self._item(name=name)

        def read(answer: dict[str, Any]) -> Diff:
            return Diff.model_validate(answer | {"workspace": Workspace.of(item, answer["state"])})

        return await self._git.in_tree("diff", item, read)

    async def sync(self, name: str, progress: Progress) -> tuple[Workspace, str]:
        """Fetch and fast-forward; its state, and why nothing moved if nothing did."""
        async with self.claimed(name, "synced") as claim:
            item = _vaulted(claim["item"])
            await self._git.over_network("fetch", name, progress)
            return await self._git.in_tree(
                "update", item, lambda answer: (Workspace.of(item, answer), str(answer["why"])), write=True
            )

    async def push_target(self, name: str) -> tuple[str, str]:
        """The branch a workspace is on and the address it would be pushed to, at a glance; each is empty if unknown."""
        told = await self._relay.ask("push-target", {"name": name})
        return str(told["branch"]), str(told["url"])

    async def push(
        self, name: str, message: str, author: tuple[str, str], progress: Progress, *, branch: str | None = None
    ) -> Pushed:
        """Commit what is uncommitted as `author` (name, e-mail), push the branch, and ask the remote what it has.

        With `branch`, what a person was shown: an agent that went on another meanwhile does not choose where the push goes.
        """
        async with self.claimed(name, "pushed") as claim:
            item = _vaulted(claim["item"])
            if branch is not None:
                _expect(branch, (await self._git.in_tree("state", item, _workspace(item))).branch)
            return await self._push(item, message, author, progress, branch)

    async def _push(
        self, item: dict[str, Any], message: str, author: tuple[str, str], progress: Progress, branch: str | None
    ) -> Pushed:
        """The remote is asked first: what it would refuse is not committed. What fails later says that it is."""
        name = str(item["name"])
        await progress("Asking the remote")
        await self._git.over_network("fetch", name, progress)
        await progress("Committing")
        committed = await self._git.in_tree(
            "commit", item, lambda answer: int(answer["committed"]), write=True,
            message=message, name=author[0], email=author[1],
        )  # fmt: skip
        try:
            taken, told = await self._handed_over(item, progress, branch)
        except VpsError as error:
            if committed:
                error.also("What was uncommitted is committed in the workspace now.")
            raise
        return Pushed(
            name=name, branch=taken.branch, sha=taken.sha, before=told["before"], url=told["url"],
            committed=committed, commits=taken.commits, agents=tuple(item["agents"]), note=await self._shown(item, told),
        )  # fmt: skip

    async def _handed_over(
        self, item: dict[str, Any], progress: Progress, branch: str | None
    ) -> tuple[Packed, dict[str, Any]]:
        """The tree's commits, by way of the vault, to the remote; what went and what the remote told."""
        name = str(item["name"])
        await progress("Handing over the commits")
        taken, _ = await self._take(name, item)
        if branch is not None:
            _expect(branch, taken.branch)
        await progress("Pushing")
        told = await self._git.over_network("push", name, progress, branch=taken.branch, sha=taken.sha)
        if told["remote_sha"] != taken.sha:
            has = told["remote_sha"] or "nothing"
            raise CommandFailed("git push", 0, f"the remote has {has} where {taken.sha} was pushed")
        return taken, told

    async def _shown(self, item: dict[str, Any], told: dict[str, Any]) -> str:
        """Show the tree what was pushed; what went wrong with that, which is no failure of the push."""
        try:
            await self._git.in_tree("update", item, dict, write=True)
        except VpsError as error:
            return str(error)
        return str(explain(**{key: told["trouble"][key] for key in ("words", "stderr")})) if "trouble" in told else ""

    async def hand_in(self, name: str) -> Packed:
        """Bring the commits of a further tree's branch to where its workspace's other trees have them, who borrow from there."""
        taken, _ = await self._take(name, await self._item(name=name))
        return taken

    async def vault(self, name: str, branch: str = "") -> Vault:
        """What the control plane's repository of a workspace knows of its remote, and of one branch there."""
        _vaulted(await self._item(name=name))
        return Vault.model_validate(await self._git.in_vault("info", name, branch=branch))

    async def delete(self, name: str, *, force: bool) -> None:
        """Remove it. Raises BadInput while agents work in it, or, unless forced, while work exists nowhere else."""
        async with self.claimed(name, "deleted") as claim:
            if not force and (unsaved := (await self._looked_into(claim["item"])).unsaved):
                remedy = "Push it, or use `force`."
                raise BadInput("workspace_name", f"{name} has {unsaved}, which exist nowhere else.", remedy=remedy)
            await self._remove((await self._relay.ask("retire", {"id": claim["id"]}))["gone"])
            if "--" in name:
                with contextlib.suppress(VpsError):
                    await self._git.in_vault("forget", name, tree=name)

    async def debris(self) -> Sequence[str]:
        """What a workspace's making or removal left when it was cut off, below the root."""
        return (await self._relay.ask("release", {"id": ""}))["debris"]

    async def _remove(self, parts: Sequence[str]) -> None:
        """Directories below the root, whoever wrote in them."""
        command = docker.remove_as_root(self._config.image, self._config.root, list(parts))
        await check(self._relay, command, timeout=LOCAL_S)

    async def _take(self, name: str, item: dict[str, Any]) -> tuple[Packed, str]:
        """Bring the tree's branch into the vault; where it stands, and the vault's remote."""
        transfer = str((await self._relay.ask("transfer"))["path"])
        try:
            packed = await self._git.in_tree("pack", item, Packed.model_validate, transfer=transfer)
            named = {"tree": name, "branch": packed.branch, "sha": packed.sha}
            info = await self._git.in_vault("take", name, transfer=transfer, **named)
        finally:
            await asyncio.shield(self._end_transfer(transfer))
        return packed, str(info["url"])

    async def _end_transfer(self, transfer: str) -> None:
        """What of it an agent made unremovable is tried again at the next one; why this one failed matters more."""
        with contextlib.suppress(VpsError):
            ended = await self._relay.ask("end-transfer", {"path": transfer})
            if ended["left"]:
                image, parent = self._config.image, str(ended["parent"])
                await check(self._relay, docker.remove_as_root(image, parent, ended["left"]), timeout=LOCAL_S)


def _workspace(item: dict[str, Any]) -> Callable[[dict[str, Any]], Workspace]:
    return lambda state: Workspace.of(item, state)


def _expect(branch: str, found: str) -> None:
    if found != branch:
        remedy = "Look at its changes, then push again."
        raise BadInput("branch", f"the workspace is on {found or 'no branch'} by now, not on {branch}.", remedy=remedy)


def _vaulted(item: dict[str, Any]) -> dict[str, Any]:
    if item["vault"] is None:
        remedy = "It was made by other means; clone it with `workspace clone` under another name."
        raise BadInput("workspace_name", f"{item['name']} has no repository of the control plane's.", remedy=remedy)
    return item
