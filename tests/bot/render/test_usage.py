"""What agents spent, as a message and a picture."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from agents.tools.usage import UsageOutput
from agents.usage import BudgetState, PlanWindow, Spend, Usage
from bot.render.answers import answer
from bot.render.text import width
from bot.render.usage import alt, picture

PEOPLE = (Spend(what="Ada", usd=20.0), Spend(what="<@1> José 🦀", usd=11.7), Spend(what="李小龍", usd=1.0))
DAYS = tuple(
    Spend(what=f"2026-11-{15 + at}", usd=usd) for at, usd in enumerate((3.2, 0.0, 12.5, 40.1, 22.0, 8.0, 32.7))
)
BUDGET = BudgetState(scope="day", limit=50.0, added=10.0, spent=32.7, left=17.3)
USAGE = Usage(
    days=DAYS,
    people=PEOPLE,
    budgets=(BUDGET,),
    plan=(PlanWindow(hours=5, used=0.234, resets_at="2026-11-21T18:00:00Z"), PlanWindow(hours=168, used=1.0)),
    waiting="the plan's limit is reached",
    waiting_until="2026-11-21T18:00:00Z",
)
EMPTY = Usage(days=(Spend(what="2026-11-21"),))
GROUND, BAR, TODAY, LINE = (0x1E, 0x1F, 0x22), (0x58, 0x65, 0xF2), (0x9A, 0xA5, 0xFF), (0xF0, 0xB2, 0x32)


def drawn(usage: Usage) -> tuple[tuple[int, int], dict[Any, int]]:
    """The size of the picture, and how many of its pixels have which colour."""
    with Image.open(io.BytesIO(picture(usage))) as image:
        image.load()
        assert (image.format, image.mode) == ("PNG", "RGB")
        return image.size, {color: number for number, color in image.getcolors(1 << 24) or []}


def test_a_picture_has_a_bar_for_each_day_the_budget_and_the_people() -> None:
    (wide, high), colors = drawn(USAGE)
    assert (wide, 600 < high < 1200) == (1200, True)
    assert min(colors[BAR], colors[TODAY], colors[LINE]) > 1000
    assert colors[GROUND] < wide * high * 0.9
    assert picture(USAGE) == picture(USAGE)


@pytest.mark.parametrize(
    "usage",
    [
        EMPTY,
        Usage(),
        Usage(days=DAYS * 13, people=PEOPLE * 30, budgets=(BUDGET.model_copy(update={"limit": 1e5}),)),
        Usage(days=(Spend(what="2026-11-21", usd=1e6),), budgets=(BUDGET.model_copy(update={"limit": 0.01}),)),
    ],
    ids=["nothing spent", "no day", "90 days, a far budget", "a budget long passed"],
)
def test_a_picture_of_the_least_and_the_most_is_no_larger_than_its_frame(usage: Usage) -> None:
    (wide, high), colors = drawn(usage)
    assert (wide, high < 1200) == (1200, True)
    assert len(colors) > 5
    assert len(picture(usage)) < 200_000


def test_a_budget_far_above_all_days_leaves_them_their_height() -> None:
    far = USAGE.model_copy(update={"budgets": (BUDGET.model_copy(update={"limit": 1000.0}),)})
    _, colors = drawn(far)
    assert LINE not in colors
    assert colors[BAR] >= drawn(USAGE)[1][BAR]


def test_the_message_tells_what_is_left_who_spent_it_and_why_agents_wait() -> None:
    text, (file,) = answer(UsageOutput(usage=USAGE))
    assert (file.name, file.content[:4], file.description) == ("usage.png", b"\x89PNG", alt(USAGE))
    for words in (
        "Today: $32.70",
        "All agents wait: the plan's limit is reached. They go on at 2026-11-21 18:00 UTC.",
        "Today's budget: $32.70 of $50.00, 10.00 of it added; $17.30 left.",
        "5-hour limit of the plan: 23% used, begins anew at 2026-11-21 18:00 UTC.",
        "Weekly limit of the plan: 100% used.",
        "李小龍 $1.00",
    ):
        assert words in text
    assert "<@1>" not in text + file.description


def test_the_text_for_the_ear_is_short_enough_for_discord() -> None:
    assert "2026-11-18 $40.10" in alt(USAGE)
    assert "Today's budget is $50.00." in alt(USAGE)
    assert "nobody" in alt(EMPTY)
    crowd = Usage(days=DAYS * 13, people=tuple(Spend(what="🦀" * 100, usd=1.0) for _ in range(9)))
    assert width(alt(crowd)) <= 1024
    assert width(answer(UsageOutput(usage=crowd))[0]) <= 2000
