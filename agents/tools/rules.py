"""Tools and rules about them, by comma, as the CLI names them: `Read,Bash(git *),mcp__docs__search`."""

from __future__ import annotations

import re

_RULE = re.compile(r"[A-Za-z][A-Za-z0-9_*.-]*(\(.+\))?", re.DOTALL)


def rules(text: str) -> tuple[str, ...]:
    """Raises ValueError for what is no tool: the CLI would leave it out without a word, and what it forbids would run."""
    found: list[str] = []
    depth, start = 0, 0
    for at, sign in enumerate(f"{text},"):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth <= 0:
            found.append(text[start:at].strip())
            start = at + 1
    if depth or any(rule.count("(") != rule.count(")") for rule in found):
        raise ValueError("has parentheses that do not match")
    named = [rule for rule in found if rule]
    for rule in named:
        if not _RULE.fullmatch(rule):
            raise ValueError(f"{rule[:60]!r} is no tool, such as Read, Bash(git *) or mcp__docs__search")
    return tuple(dict.fromkeys(named))
