"""An agent's words as messages."""

from __future__ import annotations

from .blocks import TEXT_LIMIT, Attachment, attachment
from .markdown import markdown
from .text import beginning, printable, split

PIECES = 3
"""A text of more messages becomes a file, with its beginning as the message."""
EXCERPT = 1500


def messages(text: str, sign: str = "") -> tuple[list[str], tuple[Attachment, ...]]:
    """The messages, and the files of the only one."""
    # The first check spares the work on a text of megabytes.
    if len(text) <= PIECES * TEXT_LIMIT and len(pieces := split(sign + markdown(text), TEXT_LIMIT)) <= PIECES:
        return pieces, ()
    excerpt = beginning(sign + markdown(text[: 2 * EXCERPT]), EXCERPT)
    return [f"{excerpt}\n-# Cut here; the whole text is in the file."], (attachment("answer.md", printable(text)),)
