"""The menu of a message."""

from __future__ import annotations

from bot.menus import NAME
from tests.bot.scene import RUN_S, Scene


async def test_an_agent_is_run_on_a_message_as_it_was_changed_in_the_form(scene: Scene) -> None:
    message = await scene.discord.say(scene.grace, scene.channel, "please say hello")
    used = await scene.discord.use_on(scene.ada, message, NAME)
    await used.answered()
    before = {thread.id for thread in scene.discord.threads(scene.channel)}

    await scene.discord.submit(scene.ada, used, task="say hello, twice")

    thread = await scene.new_thread(before)
    await scene.end_of(thread)
    assert "say hello, twice" in (thread.name or "")


async def test_who_may_not_run_agents_gets_no_form(scene: Scene) -> None:
    message = await scene.discord.say(scene.grace, scene.channel, "please say hello")
    used = await scene.discord.use_on(scene.eve, message, NAME)
    refused = await used.shows("it takes the right to run", RUN_S)
    assert refused.ephemeral
    assert used.modal is None


async def test_a_message_without_words_wants_a_task(scene: Scene) -> None:
    message = await scene.discord.say(scene.grace, scene.channel, "", files={"a.png": b"x"})
    used = await scene.discord.use_on(scene.ada, message, NAME)
    await used.answered()
    assert used.modal is not None
    submitted = await scene.discord.submit(scene.ada, used, task=" ")
    await submitted.shows("task: is empty", RUN_S)
    assert await scene.leaves_nothing()
