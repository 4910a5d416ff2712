"""What people may put into an agent's environment."""

from __future__ import annotations

import re

_FORBIDDEN = re.compile(
    r"(ANTHROPIC|CLAUDE|NODE|LD)_.*|(ALL|HTTPS?|NO|FTP)_PROXY|PATH|HOME|BASH_ENV|ENV|IFS|SHELLOPTS", re.IGNORECASE
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


def check_name(name: str) -> None:
    """Raises ValueError for a variable that could redirect or read the operator's credential."""
    if _FORBIDDEN.fullmatch(name):
        raise ValueError(f"may not set {name}: it could redirect or read the operator's credential")


def is_name(text: str) -> bool:
    """Whether it can be a variable's name."""
    return _NAME.fullmatch(text) is not None


def lines(text: str | None) -> dict[str, str]:
    """KEY=VALUE lines. Raises ValueError for one that is none, or as `check_name`."""
    found: dict[str, str] = {}
    for number, line in enumerate((text or "").splitlines(), start=1):
        if not line.strip():
            continue
        name, equals, value = line.partition("=")
        if not equals or not is_name(name) or "\0" in value:
            raise ValueError(f"line {number} is no KEY=VALUE line")
        check_name(name)
        found[name] = value
    return found


def names(text: str | None) -> tuple[str, ...]:
    """Names by comma, each once. Raises ValueError for one that is none."""
    found = tuple(dict.fromkeys(word.strip() for word in (text or "").split(",") if word.strip()))
    for name in found:
        if not is_name(name):
            raise ValueError(f"{name[:60]!r} is no secret's name, such as NPM_TOKEN")
    return found
