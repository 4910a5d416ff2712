"""What an edit changed, as a unified diff."""

from __future__ import annotations

from dataclasses import dataclass

from vps.events.types import Json

from . import fields


@dataclass(frozen=True, slots=True)
class Diff:
    """`lines` are those of a unified diff without file names."""

    lines: tuple[str, ...] = ()
    created: bool = False

    @property
    def added(self) -> int:
        """Lines added."""
        return sum(line.startswith("+") for line in self.lines)

    @property
    def removed(self) -> int:
        """Lines removed."""
        return sum(line.startswith("-") for line in self.lines)

    @property
    def text(self) -> str:
        """The diff's text."""
        return "\n".join(self.lines)


def of(detail: Json) -> Diff:
    """The diff in the structured result of Edit, MultiEdit or Write."""
    if detail.get("type") == "create":
        content = fields.text(detail, "content").removesuffix("\n")
        return Diff(tuple("+" + line for line in content.split("\n")) if content else (), created=True)
    hunks = map(fields.mapping, fields.items(detail.get("structuredPatch")))
    return Diff(tuple(line for hunk in hunks for line in _hunk(hunk)))


def _hunk(hunk: Json) -> list[str]:
    old, new, old_lines, new_lines = (
        fields.integer(hunk, name) or 0 for name in ("oldStart", "newStart", "oldLines", "newLines")
    )
    return [
        f"@@ -{old},{old_lines} +{new},{new_lines} @@",
        *(line for line in fields.items(hunk.get("lines")) if isinstance(line, str)),
    ]
