"""What the text agent says where it cannot answer: no key, no budget, no right, a model or a connection that fails."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from agents import audit
from bot.talk_store import open_talks
from tests.bot.scene import RUN_S, Ground, Scene, opened
from tests.bot.talking import talking_to
from tests.discord_standin import Channel, Message
from vps.talks import new_name
from vps.testing.model import Answer, Conversation, Fault, Reply, Text, say


def script(conversation: Conversation) -> Answer:
    if conversation.task == "fail":
        return Fault(529, "Overloaded")
    if conversation.task == "unknown":
        return Fault(404, "model: claude-nobody")
    if conversation.task == "locked":
        return Fault(401, "invalid x-api-key")
    if conversation.task == "decline":
        return Reply((), stop_reason="refusal")
    if conversation.task == "at length":
        return Reply((Text("It goes on and"),), stop_reason="max_tokens")
    if conversation.task == "slowly":
        return Reply((Text(" ".join(f"word-{number:03}" for number in range(40))),), pause_s=0.3)
    return say(f"Heard: {conversation.task}")


@pytest.fixture(scope="module")
async def scene(ground: Ground) -> AsyncIterator[Scene]:
    async with talking_to(ground, script) as found:
        yield found


async def answer(scene: Scene, text: str, wanted: str) -> Message:
    """The answer to a direct message, once it is complete and holds those words."""
    direct = scene.discord.world.direct(scene.ada)
    said = await scene.discord.say(scene.ada, direct, text)
    return await complete(scene, direct, said, wanted)


async def complete(scene: Scene, channel: Channel, said: Message, wanted: str) -> Message:
    return await scene.discord.message_in(
        channel, lambda each: each.id > said.id and wanted in each.text and not each.buttons, RUN_S
    )


async def test_what_the_model_refuses_is_said_in_a_sentence_and_the_talk_goes_on(scene: Scene) -> None:
    assert "Ask again in a while." in (await answer(scene, "fail", "529: Overloaded")).text
    assert "AGENTFLOW_TALK_MODEL" in (await answer(scene, "unknown", "404")).text
    await answer(scene, "decline", "The model declined to answer this.")
    cut = await answer(scene, "at length", "Write on to have the rest.")
    assert "It goes on and" in cut.text
    await answer(scene, "hello", "Heard: hello")


async def test_an_answer_goes_on_after_the_connection_was_lost_in_the_middle(scene: Scene) -> None:
    direct = scene.discord.world.direct(scene.ada)
    said = await scene.discord.say(scene.ada, direct, "slowly")
    await scene.discord.message_in(direct, lambda each: each.id > said.id and "word-003" in each.text, RUN_S)
    connection = scene.bot.crew.host._connection  # pyright: ignore[reportPrivateUsage]  nobody else cuts it off
    assert connection is not None
    connection.abort()
    end = await complete(scene, direct, said, "word-039")
    assert end.text.count("word-000") == 1


async def test_a_used_up_budget_is_told_at_once_and_what_is_spent_counts_as_the_persons(scene: Scene) -> None:
    before = scene.settings
    scene.settings = before.model_copy(update={"AGENTFLOW_TALK_BUDGET": 0.000001})
    await scene.restart_bot()
    await answer(scene, "new", "We begin anew")
    await answer(scene, "hello", "Heard: hello")
    begun = time.monotonic()
    refused = await answer(scene, "and more", "This conversation's budget is used up")
    assert "AGENTFLOW_TALK_BUDGET" in refused.text
    assert time.monotonic() - begun < 30
    told = await scene.bot.crew.gateway.usage(1)
    assert {str(person): usd for person, usd, *_ in told["people"]}[f"discord:{scene.ada.id}"] > 0
    await answer(scene, "new", "We begin anew")
    await answer(scene, "hello again", "Heard: hello again")
    scene.settings = before
    await scene.restart_bot()


async def test_what_a_killed_bot_left_is_told_and_let_in_no_more(scene: Scene) -> None:
    direct = scene.discord.world.direct(scene.ada)
    left = await answer(scene, "begin", "Heard: begin")
    await scene.stop_bot()
    name = new_name()
    spec = scene.root / "gateway" / "specs" / f"{name}.json"
    spec.write_text(json.dumps({"network": "none", "person": "", "workspace": "", "talk": True}))
    async with open_talks(scene.settings.state_dir / "talks.sqlite3") as store:
        await store.begin(direct.id, left.id)
    await scene.start_bot()
    await scene.discord.wait_for(lambda: "The bot was restarted in the middle; ask again." in left.text, RUN_S)
    assert left.text.startswith("Heard: begin")
    assert not spec.exists()


async def test_who_may_not_is_told_once_and_a_thread_needs_no_more_than_a_mention(scene: Scene) -> None:
    direct = scene.discord.world.direct(scene.eve)
    await scene.discord.say(scene.eve, direct, "hello")
    await scene.discord.message_in(direct, "the right to run", RUN_S)
    await scene.discord.say(scene.eve, direct, "hello?")
    await answer(scene, "done", "Heard: done")
    assert len([each for each in scene.discord.messages(direct) if each.author.bot]) == 1
    async with asyncio.timeout(RUN_S):
        while len(noted := await audit.read(scene.bot.crew.relay, 10, {"tool": "talk"})) < 2:
            await asyncio.sleep(0.05)
    assert [line.outcome.partition(":")[0] for line in noted] == ["NotPermitted"] * 2


async def test_a_key_that_the_model_refuses_is_told_with_the_remedy_until_there_is_another(scene: Scene) -> None:
    assert "`agentflow credential`" in (await answer(scene, "locked", "no longer accepts the credential")).text
    await answer(scene, "hello?", "no longer accepts the credential")
    await scene.bot.crew.gateway.renew()
    await answer(scene, "hello!", "Heard: hello!")


async def test_with_a_subscription_alone_it_is_off_and_says_so(ground: Ground) -> None:
    token = SecretStr("sk-ant-oat01-subscription-0123456789")
    given = {"ANTHROPIC_API_KEY": None, "CLAUDE_CODE_OAUTH_TOKEN": token}
    async with opened(ground, image_ready=False, granted_intents=0, **given) as scene:
        await scene.discord.say(scene.ada, scene.channel, f"{scene.discord.world.bot.mention} hello")
        refused = await scene.discord.message_in(
            scene.channel, "a subscription's token is for Claude Code alone", RUN_S
        )
        assert "ANTHROPIC_API_KEY" in refused.text
        assert scene.discord.threads(scene.channel) == []
        await scene.discord.say(scene.ada, scene.channel, "hello, people")
        direct = scene.discord.world.direct(scene.ada)
        await scene.discord.say(scene.ada, direct, "hello")
        await scene.discord.message_in(direct, "Talking to me is off", RUN_S)
        assert len([each for each in scene.discord.messages(scene.channel) if each.author.bot]) == 1
