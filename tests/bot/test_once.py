"""Each line of an agent stands in its thread once: what Discord, the network and the state directory do in between is no excuse."""

from __future__ import annotations

import re

from agents.rights import EVERYTHING
from agents.tools.core import Call
from agents.tools.spawn import SPAWN
from tests.bot.scene import RUN_S, Scene, until
from tests.bot.speaking import always
from tests.discord_standin import Channel
from vps.models import Origin

MESSAGES = r"/channels/\d+/messages$"


def words(scene: Scene, thread: Channel) -> list[int]:
    """The words of scenario:words, also those that came in a file."""
    found = list[int]()
    for message in scene.discord.messages(thread):
        packed = [each.data.decode() for each in message.attachments if each.filename.endswith(".md")]
        found += [int(number) for text in packed or [message.content] for number in re.findall(r"word (\d+)", text)]
    return found


async def test_a_message_that_arrived_unknown_to_us_is_found_after_discord_forgot_its_nonce(scene: Scene) -> None:
    await scene.slash("spawn", task="scenario:words:6")
    await scene.new_thread(set())
    held = scene.discord.hold_next("POST", MESSAGES, accepted=True)
    await scene.discord.wait_for(held.reached.is_set, RUN_S)
    scene.discord.world.forget_nonces()
    scene.discord.reset_next("POST", MESSAGES, accepted=True, times=2)
    held.open()
    thread = scene.discord.threads(scene.channel)[0]
    await scene.end_of(thread)
    assert words(scene, thread) == [1, 2, 3, 4, 5, 6]
    assert scene.discord.transcript(thread).count("**Done**") == 1


async def test_a_lost_state_file_is_made_anew_from_the_thread_in_the_middle_of_a_run(scene: Scene) -> None:
    thread = await scene.spawn("scenario:sleep:3")
    await scene.discord.message_in(thread, "This takes a while.", RUN_S)
    name = await scene.name_of(thread)
    await scene.stop_bot()
    for path in (scene.root / "state").glob("agentflow.sqlite3*"):
        path.unlink()
    scene.discord.world.forget_nonces()
    await scene.ended(name)
    await scene.start_bot()
    await scene.end_of(thread)
    text = scene.discord.transcript(thread)
    assert [text.count(part) for part in ("This takes a while.", "The long command has ended.", "**Done**")] == [
        1,
        1,
        1,
    ]
    cards = [each for each in scene.discord.messages(thread) if "### " in each.text]
    assert ["### ✅ Done" in card.text for card in cards] == [True]
    assert len(scene.discord.threads(scene.channel)) == 1


async def test_a_run_of_the_shell_gets_one_anchor_although_the_answer_to_it_was_lost(scene: Scene) -> None:
    scene.discord.reset_next("POST", MESSAGES, accepted=True)
    call = Call(Origin(caller="operator:tests", surface="cli"), EVERYTHING)
    await SPAWN.invoke(scene.bot.crew, {"task": "scenario:ok"}, call)
    scene.discord.world.forget_nonces()
    await scene.discord.wait_for(lambda: scene.discord.threads(scene.channel), RUN_S)
    (thread,) = scene.discord.threads(scene.channel)
    await scene.end_of(thread)
    anchors = [each for each in scene.discord.messages(scene.channel) if each.text.startswith("🚀 ")]
    assert len(anchors) == 1


async def test_a_thread_that_cannot_keep_up_gets_fewer_messages_and_every_word(scene: Scene) -> None:
    scene.discord.limits.allowed, scene.discord.limits.per_seconds = 2, 2.0
    thread = await scene.spawn("scenario:words:60")
    await scene.end_of(thread)
    assert words(scene, thread) == list(range(1, 61))
    assert len(scene.discord.messages(thread)) < 30


async def test_a_right_taken_away_is_reported_to_the_asker_and_nothing_is_dropped(scene: Scene) -> None:
    thread = await scene.spawn("scenario:sleep:2")
    await scene.discord.message_in(thread, "This takes a while.", RUN_S)
    refused = scene.discord.fail_next("*", rf"/channels/{thread.id}/messages", status=403, code=50013, times=4)
    await scene.discord.wait_for(lambda: refused.hits == refused.times, RUN_S)
    await scene.end_of(thread)
    assert scene.discord.transcript(thread).count("The long command has ended.") == 1
    said = scene.discord.transcript(scene.discord.world.direct(scene.ada))
    assert said.count("Discord does not let me write in its thread") == 1


async def test_a_deleted_thread_is_reported_to_the_asker_whose_news_go_on(scene: Scene) -> None:
    voices = scene.bot.voice_messages.voices = always("")
    thread = await scene.spawn("scenario:sleep:300")
    await scene.discord.message_in(thread, "This takes a while.", RUN_S)
    name = await scene.name_of(thread)
    scene.discord.world.delete_channel(thread)
    direct = scene.discord.world.direct(scene.ada)
    said = await scene.discord.message_in(direct, "its thread is gone", RUN_S)
    assert "/output" in said.text
    await scene.bot.crew.runs.stop(name)
    await until(lambda: bool(voices.told))
    assert [text for _, text in voices.told] == [
        'The agent that was to "scenario:sleep:300" was stopped: "It was stopped."'
    ]


async def test_what_discord_does_not_take_as_a_message_comes_as_a_file(scene: Scene) -> None:
    thread = await scene.spawn("scenario:sleep:2")
    await scene.discord.message_in(thread, "This takes a while.", RUN_S)
    refused = scene.discord.fail_next("POST", MESSAGES, status=400, code=50035)
    await scene.end_of(thread)
    assert refused.hits == 1
    # A tool's line may be edited back to itself by now: what was sent first counts.
    (instead,) = [each for each in scene.discord.requests("POST", MESSAGES) if "did not take" in str(each.body)]
    assert [each.filename for each in instead.uploads.values()] == ["message.md"]
