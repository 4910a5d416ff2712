"""Where a repository comes from: an address that was checked, before anything is done with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from vps.errors import BadInput
from vps.model_url import is_loopback

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]")
_PATH = re.compile(r"[A-Za-z0-9._~+@%/-]+")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_SCP = re.compile(r"(?:(?P<user>[^@:/]+)@)?(?P<host>[^@:/]+):(?P<path>[^:].*)")
_LONGEST = 500
_REMEDY = "Give an address such as https://github.com/owner/repo.git or git@github.com:owner/repo.git."


@dataclass(frozen=True, slots=True)
class Remote:
    """A remote repository. `url` holds no credential."""

    kind: Literal["https", "http", "ssh"]
    host: str
    """With its port, if it is not the scheme's own."""
    path: str
    """Without a leading slash and without `.git`."""
    url: str

    @property
    def name(self) -> str:
        """The last part of its path: what a clone is called."""
        return self.path.rsplit("/", 1)[-1]


def parse_remote(text: str) -> Remote:
    """The address as a value. Raises BadInput for what is none, or is not https or ssh (http on loopback only).

    git itself would take `ext::sh -c …`, `file:` and names that begin with a dash, each of which runs or reads something.
    """
    if "::" in text:
        raise _bad("names a transport helper, which would run a program")
    if (
        not text
        or len(text) > _LONGEST
        or text.startswith("-")
        or not text.isascii()
        or not text.isprintable()
        or " " in text
    ):
        raise _bad("is no repository's address")
    if "://" in text:
        return _from_url(text)
    if found := _SCP.fullmatch(text):
        return _ssh(found["user"], found["host"], None, found["path"], text)
    raise _bad("is no repository's address")


def _from_url(text: str) -> Remote:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _bad("has a malformed host or port") from None
    if parts.query or parts.fragment:
        raise _bad("has a query or a fragment")
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    if parts.scheme == "ssh":
        if parts.password is not None:
            raise _bad("holds a password")
        return _ssh(parts.username, host, port, parts.path.lstrip("/"), text)
    if parts.username is not None or parts.password is not None:
        raise BadInput("repo_url", "holds a credential.", remedy="Leave it out; GITHUB_TOKEN is used where it belongs.")
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        _check(host, parts.path.lstrip("/"))
        where = host if port is None else f"{host}:{port}"
        path = _plain(parts.path)
        return Remote(
            "https" if parts.scheme == "https" else "http",
            where,
            path,
            f"{parts.scheme}://{where}/{path}{_suffix(text)}",
        )
    raise _bad(f"has the scheme {parts.scheme[:20]!r}; only https and ssh are taken")


def _ssh(user: str | None, host: str, port: int | None, path: str, text: str) -> Remote:
    if user is not None and not _USER.fullmatch(user):
        raise _bad("has an odd user name")
    _check(host, path)
    where = host if port in (None, 22) else f"{host}:{port}"
    plain = _plain(path)
    if "://" not in text and not text.split(":", 1)[1].startswith("/"):
        # The short form's path is relative to the user's home, which `ssh://` cannot say.
        return Remote("ssh", where, plain, f"{user or 'git'}@{host}:{plain}{_suffix(text)}")
    return Remote("ssh", where, plain, f"ssh://{user or 'git'}@{where}/{plain}{_suffix(text)}")


def _check(host: str, path: str) -> None:
    if not _HOST.fullmatch(host):
        raise _bad("has no host, or an odd one")
    parts = _plain(path).split("/")
    if not _PATH.fullmatch(path) or any(part in ("", ".", "..") or part.startswith("-") for part in parts):
        raise _bad("has no path, or an odd one")


def _plain(path: str) -> str:
    return path.strip("/").removesuffix(".git")


def _suffix(text: str) -> str:
    return ".git" if text.rstrip("/").endswith(".git") else ""


def _bad(why: str) -> BadInput:
    return BadInput("repo_url", f"{why}.", remedy=_REMEDY)
