"""What agents spent, in Discord: a text, and a picture that reads on dark and on light."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agents.tools.usage import clock, lines
from agents.usage import Spend, Usage
from bot.render.text import plain, shorten

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

_WIDTH, _MARGIN = 1200, 48
_CHART_TOP, _CHART_BOTTOM = 150, 470
_ROW, _MOST_PEOPLE = 52, 8
_NAME_WIDTH, _NAME_SIGNS = 300, 18
# Its own background: Discord's is dark for some and light for others.
_GROUND, _TEXT, _FAINT, _LINE = "#1e1f22", "#f2f3f5", "#b5bac1", "#4e5058"
_BAR, _TODAY, _BUDGET = "#5865f2", "#9aa5ff", "#f0b232"
_FAR = 4.0
"""A budget so many times what was spent on any day would leave no bars: it is named above them instead."""
_LONGEST_ALT = 1000
"""Discord takes 1024 characters."""


def text(usage: Usage) -> str:
    """The message beside the picture."""
    first, *rest = lines(usage)
    people = ", ".join(f"{each.what} ${each.usd:.2f}" for each in usage.people[:_MOST_PEOPLE])
    by_person = [f"By person: {people}."] if people else []
    return plain(shorten("\n".join([f"💵 {first}", *(f"▫️ {line}" for line in (*by_person, *rest))]), 1900))


def alt(usage: Usage) -> str:
    """What the picture shows, for those who hear it."""
    days = ", ".join(f"{day.what} ${day.usd:.2f}" for day in usage.days[-14:])
    people = ", ".join(f"{plain(each.what)} ${each.usd:.2f}" for each in usage.people[:_MOST_PEOPLE])
    limit = _limit(usage)
    budget = f" Today's budget is ${limit:.2f}." if limit is not None else ""
    return shorten(f"Spend by day: {days}.{budget} Today by person: {people or 'nobody'}.", _LONGEST_ALT)


def picture(usage: Usage) -> bytes:
    """A PNG: bars by day with the day's budget as a line, below them today's people."""
    from PIL import Image, ImageDraw  # noqa: PLC0415  9 MiB (measured) that a bot nobody asks for this does without

    people = usage.people[:_MOST_PEOPLE]
    height = _CHART_BOTTOM + 110 + _ROW * max(1, len(people)) + _MARGIN
    image = Image.new("RGB", (_WIDTH, height), _GROUND)
    draw = ImageDraw.Draw(image)
    limit = _limit(usage)
    draw.text((_MARGIN, 36), f"${usage.today.usd:.2f} today", _TEXT, _font(44))
    draw.text((_MARGIN, 96), _subtitle(usage, limit), _FAINT, _font(24))
    _draw_days(draw, usage.days, limit)
    _draw_people(draw, people)
    data = io.BytesIO()
    image.save(data, "PNG", optimize=True)
    return data.getvalue()


def _limit(usage: Usage) -> float | None:
    return next((each.limit for each in usage.budgets if each.scope == "day"), None)


def _subtitle(usage: Usage, limit: float | None) -> str:
    total = sum(day.usd for day in usage.days)
    parts = [f"${total:.2f} in {len(usage.days)} days"]
    if limit is not None:
        parts.append(f"budget ${limit:.2f} a day, ${max(0.0, limit - usage.today.usd):.2f} left")
    if usage.waiting_until:
        parts.append(f"paused until {clock(usage.waiting_until)}")
    return "   ".join(parts)


def _draw_days(draw: ImageDraw, days: Sequence[Spend], limit: float | None) -> None:
    most = max((day.usd for day in days), default=0.0)
    near = limit is not None and (most == 0 or limit <= _FAR * most)
    top = max(most, limit if near and limit else 0.0) * 1.1 or 1.0
    left, right = _MARGIN + 90, _WIDTH - _MARGIN
    for share in (0.0, 0.5, 1.0):
        at = _at(share * top / 1.1, top)
        draw.line((left, at, right, at), _LINE, 2)
        draw.text((left - 14, at), f"{share * top / 1.1:.2f}", _FAINT, _font(20), anchor="rm")
    step = (right - left) / max(1, len(days))
    every = -(-len(days) * 78 // (right - left))
    for place, day in enumerate(days):
        x = left + place * step
        color = _TODAY if place == len(days) - 1 else _BAR
        if day.usd > 0:
            draw.rectangle(
                (x + step * 0.14, min(_at(day.usd, top), _CHART_BOTTOM - 3), x + step * 0.86, _CHART_BOTTOM), color
            )
        if (len(days) - 1 - place) % every == 0:
            draw.text((x + step / 2, _CHART_BOTTOM + 12), day.what[5:], _FAINT, _font(20), anchor="ma")
    if limit is not None and near:
        _draw_limit(draw, _at(limit, top), left, right)


def _at(usd: float, top: float) -> float:
    return _CHART_BOTTOM - (_CHART_BOTTOM - _CHART_TOP) * usd / top


def _draw_limit(draw: ImageDraw, at: float, left: int, right: int) -> None:
    for x in range(left, right, 24):
        draw.line((x, at, min(x + 14, right), at), _BUDGET, 4)
    draw.text((right, at - 8), "budget", _BUDGET, _font(20), anchor="rb")


def _draw_people(draw: ImageDraw, people: Sequence[Spend]) -> None:
    top = _CHART_BOTTOM + 80
    draw.text((_MARGIN, top - 20), "Today by person" if people else "Nobody spent anything today", _FAINT, _font(24))
    most = max((each.usd for each in people), default=0.0) or 1.0
    left, right = _MARGIN + _NAME_WIDTH, _WIDTH - _MARGIN - 130
    for place, each in enumerate(people):
        middle = top + 46 + place * _ROW
        draw.text((_MARGIN, middle), _drawable(each.what, place), _TEXT, _font(26), anchor="lm")
        end = left + max(4, (right - left) * each.usd / most)
        draw.rectangle((left, middle - 14, end, middle + 14), _TODAY)
        draw.text((end + 14, middle), f"${each.usd:.2f}", _TEXT, _font(24), anchor="lm")


def _drawable(name: str, place: int) -> str:
    """The font has the letters of ASCII alone; who is called otherwise has a number, and the name in the message beside."""
    plainer = unicodedata.normalize("NFKD", name)
    shown = "".join(sign for sign in plainer if sign.isascii() and sign.isprintable()).strip()
    if 2 * len(shown) < len(name):
        shown = f"person {place + 1}"
    return shown if len(shown) <= _NAME_SIGNS else f"{shown[: _NAME_SIGNS - 3]}..."


def _font(size: int) -> FreeTypeFont | ImageFont:
    from PIL.ImageFont import load_default  # noqa: PLC0415  as above

    return load_default(size)
