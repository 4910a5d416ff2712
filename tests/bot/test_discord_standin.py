"""The stand-in for Discord carries a real discord.py client through what a slash-command bot does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.discord_standin import CannotBeTypedError, StandIn
from tests.discord_standin.interactions import ANSWER_WITHIN
from tests.discord_standin.sample import Stage, connected, staged


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with StandIn() as standin, staged(standin) as running:
        yield running
        assert standin.own_violations == []


async def test_a_client_logs_in_and_syncs_its_commands(stage: Stage) -> None:
    guild = stage.bot.get_guild(stage.discord.world.guild_id)
    assert guild is not None
    assert [channel.name for channel in guild.text_channels] == ["agents"]
    synced = stage.discord.world.commands[guild.id]
    assert {"spawn", "output", "workspace", "Run on this"} <= {command["name"] for command in synced}
    assert stage.discord.violations == []


async def test_a_slash_command_defers_and_opens_a_thread_on_its_answer(stage: Stage) -> None:
    interaction = await stage.discord.slash(stage.user, stage.channel, "spawn", task="fix add()", turns=3)
    await interaction.answered()
    assert interaction.deferred
    assert interaction.seconds_to_answer is not None
    assert interaction.seconds_to_answer < ANSWER_WITHIN
    card = await interaction.reply()
    thread = await stage.discord.thread_in(stage.channel)
    log = await stage.discord.message_in(thread, "the log")
    assert "fix add() x3" in card.text
    assert thread.id == card.id
    assert [message.text for message in stage.discord.messages(thread)] == ["started", "the log"]
    assert log.attachments[0].data == b"log line\n"
    assert stage.discord.violations == []


async def test_a_button_of_a_layout_edits_its_message(stage: Stage) -> None:
    card = await (await stage.discord.slash(stage.user, stage.channel, "spawn", task="x")).reply()
    stop = card.button("Stop").custom_id
    assert stop is not None
    click = await stage.discord.click(stage.user, card, stop)
    await click.shows("stopped")
    assert card.edits == 1
    assert stage.discord.violations == []


async def test_autocomplete_offers_choices(stage: Stage) -> None:
    assert await stage.discord.autocomplete(stage.user, stage.channel, "output", "name", "al") == [("alpha", "alpha")]
    assert stage.discord.violations == []


async def test_an_ephemeral_answer_is_in_no_channel(stage: Stage) -> None:
    interaction = await stage.discord.slash(stage.user, stage.channel, "output", name="alpha")
    await interaction.shows("more")
    assert interaction.ephemeral
    assert stage.discord.messages(stage.channel) == []


async def test_a_modal_is_submitted(stage: Stage) -> None:
    interaction = await (await stage.discord.slash(stage.user, stage.channel, "ask")).answered()
    submitted = await stage.discord.submit(stage.user, interaction, answer="forty-two")
    await submitted.shows("heard forty-two")
    assert stage.discord.violations == []


async def test_a_select_and_a_dynamic_button_reach_the_client(stage: Stage) -> None:
    message = await (await stage.discord.slash(stage.user, stage.channel, "choose")).reply()
    retry = await stage.discord.click(stage.user, message, "retry:7")
    assert (await retry.shows("retrying 7")).id != message.id
    assert retry.deferred
    await (await stage.discord.select(stage.user, message, "pick", "large")).shows("picked large")
    assert message.components == []
    assert stage.discord.violations == []


async def test_a_dynamic_button_works_after_a_restart(stage: Stage) -> None:
    message = await (await stage.discord.slash(stage.user, stage.channel, "choose")).reply()
    await stage.bot.close()
    async with connected(stage.discord):
        await (await stage.discord.click(stage.user, message, "retry:7")).shows("retrying 7")


async def test_subcommands_and_message_commands_reach_the_client(stage: Stage) -> None:
    clone = await stage.discord.slash(stage.user, stage.channel, "workspace clone", repo_url="https://example.org/r")
    await clone.shows("https://example.org/r")
    message = await stage.discord.say(stage.user, stage.channel, "this one")
    await (await stage.discord.use_on(stage.user, message, "Run on this")).shows("on this one")


async def test_what_a_user_says_reaches_the_client_with_its_files(stage: Stage) -> None:
    await stage.discord.say(stage.user, stage.channel, "save this", files={"a.bin": b"12345"})
    reply = await stage.discord.message_in(stage.channel, "5 bytes")
    assert stage.user.id not in reply.pings
    assert stage.discord.violations == []


async def test_a_command_that_the_client_would_refuse_is_refused(stage: Stage) -> None:
    with pytest.raises(CannotBeTypedError, match="required options are missing"):
        await stage.discord.slash(stage.user, stage.channel, "spawn")
    with pytest.raises(CannotBeTypedError, match="no command 'unknown'"):
        await stage.discord.slash(stage.user, stage.channel, "unknown")
    with pytest.raises(CannotBeTypedError, match="wrong type"):
        await stage.discord.slash(stage.user, stage.channel, "spawn", task="x", turns="many")


async def test_an_unanswered_interaction_times_out(stage: Stage) -> None:
    interaction = await stage.discord.slash(stage.user, stage.channel, "silent")
    with pytest.raises(TimeoutError, match="was not answered"):
        await interaction.answered(0.1)
