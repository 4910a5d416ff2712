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
    return Diff(tuple(line for hunk in fields.items(detail.get("structuredPatch")) for line in _hunk(fields.mapping(hunk))))


def _hunk(hunk: Json) -> list[str]:
    old, new = (f"{fields.integer(hunk, f'{side}Start') or 0},{fields.integer(hunk, f'{side}Lines') or 0}" for side in ("old", "new"))
    return [f"@@ -{old} +{new} @@", *(line for line in fields.items(hunk.get("lines")) if isinstance(line, str))]
