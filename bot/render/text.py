"""Text for Discord: harmless, short enough, split at sensible places.

Discord's own reading of code fences counts, not CommonMark's: a block reaches from one run of three backticks to the
next, wherever they stand; longer fences and `~~~` do not exist. Lengths are UTF-16 units, the strictest way to count.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass

FENCE = "```"
ZERO_WIDTH = "\u200b"
HUGE = 1e12
"""No honest figure is so large; a log may hold any number that JSON can, also infinite ones."""

_ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # OSC: titles, links
    r"|\x1b[PX^_][^\x1b\n]*(?:\x1b\\)?"
    r"|\x9b[0-?]*[ -/]*[@-~]"
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_PING = re.compile(r"@(?=everyone|here)|<@(?=[!&]?\d)", re.IGNORECASE)
_LANGUAGE = re.compile(r"([A-Za-z0-9_+\-.#]{1,20})\n")
_SENTENCE = re.compile(r"[.!?…。！？][)\"'»”]*\s+|[。！？]")
_JOINERS = re.compile("[\u0300-\u036f\u200d\u20d0-\u20ff\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
_MAX_GRAPHEME = 32


def width(text: str) -> int:
    """The length in UTF-16 units."""
    return len(text) if text.isascii() else len(text) + sum(char > "\uffff" for char in text)


def blank(text: str) -> bool:
    """Whether nothing of it can be seen; Discord refuses such a message."""
    return all(unicodedata.category(char)[0] in "ZC" for char in text)


def printable(text: str) -> str:
    """Without ANSI escapes, control characters, bidirectional overrides and lone surrogates; tabs and U+2028 stay."""
    text = _ANSI.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _SURROGATE.sub("\ufffd", _CONTROL.sub("", text))


def plain(text: str) -> str:
    """`printable`, and mentions are defused so that they read as text."""
    return _PING.sub(lambda found: found[0] + ZERO_WIDTH, printable(text))


def shorten(text: str, limit: int) -> str:
    """At most `limit` units (3 or more), cut at a word where one ends near, with an ellipsis."""
    if width(text) <= limit:
        return text
    head = text[: _fit(text, 0, limit - 1)]
    space = head.rfind(" ")
    return (head[:space] if space > limit * 0.7 else head).rstrip() + "…"


def one_line(text: str, limit: int) -> str:
    """At most `limit` units on one line of a message; its markup reaches no other line."""
    line = shorten(_flat(text, limit), limit)
    for spanning in (FENCE, "||"):
        line = line.replace(spanning, ZERO_WIDTH)
    return line if line.count("`") % 2 == 0 else line.replace("`", "'")


def _flat(text: str, limit: int) -> str:
    # The beginning is enough, and spares the work on a text of megabytes.
    return " ".join(plain(text[: 16 * limit]).split())


def inline_code(text: str, limit: int = 200) -> str:
    """One line of code, at most `limit` units with its backticks, whatever it contains."""
    line = _flat(text, limit)
    # Three backticks in a row would open a block, two would end our own quoting.
    line = shorten(re.sub(r"`(?=`)", "`" + ZERO_WIDTH, line), limit - 6)
    if "`" not in line:
        return f"`{line or ' '}`"
    return f"`` {line} ``"


def fence(text: str, language: str = "") -> str:
    """A code block. Backtick runs inside are broken with a zero-width space, as Discord has no longer fences."""
    body = re.sub(r"``(?=`)", "``" + ZERO_WIDTH, text.strip("\n"))
    return f"{FENCE}{language}\n{body}\n{FENCE}"


def duration(ms: float) -> str:
    """Milliseconds for people: 850 ms, 3.2 s, 42 s, 3m 05s, 1h 02m; a question mark for nonsense."""
    if not -HUGE < ms < HUGE:
        return "?"
    if ms < 1000:
        return f"{max(0, ms):.0f} ms"
    seconds = ms / 1000
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02}m"


def money(usd: float) -> str:
    """US dollars: $0.08, and three decimals below a cent; a question mark for nonsense."""
    if not 0 <= usd < HUGE:
        return "$?"
    return f"${usd:.3f}" if 0 < usd < 0.01 else f"${usd:.2f}"


def count(number: int, noun: str) -> str:
    """1 file, 2 files; nonsense is "many"."""
    shown = str(number) if -HUGE < number < HUGE else "many"
    return f"{shown} {noun}" if number == 1 else f"{shown} {noun}s"


def split(text: str, limit: int = 2000) -> list[str]:
    """Messages of at most `limit` units: cut between paragraphs, else lines, sentences, words, else anywhere.

    A code block that is cut is closed and opened again with its language. White space around a cut is dropped outside
    of code.
    """
    pieces = [piece.text for piece in cut(text, limit)]
    return [piece for piece in pieces if piece]


def beginning(text: str, limit: int) -> str:
    """The first of the pieces that `split` makes."""
    return next(iter(split(text, limit)), "…")


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of a text: `body` is the part itself, prefix and suffix reopen and close a code block."""

    prefix: str
    body: str
    suffix: str

    @property
    def text(self) -> str:
        """As it is sent; empty if there is nothing to see."""
        if blank(self.body):
            return ""
        body = self.body if self.prefix else self.body.lstrip("\n")
        return self.prefix + body + self.suffix if self.suffix else (self.prefix + body).rstrip()


def cut(text: str, limit: int) -> list[Piece]:
    """The pieces of `split`; their bodies joined are `text`."""
    fences = _Fences.of(text)
    pieces: list[Piece] = []
    at = 0
    while at < len(text):
        prefix = fences.reopening(at)
        end = _end(text, at, limit - width(prefix), fences)
        suffix = "" if fences.inside(end) is None else FENCE if text[end - 1] == "\n" else "\n" + FENCE
        pieces.append(Piece(prefix, text[at:end], suffix))
        at = end
    return pieces


@dataclass(frozen=True, slots=True)
class _Fences:
    """The code blocks of a text: `starts` and `ends` of its fence tokens, with the language in an opening one."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    languages: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> _Fences:
        starts: list[int] = []
        ends: list[int] = []
        languages: list[str] = []
        for token in re.finditer(FENCE, text):
            named = None if len(starts) % 2 else _LANGUAGE.match(text, token.end())
            starts.append(token.start())
            ends.append(named.end() if named else token.end())
            languages.append(named[1] if named else "")
        return cls(tuple(starts), tuple(ends), tuple(languages))

    def inside(self, at: int) -> int | None:
        """The opening token of the code block that position `at` lies in."""
        passed = bisect_right(self.ends, at)
        return passed - 1 if passed % 2 else None

    def reopening(self, at: int) -> str:
        opening = self.inside(at)
        return "" if opening is None else f"{FENCE}{self.languages[opening]}\n"

    def settle(self, text: str, start: int, end: int) -> int:
        """`end`, moved out of a token and away from the edges of a code block."""
        token = bisect_right(self.starts, end) - 1
        if token >= 0 and self.starts[token] < end < self.ends[token]:
            end = self.starts[token]
        opening = self.inside(end)
        if opening is None:
            return end
        closing = opening + 1
        if closing < len(self.starts) and text[end : self.starts[closing]] in ("", "\n"):
            return self.ends[closing]
        if not text[self.ends[opening] : end].strip() and self.starts[opening] > start:
            return self.starts[opening]
        return end


def _end(text: str, start: int, room: int, fences: _Fences) -> int:
    """Where the piece from `start` ends."""
    reserve = len("\n" + FENCE) if fences.starts else 0
    last = _fit(text, start, room - reserve)
    if last >= len(text):
        return len(text)
    for candidate in _breaks(text, start, last, fences):
        settled = fences.settle(text, start, candidate)
        if settled > start:
            return settled
    return last


def _breaks(text: str, start: int, last: int, fences: _Fences) -> list[int]:
    """Where to cut in (start, last], best first; each must leave a piece that is worth a message."""
    window = last - start
    lines = _ends_of("\n", text, start, last)
    half = [at for at in lines if at - start >= window / 2 and fences.inside(at) is None]
    paragraphs = [at for at in half if text[at - 2 : at] == "\n\n"]
    sentences = [found.end() for found in _SENTENCE.finditer(text, start, last)] if fences.inside(last) is None else []
    words = _ends_of(" ", text, start, last)
    ranked = (
        (paragraphs, 2),
        (half, 2),
        (lines, 3),
        (sentences, 3),
        (words, 10),
    )
    best = [found[-1] for found, share in ranked if found and found[-1] - start >= window / share]
    return [*best, _grapheme(text, start, last)]


def _ends_of(separator: str, text: str, start: int, last: int) -> list[int]:
    return [found.end() for found in re.compile(separator).finditer(text, start, last)]


def _fit(text: str, start: int, room: int) -> int:
    """The greatest end for which text[start:end] has at most `room` units (at least one character)."""
    end = min(len(text), start + room)
    while (over := width(text[start:end]) - room) > 0 and end > start + 1:
        end -= (over + 1) // 2
    return max(end, start + 1)


def _grapheme(text: str, start: int, last: int) -> int:
    """`last`, moved back so that it does not separate an emoji or letter from its modifiers."""
    for end in range(last, max(start, last - _MAX_GRAPHEME), -1):
        if end == len(text) or not (_JOINERS.match(text[end]) or text[end - 1] == "\u200d"):
            return end
    return last
