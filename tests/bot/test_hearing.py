"""What people type in a run's thread reaches its agent, each message once and in order, whatever goes away meanwhile."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from agents.rights import parse_grants
from bot.receipts import QUEUED, REFUSED, TAKEN
from tests.bot.scene import RUN_S, Ground, Scene, docker, opened, until
from tests.discord_standin import Channel, Message

DATABASE = "agentflow.sqlite3"


def marks(scene: Scene, message: Message) -> set[str]:
    """The reactions of the bot."""
    bot = scene.discord.world.bot.id
    return {emoji for emoji, users in message.reactions.items() if bot in users}


async def marked(scene: Scene, message: Message, *emojis: str) -> None:
    await scene.discord.wait_for(lambda: marks(scene, message) == set(emojis), RUN_S)


def answers(scene: Scene, message: Message) -> list[Message]:
    """The bot's replies to it."""
    return [each for each in scene.discord.messages(message.channel) if each.reference is message]


async def answer_to(scene: Scene, message: Message, words: str) -> Message:
    return await scene.discord.message_in(
        message.channel, lambda each: each.reference is message and words in each.content, RUN_S
    )


def said(scene: Scene, name: str) -> list[str]:
    """What lies in the inbox of a run behind its task."""
    lines = (scene.root / "runs" / name / "in" / "inbox.jsonl").read_bytes().splitlines()
    return [json.loads(line)["message"]["content"] for line in lines][1:]


def echoed(scene: Scene, name: str) -> list[str]:
    """The ids of the messages that its CLI said it took, behind the task's."""
    whole = (scene.root / "runs" / name / "out" / "out.jsonl").read_bytes().rpartition(b"\n")[0]
    events = [json.loads(line) for line in whole.splitlines()]
    return [event["uuid"] for event in events if event.get("isReplay")][1:]


async def at_work(scene: Scene) -> tuple[Channel, str]:
    """The thread and the name of an agent with a tool that takes its time."""
    thread = await scene.spawn("scenario:sleep:300")
    await scene.discord.message_in(thread, "This takes a while.", RUN_S)
    return thread, await scene.name_of(thread)


async def test_a_message_typed_while_a_tool_runs_is_queued_and_taken_at_the_next_step(scene: Scene) -> None:
    thread, name = await at_work(scene)
    longest = "And mind the gap." + " mind" * 796 + "…"
    message = await scene.discord.say(scene.ada, thread, longest)
    assert len(longest) > 3990, "Discord takes 4,000 of who pays for it"
    await marked(scene, message, QUEUED)
    assert said(scene, name) == [longest]
    await scene.end_sleep(name)
    await marked(scene, message, TAKEN)
    await scene.end_of(thread)
    assert len(echoed(scene, name)) == 1
    assert "And mind the gap." in json.dumps(scene.asked())
    assert answers(scene, message) == []
    assert len(scene.discord.pings(scene.ada)) == 1
    line = next(each for each in scene.logged if each.get("tool") == "send_to_claude_agent")
    assert (line["caller"], line["surface"], line["outcome"]) == (f"discord:{scene.ada.id}", "discord", "ok")


async def test_what_was_typed_while_the_bot_was_away_is_passed_on_once_and_in_order(scene: Scene) -> None:
    thread, name = await at_work(scene)
    before = await scene.discord.say(scene.ada, thread, "number 0")
    await marked(scene, before, QUEUED)
    await scene.stop_bot()
    messages = [await scene.discord.say(scene.ada, thread, f"number {number}") for number in range(1, 6)]
    await scene.start_bot()
    for message in messages:
        await marked(scene, message, QUEUED)
    last = await scene.discord.say(scene.ada, thread, "number 6")
    await marked(scene, last, QUEUED)
    assert said(scene, name) == [f"number {number}" for number in range(7)]
    await scene.restart_bot()
    last = await scene.discord.say(scene.ada, thread, "number 7")
    await marked(scene, last, QUEUED)
    assert said(scene, name) == [f"number {number}" for number in range(8)]


async def test_a_lost_database_repeats_nothing(scene: Scene) -> None:
    thread, name = await at_work(scene)
    messages = [await scene.discord.say(scene.ada, thread, f"number {number}") for number in range(3)]
    refused = await scene.discord.say(scene.eve, thread, "me too")
    await answer_to(scene, refused, "You may not use `send`")
    await marked(scene, refused, REFUSED)
    await scene.stop_bot()
    for path in scene.settings.state_dir.glob(DATABASE + "*"):
        path.unlink()
    messages.append(await scene.discord.say(scene.ada, thread, "number 3"))
    await scene.start_bot()
    await marked(scene, messages[-1], QUEUED)
    assert said(scene, name) == [f"number {number}" for number in range(4)]
    again = await scene.discord.say(scene.eve, thread, "hello?")
    await scene.discord.say(scene.ada, thread, "number 4")
    await scene.discord.wait_for(lambda: len(said(scene, name)) == 5, RUN_S)
    assert len(answers(scene, refused)) == 1
    assert answers(scene, again) == []
    await scene.bot.crew.runs.stop(name)
    await scene.end_of(thread)


async def test_a_session_that_cannot_be_resumed_loses_nothing_that_was_typed_meanwhile(scene: Scene) -> None:
    discord = scene.discord
    thread, name = await at_work(scene)
    discord.gateway.refusals = 1
    discord.gateway.forget_sessions()
    discord.gateway.drop()
    missed = [await discord.say(scene.ada, thread, f"number {number}") for number in range(3)]
    await discord.connected(30)
    later = await discord.say(scene.ada, thread, "number 3")
    for message in (*missed, later):
        await marked(scene, message, QUEUED)
    assert said(scene, name) == [f"number {number}" for number in range(4)]
    # discord.py does not end its waiting for guilds when it is closed (2.7.1).
    await discord.wait_for(lambda: sum(each["event"] == "ready" for each in scene.logged) == 2, RUN_S)


async def test_a_message_waits_for_a_host_that_is_away(scene: Scene, ground: Ground) -> None:
    thread, name = await at_work(scene)
    await ground.server.kill_sessions()
    messages = [await scene.discord.say(scene.ada, thread, f"number {number}") for number in range(3)]
    for message in messages:
        await marked(scene, message, QUEUED)
    assert said(scene, name) == ["number 0", "number 1", "number 2"]


async def test_who_has_no_right_is_told_once_and_nothing_is_passed_on(scene: Scene) -> None:
    thread, name = await at_work(scene)
    first = await scene.discord.say(scene.eve, thread, "delete everything")
    answer = await answer_to(scene, first, "You may not use `send`: it takes the right to run.")
    assert answer.pings == frozenset()
    second = await scene.discord.say(scene.eve, thread, "please")
    other = await scene.discord.say(scene.grace, thread, "me?")
    await answer_to(scene, other, "You may not use `send`")
    own = await scene.discord.say(scene.ada, thread, "go on")
    await marked(scene, own, QUEUED)
    assert answers(scene, second) == []
    assert said(scene, name) == ["go on"]
    refused = [each for each in scene.logged if each.get("tool") == "send_to_claude_agent"]
    assert [each["outcome"].partition(":")[0] for each in refused] == ["NotPermitted"] * 3 + ["ok"]


async def test_a_role_counts_for_what_was_typed_while_the_bot_was_away_too(ground: Ground) -> None:
    async with opened(ground) as scene:
        scene.settings = scene.settings.model_copy(
            update={"DISCORD_RIGHTS": parse_grants(f"role:{scene.crew_role.id}=run")}
        )
        await scene.restart_bot()
        thread, name = await at_work(scene)
        await marked(scene, await scene.discord.say(scene.grace, thread, "one"), QUEUED)
        await scene.stop_bot()
        away = await scene.discord.say(scene.grace, thread, "two")
        outsider = await scene.discord.say(scene.eve, thread, "three")
        await scene.start_bot()
        await marked(scene, away, QUEUED)
        await answer_to(scene, outsider, "You may not use `send`")
        assert said(scene, name) == ["one", "two"]


async def test_a_message_in_the_thread_of_an_agent_that_is_done_wakes_it(scene: Scene) -> None:
    thread = await scene.spawn("scenario:ok")
    first_end = await scene.end_of(thread)
    name = await scene.name_of(thread)
    await scene.gone(name)
    message = await scene.discord.say(scene.ada, thread, "scenario:words:3")
    await marked(scene, message, TAKEN)
    end = await scene.discord.message_in(
        thread, lambda each: "✅ **Done**" in each.content and each.id > first_end.id, RUN_S
    )
    assert scene.discord.pings(scene.ada) == [first_end, end]
    assert await scene.name_of(thread) == name
    await scene.restart_bot()
    later = await scene.discord.say(scene.ada, thread, "scenario:ok later")
    await marked(scene, later, TAKEN)
    assert said(scene, name) == ["scenario:words:3", "scenario:ok later"]


async def test_what_an_agent_that_was_killed_had_not_taken_it_reads_first_when_it_wakes(scene: Scene) -> None:
    thread, name = await at_work(scene)
    message = await scene.discord.say(scene.ada, thread, "too late")
    await marked(scene, message, QUEUED)
    await docker("kill", name)
    end = await scene.end_of(thread)
    (answer,) = answers(scene, message)
    assert "It reads this first when the next reply wakes it." in answer.content
    assert answer.id < end.id
    assert marks(scene, message) == {QUEUED}
    scene.discord.world.edit_message(message, {"content": "scenario:ok, and not too late"})
    await until(lambda: any(each.get("tool") == "edit_claude_message" for each in scene.logged))
    await scene.stop_bot()
    later = await scene.discord.say(scene.ada, thread, "scenario:ok")
    await scene.start_bot()
    await marked(scene, later, TAKEN)
    await marked(scene, message, TAKEN)
    await scene.discord.message_in(thread, "✅ **Done**", RUN_S)
    assert len(answers(scene, message)) == 1
    read = json.dumps(scene.asked())
    assert read.count("too late") == read.count("not too late") == 1


async def test_without_the_right_to_react_a_message_is_passed_on_and_that_is_said_once(scene: Scene) -> None:
    discord = scene.discord
    thread, name = await at_work(scene)
    discord.fail_next("PUT", r"/reactions/", status=403, code=50013, times=2)
    first = await discord.say(scene.ada, thread, "one")
    await answer_to(scene, first, "Add Reactions")
    second = await discord.say(scene.ada, thread, "two")
    await discord.wait_for(lambda: said(scene, name) == ["one", "two"], RUN_S)
    third = await discord.say(scene.ada, thread, "three")
    await marked(scene, third, QUEUED)
    assert answers(scene, second) == []


async def test_a_mention_in_front_is_left_out_and_a_slash_stays_text(scene: Scene) -> None:
    thread, name = await at_work(scene)
    bot = scene.discord.world.bot
    for text in (f"{bot.mention} what now?", "/clear it", "@everyone 日本語 🙂 `x`"):
        await marked(scene, await scene.discord.say(scene.ada, thread, text), QUEUED)
    assert said(scene, name) == ["what now?", " /clear it", "@everyone 日本語 🙂 `x`"]


@pytest.fixture
async def blind(ground: Ground) -> AsyncIterator[Scene]:
    """The application may not read what people type."""
    async with opened(ground, granted_intents=0) as made:
        yield made


async def test_without_the_intent_that_is_said_once_and_a_mention_is_passed_on(blind: Scene) -> None:
    scene = blind
    thread, name = await at_work(scene)
    first = await scene.discord.say(scene.ada, thread, "can you hear me")
    await answer_to(scene, first, "Message Content Intent")
    second = await scene.discord.say(scene.ada, thread, "and now")
    await marked(scene, second, REFUSED)
    mention = await scene.discord.say(scene.ada, thread, f"{scene.discord.world.bot.mention} and now?")
    await marked(scene, mention, QUEUED)
    await scene.restart_bot()
    third = await scene.discord.say(scene.ada, thread, "still?")
    await marked(scene, third, REFUSED)
    assert [answers(scene, each) for each in (second, third)] == [[], []]
    assert said(scene, name) == ["and now?"]
    assert any("cannot be read" in each["event"] for each in scene.logged)


async def test_send_does_the_same_from_anywhere(scene: Scene) -> None:
    thread, name = await at_work(scene)
    answer = await scene.answer("send", container_id=name[-6:], message="by command")
    assert f"Queued for {name}" in answer.text
    assert said(scene, name) == ["by command"]
    assert thread.name
    refused = await scene.answer("send", container_id=name, message="by eve", user=scene.eve)
    assert "You may not use `send`" in refused.text
    await scene.slash("stop", container_id=name)
    await scene.end_of(thread)
    assert f"Queued for {name}" in (await scene.answer("send", container_id=name, message="scenario:ok")).text
    await scene.discord.message_in(thread, "✅ **Done**", RUN_S)
