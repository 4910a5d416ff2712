"""The card and the end message say what counts, within Discord's limits."""

from dataclasses import replace
from typing import Any

import pytest

from bot.render.blocks import TEXT_LIMIT
from bot.render.card import CardView, Figures, card, end_message
from bot.render.text import width
from vps.events.types import Changes
from vps.outcome import Ending, Outcome

VIEW = CardView(
    name="claude-agent-1795300000000-a1b2c3",
    task="fix add() and add a test",
    workspace="/opt/agentflow/workspaces/calc",
    state="running",
    elapsed_ms=65_000,
    turns=7,
    cost_usd=0.0826,
    model="claude-opus-4-8",
    last_action="**Bash** `pytest -q`",
    asked_by="<@42>",
    can_stop=True,
)


ASKER, FIGURES = "<@42>", Figures(65_000, 7, 0.0826)
DONE = Outcome(Ending.SUCCEEDED, "Done.")


def container(view: CardView) -> dict[str, Any]:
    (component,) = card(view).to_components()
    return component


def texts(component: dict[str, Any]) -> list[str]:
    inner = [text for child in component.get("components", []) for text in texts(child)]
    return [component["content"], *inner] if "content" in component else inner


def test_a_running_card_shows_task_figures_action_and_a_stop_button() -> None:
    component = container(VIEW)
    head, body = texts(component)
    assert head == "### ⏳ Running\nfix add() and add a test"
    assert body.split("\n") == [
        "⏱️ 1m 05s · 7 turns · $0.08",
        "↳ **Bash** `pytest -q`",
        "-# `/opt/agentflow/workspaces/calc` · claude-opus-4-8 · for <@42> · `claude-agent-1795300000000-a1b2c3`",
    ]
    stop = component["components"][0]["accessory"]
    assert (stop["label"], stop["custom_id"]) == ("Stop", "agentflow:stop:claude-agent-1795300000000-a1b2c3")
    assert card(VIEW).timeout is None


def test_a_finished_card_shows_the_ending_and_no_button() -> None:
    view = replace(
        VIEW, state="finished", ending=Ending.TIMED_OUT, reason="Stopped after 10m.", remedy="Raise it.", can_stop=False
    )
    component = container(view)
    head, body = texts(component)
    assert head.startswith("### ⏱️ Out of time\n")
    assert "Stopped after 10m.\n→ Raise it.\n" in body
    assert "pytest" not in body
    assert "accessory" not in component["components"][0]


def test_the_colour_tells_the_state() -> None:
    views = [
        VIEW,
        *(
            replace(VIEW, state="finished", ending=ending)
            for ending in (Ending.SUCCEEDED, Ending.FAILED, Ending.LIMITED)
        ),
    ]
    assert len({container(view)["accent_color"] for view in views}) == 4


def test_a_note_says_what_the_run_waits_for() -> None:
    assert "retry 3/10 in 4.0 s" in texts(container(replace(VIEW, note="API overloaded, retry 3/10 in 4.0 s")))[1]


@pytest.mark.parametrize("filler", ["x", "word ", "```py\n", "@everyone `", "👨‍👩‍👧‍👦", "\n"])
def test_every_card_and_end_keeps_the_limits(filler: str) -> None:
    long = filler * 3000
    view = replace(VIEW, task=long, workspace=long, model=long, last_action=long, note=long, reason=long, remedy=long)
    assert sum(map(width, texts(container(view)))) < 4000
    stat = "\n".join(f" {filler.strip() or 'y'}{n} | 2 +-" for n in range(500))
    message = end_message(ASKER, FIGURES, Outcome(Ending.FAILED, long, long), Changes(stat, 500, 1, 1))
    assert width(message) <= TEXT_LIMIT
    assert message.count("```") % 2 == 0
    assert "@everyone" not in message


def test_the_end_of_a_success_has_figures_and_diffstat() -> None:
    stat = " calc.py      | 2 +-\n test_calc.py | 5 +++++\n 2 files changed, 6 insertions(+), 1 deletion(-)\n"
    assert end_message(ASKER, FIGURES, DONE, Changes(stat, 2, 6, 1)).split("\n") == [
        "<@42> ✅ **Done** · ⏱️ 1m 05s · 7 turns · $0.08",
        "**2 files** · +6 −1",
        "```",
        "calc.py      | 2 +-",
        "test_calc.py | 5 +++++",
        "```",
    ]


def test_the_end_of_a_failure_has_the_reason_and_the_remedy() -> None:
    message = end_message("", FIGURES, Outcome(Ending.OUT_OF_MEMORY, "Over 4 GB.", "Raise memory."), None)
    assert message == "💥 **Out of memory** · ⏱️ 1m 05s · 7 turns · $0.08\nOver 4 GB.\n→ Raise memory."


def test_every_ending_has_its_own_words() -> None:
    assert len({end_message(ASKER, FIGURES, Outcome(ending, ""), None) for ending in Ending}) == len(Ending)


def test_no_change_is_said() -> None:
    assert end_message(ASKER, FIGURES, DONE, Changes("", 0, 0, 0)).endswith("\nNo file changed.")


def test_a_diffstat_is_shortened_to_fifteen_files() -> None:
    stat = "\n".join(f" file{n}.py | 1 +" for n in range(20))
    message = end_message(ASKER, FIGURES, DONE, Changes(stat, 20, 20, 0))
    assert message.count(" | ") == 15
    assert "… and 5 more files" in message
