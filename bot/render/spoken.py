"""What is said aloud: words without what only eyes understand."""

from __future__ import annotations

import re
from typing import Literal

from bot.render.text import printable

SHORT = 300
"""Characters that take about 20 seconds."""

_LINK = re.compile(r"\[([^\]\n]*)\]\([^)\s]*\)")
_ADDRESS = re.compile(r"https?://\S+")
_MENTION = re.compile(r"<(?:@[!&]?|#|a?:\w+:|t:)-?\d+(?::\w)?>")
_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_MARKS = re.compile(r"^\s*(?:#{1,3}|-#|>{1,3}|[-*•])\s+|[*_~`|]+", re.MULTILINE)


def is_wanted(when: Literal["always", "never", "short"], answer: str) -> bool:
    """Whether an answer to speech is spoken too; `when` is AGENTFLOW_VOICE_ANSWERS."""
    return when == "always" or (when == "short" and len(answer) <= SHORT)


def speakable(text: str) -> str:
    """In one line, without markup, code, addresses and mentions; empty where nothing is left to say."""
    for pattern, instead in ((_CODE, " "), (_LINK, r"\1"), (_ADDRESS, "a link"), (_MENTION, ""), (_MARKS, "")):
        text = pattern.sub(instead, text)
    said = " ".join(printable(text).split())
    return said if any(char.isalnum() for char in said) else ""
