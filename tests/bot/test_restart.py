"""The bot may go and come back: runs go on without it, and threads hold everything once."""

from __future__ import annotations

from bot.calls import STOPPING
from tests.bot.scene import RUN_S, Scene


async def test_what_happened_while_the_bot_was_away_is_told_once(scene: Scene) -> None:
    discord = scene.discord
    thread = await scene.spawn("scenario:sleep:2")
    await discord.message_in(thread, "This takes a while.", RUN_S)
    name = await scene.name_of(thread)
    await scene.stop_bot()
    await scene.ended(name)
    assert "The long command has ended." not in discord.transcript(thread)
    await scene.start_bot()
    end = await scene.end_of(thread)
    text = discord.transcript(thread)
    for part in ("This takes a while.", "The long command has ended.", "**Done**"):
        assert text.count(part) == 1
    assert discord.pings(scene.ada) == [end]
    card = discord.messages(thread)[0]
    assert "### ✅ Done" in card.text
    await discord.wait_for(lambda: card.buttons == [], RUN_S)


async def test_a_restart_in_the_middle_repeats_and_loses_no_line(scene: Scene) -> None:
    discord = scene.discord
    thread = await scene.spawn("scenario:tools:12")
    await discord.message_in(thread, "echo tool 2`", RUN_S)
    await scene.restart_bot()
    await scene.end_of(thread)
    text = discord.transcript(thread)
    assert [text.count(f"echo tool {number}`") for number in range(1, 13)] == [1] * 12
    assert text.count("12 tools ran.") == 1


async def test_the_stop_button_works_after_a_restart(scene: Scene) -> None:
    discord = scene.discord
    thread = await scene.spawn("scenario:sleep:300")
    await discord.message_in(thread, "This takes a while.", RUN_S)
    await scene.restart_bot()
    card = discord.messages(thread)[0]
    click = await scene.click(card, "Stop")
    await click.shows("stopped.", RUN_S)
    assert "**Stopped**" in (await scene.end_of(thread)).text


async def test_a_bot_that_stops_tells_who_waits_for_an_answer(scene: Scene) -> None:
    thread = await scene.spawn("scenario:sleep:300")
    await scene.discord.message_in(thread, "This takes a while.", RUN_S)
    waiting = await scene.slash("wait", container_id=await scene.name_of(thread), timeout="10m")
    await scene.discord.wait_for(lambda: scene.bot.calls.number == 1, RUN_S)
    await scene.stop_bot()
    assert STOPPING in (await waiting.reply(1)).content


async def test_a_told_run_is_not_told_again(scene: Scene) -> None:
    discord = scene.discord
    thread = await scene.spawn("scenario:ok")
    await scene.end_of(thread)
    await discord.message_in(thread, "💤 The next reply wakes it.", RUN_S)
    before = discord.transcript(thread)
    await scene.restart_bot()
    # A second run is told only after the first was looked at again.
    await scene.end_of(await scene.spawn("scenario:ok once more"))
    assert discord.transcript(thread) == before
    assert len(discord.threads(scene.channel)) == 2
