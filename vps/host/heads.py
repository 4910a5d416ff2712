"""Where a workspace would be pushed to, from two small files: fast enough for a question that has to be shown within 3 s."""

from __future__ import annotations

import os
import re
from typing import Any

from vps.host import workspaces
from vps.host.files import open_regular, read_regular

_HEAD = re.compile(rb"ref: refs/heads/([^\x00-\x20\x7f]{1,250})\n?")
_URL = re.compile(r'^\[remote "origin"\]\n(?:[ \t]+.*\n)*?[ \t]+url = (\S+)$', re.MULTILINE)


def target(root: str, request: dict[str, Any]) -> dict[str, str]:
    """The `branch` that the tree of the workspace `name` is on, in an agent's words, and the `url` that its repository is pushed
    to. Each is empty where it cannot be told so.
    """
    name = request["name"]
    return {"branch": _branch(workspaces.path(root, name)), "url": _url(workspaces.vault_path(root, name))}


def _branch(tree: str) -> str:
    try:
        # Each step by itself: any part of the tree may be a link by now.
        directory = os.open(os.path.join(tree, ".git"), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with os.fdopen(open_regular("HEAD", directory=directory), "rb") as file:
                found = _HEAD.fullmatch(file.read(300))
        finally:
            os.close(directory)
    except OSError:
        return ""
    return found[1].decode("utf-8", "replace") if found else ""


def _url(vault: str) -> str:
    try:
        found = _URL.search(read_regular(os.path.join(vault, "config")).decode("utf-8", "replace"))
    except OSError:
        return ""
    return found[1] if found else ""
