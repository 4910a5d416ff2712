"""Markdown as agents write it, turned into what Discord shows.

Discord knows only three-backtick blocks and headings to level three, and has no tables.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import zip_longest

from .text import fence, plain

TABLE_WIDTH = 56
"""Columns of a code block that a phone shows without wrapping much; a wider table becomes a list."""

_OPENING = re.compile(r"(?P<indent>\s*)(?P<run>`{3,}|~{3,})[ \t]*(?P<info>[^`]*)$")
_LANGUAGE = re.compile(r"[A-Za-z0-9_+\-.#]{1,20}")
_DEEP_HEADING = re.compile(r"#{4,6}\s+(.+?)\s*#*$")
_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*")
_CELL_BORDER = re.compile(r"(?<!\\)\|")


def markdown(text: str) -> str:
    """`plain` text of an agent in Discord's dialect. A block that is not closed is left for `split` to close."""
    lines = plain(text).split("\n")
    out: list[str] = []
    at = 0
    while at < len(lines):
        shown, taken = _code_block(lines, at) or _table(lines, at) or (_prose(lines[at]), 1)
        out.append(shown)
        at += taken
    return "\n".join(out)


def _prose(line: str) -> str:
    heading = _DEEP_HEADING.match(line)
    return f"**{heading[1]}**" if heading else line


def _code_block(lines: list[str], at: int) -> tuple[str, int] | None:
    opening = _OPENING.match(lines[at])
    if opening is None:
        return None
    closing = re.compile(rf"\s*{re.escape(opening['run'][0])}{{{len(opening['run'])},}}\s*$")
    end = next((line for line in range(at + 1, len(lines)) if closing.match(lines[line])), None)
    if end is None:
        return None
    language = _LANGUAGE.match(opening["info"])
    body = "\n".join(line.removeprefix(opening["indent"]) for line in lines[at + 1 : end])
    return (fence(body, language[0] if language else "") if body.strip() else "", end + 1 - at)


def _table(lines: list[str], at: int) -> tuple[str, int] | None:
    if at + 1 == len(lines) or "|" not in lines[at] or "|" not in lines[at + 1] or not _RULE.fullmatch(lines[at + 1]):
        return None
    end = at + 2
    while end < len(lines) and "|" in lines[end]:
        end += 1
    rows = [_cells(line) for line in (lines[at], *lines[at + 2 : end])]
    return _aligned(rows) or _records(rows), end - at


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [cell.strip().replace("\\|", "|") for cell in _CELL_BORDER.split(inner)]


def _aligned(rows: list[list[str]]) -> str | None:
    columns = [max(_columns(cell) for cell in column) for column in zip_longest(*rows, fillvalue="")]
    if sum(columns) + 2 * (len(columns) - 1) > TABLE_WIDTH:
        return None
    drawn = ["  ".join(map(_padded, row, columns)) for row in rows]
    drawn.insert(1, "  ".join("─" * wide for wide in columns))
    return fence("\n".join(line.rstrip() for line in drawn))


def _padded(cell: str, columns: int) -> str:
    return cell + " " * (columns - _columns(cell))


def _columns(cell: str) -> int:
    """How many columns of a fixed-width font a cell takes."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in cell)
    return len(cell) + wide - sum(unicodedata.combining(char) > 0 for char in cell)


def _records(rows: list[list[str]]) -> str:
    head, *body = rows
    named = [[_field(name, cell) for name, cell in zip_longest(head, row, fillvalue="") if cell] for row in body]
    return "\n".join("- " + " · ".join(row) for row in named)


def _field(name: str, cell: str) -> str:
    return f"**{name}** {cell}" if name else cell
