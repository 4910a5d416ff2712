"""The menu of a message."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import discord

from bot.menus import NAME, task_of
from bot.render.text import width
from tests.bot.scene import RUN_S, Scene
from tests.discord_standin import Interaction, components


async def test_an_agent_is_run_on_a_message_as_it_was_changed_in_the_form(scene: Scene) -> None:
    message = await scene.discord.say(scene.grace, scene.channel, "please say hello")
    used = await scene.discord.use_on(scene.ada, message, NAME)
    await used.answered()
    before = {thread.id for thread in scene.discord.threads(scene.channel)}

    await scene.discord.submit(scene.ada, used, task="say hello, twice")

    thread = await scene.new_thread(before)
    await scene.end_of(thread)
    assert "say hello, twice" in (thread.name or "")
    anchor = next(each for each in scene.discord.messages(scene.channel) if each.id == thread.id)
    assert anchor.text.startswith("🚀 **say hello, twice**")
    labels = (await scene.bot.crew.runs.describe(await scene.name_of(thread))).record
    assert labels is not None
    assert (labels.origin.caller, labels.origin.thread_id) == (f"discord:{scene.ada.id}", thread.id)


async def test_the_form_holds_the_message_and_the_workspace(scene: Scene) -> None:
    text = "look at this " * 150
    message = await scene.discord.say(scene.grace, scene.channel, text)
    used = await scene.discord.use_on(scene.ada, message, NAME)
    await used.answered()
    assert filled(used)["task"] == text
    assert filled(used)["workspace_path"] == str(scene.workspace)


async def test_the_form_is_refused_like_the_command(scene: Scene) -> None:
    message = await scene.discord.say(scene.grace, scene.channel, "please say hello")
    used = await scene.discord.use_on(scene.ada, message, NAME)
    await used.answered()
    submitted = await scene.discord.submit(scene.eve, used)
    assert (await submitted.shows("it takes the right to run", RUN_S)).ephemeral
    outside = await scene.discord.submit(scene.ada, used, workspace_path="/etc")
    await outside.shows("workspace_path: /etc is not a workspace", RUN_S)
    assert await scene.leaves_nothing()


async def test_a_text_too_long_for_the_form_is_cut_and_a_forwarded_one_is_taken() -> None:
    part = SimpleNamespace(content="🙂" * 4000)
    both = SimpleNamespace(content="", message_snapshots=[part])
    task = task_of(cast("discord.Message", both))
    assert width(task) <= 4000
    assert task.startswith("🙂🙂")


def filled(interaction: Interaction) -> dict[str, str]:
    """What the form's fields hold when it opens."""
    assert interaction.modal is not None
    fields = components.walk(interaction.modal["components"])
    return {each["custom_id"]: each.get("value", "") for each in fields if each.get("custom_id")}


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
