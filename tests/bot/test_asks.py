"""What a thread asks of people, answered by buttons: to let an agent reach a host, to add to a budget."""

from __future__ import annotations

from tests.bot.scene import RUN_S, Ground, Scene, opened
from tests.discord_standin import Message
from vps.testing.model import Answer, Conversation, ScriptedModel, bash, say, steps

_HOST = "203.0.113.80"
"""The registries' address where these tests mostly run: public, and in no list of names."""
_CURL = f"curl -sk -m 5 -o /dev/null -w '%{{http_connect}}\\n' https://{_HOST}/"


async def test_a_denied_host_can_be_allowed_below_its_line_by_who_may(ground: Ground) -> None:
    script = steps(bash(f"until {_CURL} | grep '^200'; do sleep 0.2; done", "fetch"), say("Fetched."))

    def answer(conversation: Conversation) -> Answer:
        return script(conversation, 0)

    async with (
        ScriptedModel(script=answer) as model,
        opened(ground, ANTHROPIC_BASE_URL=model.url) as scene,
    ):
        thread = await scene.spawn("fetch it")
        asked = await scene.discord.message_in(thread, lambda message: "Not let through to" in message.content, RUN_S)
        assert f"`{_HOST}`" in asked.content
        refused = await scene.click(asked, f"Allow {_HOST}", user=scene.eve)
        assert "You may not use" in (await refused.reply(RUN_S)).text
        allowed = await scene.click(asked, f"Allow {_HOST}", user=scene.ada)

        assert f"may reach {_HOST}" in (await allowed.shows("may reach", RUN_S)).text
        assert "Done" in (await scene.end_of(thread)).content
        assert _labels(asked) == [f"Allow {_HOST}", f"Always allow {_HOST}"]


async def test_a_used_up_budget_is_added_to_by_a_form_below_its_line_and_the_agent_goes_on(scene: Scene) -> None:
    thread = await scene.spawn("Fix the bug in calc.py", max_budget_usd=0.000001)
    asked = await scene.discord.message_in(thread, lambda message: "⏸️ Paused" in message.content, RUN_S)
    opening = await scene.click(asked, "Add to the budget")
    await opening.answered()
    added = await scene.discord.submit(scene.ada, opening, usd="5")
    await added.shows("5.00", RUN_S)
    assert "Done" in (await scene.end_of(thread)).content


def _labels(message: Message) -> list[str]:
    return [label for button in message.buttons if (label := button.label)]
