"""What is being done to a workspace: one thing at a time, and whoever comes meanwhile is told.

<root>/claims/<name>           what is being done and its id, locked by the relay process that it is done through
<root>/workspaces/.new-<id>    a tree until it is whole, with git/.new-<id>.git its repository
<root>/workspaces/.gone-<id>   what is being removed, with git/.gone-<id>.git and caches/.gone-<id>; <root>/.gone-<id> of the
                               scratch workspace

A name is free, or claimed as long as that process lives: with the connection, the bot or the host the claim ends, and nobody
has to find out whether its owner is coming back. Under a name there is a whole workspace or none: it is made aside and renamed
into place, renamed away and then removed. Aside, what belongs to no living claim is debris, which anybody may remove.
Everything here happens under the lock that a starting agent takes too.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from typing import Any

from vps.host import caches, gateway, workspaces
from vps.host.refused import Refused

MADE, DELETED = "made", "deleted"
_ASIDE = re.compile(r"\.(?:new|gone)-([0-9a-f]{16})(?:\.git)?")
_ID = re.compile(r"[0-9a-f]{16}")
_held: dict[str, tuple[str, int]] = {}
"""What this process holds: name and locked descriptor by id."""


def claim(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Claim `name` for what is done to it, `deed` in one word: to be `made` or `deleted`, or anything else that changes it.

    `id` is the claimer's. The answer holds the workspace as it is, and where its parts are made. Refused with the reason where
    that cannot be done now.
    """
    name, deed, owner = request["name"], request["deed"], request["id"]
    if not _ID.fullmatch(owner):
        raise ValueError(f"not a claim's id: {owner!r}")
    if deed == DELETED:
        workspaces.ask_to_sleep(root, name)
    with workspaces.one_at_a_time(root):
        refuse_claimed(root, name)
        (item,) = workspaces.look(root, {"name": name})["workspaces"]
        if deed == MADE:
            _may_be_made(root, item)
        else:
            _may_be_changed(root, item, deed)
        _hold(root, name, deed, owner)
        tree, vault = _aside(root, name, owner, "new")
        if deed == MADE:
            # One that was removed by hand may have left its packages: they are no business of a new one.
            caches.retire(root, name)
            for path in (tree, vault):
                os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
                os.mkdir(path)
                os.chmod(path, 0o755)  # noqa: S103  whatever the umask: agents read both
    return {"item": item, "tree": tree, "vault": vault}


def refuse_claimed(root: str, name: str) -> None:
    """Raise Refused while something is being done to that workspace; to be called under the lock."""
    found = _standing(root, name)
    if found is not None:
        raise Refused("workspace_name", f"{name} is being {found[0]} at the moment", "Try again when that is done.")


def refuse_leaving(root: str, name: str) -> None:
    """Raise Refused where no agent may start, because the workspace is being made or deleted; to be called under the lock."""
    found = _standing(root, name)
    if found is not None and found[0] in (MADE, DELETED):
        raise Refused("workspace_path", f"{name} is being {found[0]} at the moment", "Try again when that is done.")


def _may_be_made(root: str, item: dict[str, Any]) -> None:
    name, base = item["name"], item["name"].split("--", 1)[0]
    if os.path.lexists(item["path"]):
        raise Refused("workspace_name", f"{name} is taken", "Choose another name, or delete that workspace first.")
    _refuse_agents(item)
    if name != base:
        refuse_leaving(root, base)
    elif item["trees"]:
        # They borrow from the repository of that name, which a new one would replace.
        what = f"there are further trees of an earlier {name}: {', '.join(item['trees'])}"
        raise Refused("workspace_name", what, "Choose another name, or delete those first.")


def _may_be_changed(root: str, item: dict[str, Any], deed: str) -> None:
    name = item["name"]
    if not item["there"]:
        raise Refused("workspace_name", f"there is no workspace {name}", "List them with `workspace list`.")
    if deed != DELETED:
        return
    _refuse_agents(item)
    trees = item["trees"] + [other for other, _ in _living(root) if other.startswith(name + "--")]
    if "--" not in name and trees:
        message = f"{name} has further trees: {', '.join(dict.fromkeys(trees))}"
        raise Refused("workspace_name", message, "Delete those first; they borrow its objects.")


def _refuse_agents(item: dict[str, Any]) -> None:
    if item["agents"]:
        message = f"agents work in {item['name']}: {', '.join(item['agents'])}"
        raise Refused("workspace_name", message, "Stop them first.")


def publish(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Put the finished `part` (vault or tree) of the workspace claimed by `id` in its place.

    A repository that is there already stays and is as good for a further tree. For a new workspace it is one that nobody needs.
    """
    owner = request["id"]
    with workspaces.one_at_a_time(root):
        name = _own(owner)
        tree, vault = _aside(root, name, owner, "new")
        if request["part"] == "tree":
            if os.path.lexists(workspaces.path(root, name)):
                raise Refused("workspace_name", f"{name} is taken", "Choose another name.")
            os.makedirs(os.path.dirname(workspaces.path(root, name)), mode=0o755, exist_ok=True)
            os.rename(tree, workspaces.path(root, name))
            return {}
        place = workspaces.vault_path(root, name)
        if os.path.lexists(place) and "--" not in name:
            os.rename(place, _aside(root, name, owner, "gone")[1])
        if not os.path.lexists(place):
            os.rename(vault, place)
    return {}


def retire(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Take the workspace claimed by `id` away from under its name; what is to be removed then, below the root."""
    owner = request["id"]
    with workspaces.one_at_a_time(root):
        name = _own(owner)
        (item,) = workspaces.look(root, {"name": name})["workspaces"]
        _may_be_changed(root, item, DELETED)
        tree, vault = _aside(root, name, owner, "gone")
        os.rename(item["path"], tree)
        gone = [tree]
        if "--" not in name and item["vault"] is not None:
            os.rename(item["vault"], vault)
            gone.append(vault)
        if "--" not in name:
            gateway.forget(root, name)
        if cache := caches.retire(root, name, owner):
            gone.append(cache)
    return {"gone": [os.path.relpath(path, root) for path in gone]}


def release(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Give the name back. What lies aside and belongs to no living claim, this one's included, is `debris`, below the root."""
    with workspaces.one_at_a_time(root):
        held = _held.pop(request["id"], None)
        if held is not None:
            name, descriptor = held
            for path in _aside(root, name, request["id"], "new"):
                with contextlib.suppress(OSError):
                    os.rmdir(path)  # nothing was made there
            os.unlink(_file(root, name))
            os.close(descriptor)
        return {"debris": _debris(root)}


def _own(owner: str) -> str:
    if owner not in _held:
        raise Refused("host", "the connection broke while a workspace was being made or deleted", "Try it again.")
    return _held[owner][0]


def _aside(root: str, name: str, owner: str, state: str) -> tuple[str, str]:
    """Where its tree and its repository are while they have no name."""
    parent = root if name == workspaces.SCRATCH else os.path.join(root, "workspaces")
    return os.path.join(parent, f".{state}-{owner}"), os.path.join(root, "git", f".{state}-{owner}.git")


def _debris(root: str) -> list[str]:
    living = {owner for _, owner in _living(root)}
    found: list[str] = []
    for part in ("", "workspaces", "git", "caches"):
        directory = os.path.join(root, part)
        for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
            aside = _ASIDE.fullmatch(name)
            if aside and aside[1] not in living:
                found.append(os.path.join(part, name))
    return found


def _file(root: str, name: str) -> str:
    workspaces.path(root, name)  # refuses what is no name
    return os.path.join(root, "claims", name)


def _hold(root: str, name: str, deed: str, owner: str) -> None:
    os.makedirs(os.path.join(root, "claims"), mode=0o700, exist_ok=True)
    descriptor = os.open(_file(root, name), os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.write(descriptor, f"{deed} {owner}".encode())
    _held[owner] = (name, descriptor)


def _living(root: str) -> list[tuple[str, str]]:
    """The names that are claimed, and by whom."""
    directory = os.path.join(root, "claims")
    names = os.listdir(directory) if os.path.isdir(directory) else []
    found = [(name, _standing(root, name)) for name in names]
    return [(name, standing[1]) for name, standing in found if standing is not None]


def _standing(root: str, name: str) -> tuple[str, str] | None:
    """What is being done to a workspace, and by whom."""
    try:
        descriptor = os.open(_file(root, name), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        # Another descriptor's lock stands in the way, also of this very process (flock(2)).
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        deed, _, owner = os.read(descriptor, 200).decode().partition(" ")
        return deed, owner
    finally:
        os.close(descriptor)
    return None
