"""What people say in voice messages: to agents in their threads, and to the bot itself, which answers aloud."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from agents.tools.core import Call
from agents.voice import opus
from agents.voice.errors import VoiceError
from agents.voice.opus import recorded
from bot.ask_by_button import ask_person
from bot.receipts import QUEUED, TAKEN
from tests.bot.scene import RUN_S, Ground, Scene, opened, until
from tests.bot.speaking import AGENTS, DATABASE, PARSER, Answering, Voice, always, dictation, say
from tests.bot.test_attachments import told
from tests.bot.test_hearing import answer_to, answers, at_work, marked, said
from tests.discord_standin.model import VOICE
from tests.elevenlabs_standin import KEY, hearing
from tests.elevenlabs_standin.speech import Speech


@pytest.fixture
async def speaking(ground: Ground, eleven: Speech) -> AsyncIterator[Scene]:
    async with opened(ground, ELEVENLABS_API_KEY=KEY, ELEVENLABS_BASE_URL=eleven.url) as scene:
        yield scene


@pytest.fixture
async def deskside(ground: Ground, eleven: Speech) -> AsyncIterator[Scene]:
    """The same, for what needs no agent."""
    async with opened(ground, image_ready=False, ELEVENLABS_API_KEY=KEY, ELEVENLABS_BASE_URL=eleven.url) as scene:
        yield scene


async def test_a_voice_message_in_an_agents_thread_reaches_it_as_words(speaking: Scene, voice: Voice) -> None:
    scene = speaking
    voices = scene.bot.voice_messages.voices = always("")
    recording = await voice(PARSER)
    thread, name = await at_work(scene)
    spoken = await say(scene, scene.ada, thread, recording)
    typed = await scene.discord.say(scene.ada, thread, "and mind the gap")
    await marked(scene, typed, QUEUED)
    await scene.end_sleep(name)
    await marked(scene, spoken, TAKEN)
    await marked(scene, typed, TAKEN)
    await scene.end_of(thread)
    assert said(scene, name) == [PARSER, "and mind the gap"]
    assert PARSER in json.dumps(scene.asked())
    assert told(scene, name) == ["", ""], "the sound itself is not passed on"
    (shown,) = answers(scene, spoken)
    assert shown.content == f"🎙️ **ada**\n> {PARSER}"
    assert shown.pings == frozenset()
    assert voices.told == [(f"discord:{scene.ada.id}", 'The agent that was to "scenario:sleep:300" is done.')]
    assert voices.asked == []


async def test_one_said_to_an_agent_that_asks_is_the_answer(speaking: Scene, voice: Voice) -> None:
    scene = speaking
    voices = scene.bot.voice_messages.voices = always("")
    thread = await scene.spawn("scenario:ask")
    question = await scene.discord.message_in(
        thread, lambda each: "Which database?" in each.content and bool(each.buttons), RUN_S
    )
    spoken = await say(scene, scene.ada, thread, await voice(DATABASE))
    await scene.discord.wait_for(lambda: DATABASE in question.content, RUN_S)
    await scene.end_of(thread)
    await marked(scene, spoken, TAKEN)
    assert f'"Which database?"="{DATABASE}"' in json.dumps(scene.asked()).replace("\\", "")
    person, asked = voices.told[0]
    assert (person, asked) == (
        f"discord:{scene.ada.id}",
        'The agent that was to "scenario:ask" asks: "Which database?"',
    )
    assert voices.told[-1][1].endswith("is done.")


async def test_what_was_understood_is_not_asked_for_again(deskside: Scene, voice: Voice, eleven: Speech) -> None:
    scene = deskside
    posted = [await say(scene, scene.ada, scene.channel, await voice(PARSER)) for _ in range(2)]
    channel = scene.bot.get_partial_messageable(scene.channel.id)
    first, second = [await channel.fetch_message(each.id) for each in posted]
    heard = await dictation(scene).heard(first)
    assert (heard.words, heard.why) == (PARSER, "")
    eleven.failures = [(401, "quota_exceeded")]
    failed = await dictation(scene).heard(second)
    assert "quota" in failed.why
    before = len(eleven.heard)
    await dictation(scene).shown(first, heard)
    await scene.restart_bot()
    assert await dictation(scene).heard(first) == replace(heard, is_shown=True)
    assert await dictation(scene).heard(second) == failed
    assert len(eleven.heard) == before


async def test_it_is_heard_once_also_when_the_bot_was_away_and_is_taken_back_by_deleting_it(
    speaking: Scene, voice: Voice, eleven: Speech
) -> None:
    scene = speaking
    thread, name = await at_work(scene)
    first = await say(scene, scene.ada, thread, await voice(PARSER))
    await marked(scene, first, QUEUED)
    await scene.stop_bot()
    heard = len(eleven.heard)
    away = await say(scene, scene.ada, thread, await voice(DATABASE))
    stranger = await say(scene, scene.eve, thread, await voice(AGENTS))
    await scene.start_bot()
    await marked(scene, away, QUEUED)
    await answer_to(scene, stranger, "You may not use `send`")
    await scene.restart_bot()
    last = await scene.discord.say(scene.ada, thread, "go on")
    await marked(scene, last, QUEUED)
    assert said(scene, name) == [PARSER, DATABASE, "go on"]
    assert eleven.heard[heard:] == [DATABASE], "a stranger's is not listened to"
    assert [len(answers(scene, each)) for each in (first, away, stranger)] == [1, 1, 1]
    for each in (first, away):
        assert await scene.bot.store.fact(f"voice:{each.id}") is None, (
            "the words are kept no longer than they are needed"
        )
    inbox = scene.root / "runs" / name / "in" / "inbox.jsonl"
    scene.discord.world.delete_message(away)
    await until(lambda: b'"edit"' in inbox.read_bytes())
    assert json.loads(inbox.read_bytes().splitlines()[-1]).get("by") is None


async def test_without_a_key_it_stays_a_file_and_that_is_told_once(scene: Scene, voice: Voice) -> None:
    thread, name = await at_work(scene)
    recording = await voice(PARSER)
    first, second = [await say(scene, scene.ada, thread, recording) for _ in range(2)]
    await marked(scene, first, QUEUED)
    await marked(scene, second, QUEUED)
    (answer,) = answers(scene, first)
    assert "Voice is off: ELEVENLABS_API_KEY is not set" in answer.content
    assert answers(scene, second) == []
    assert ["voice-message.ogg" in each for each in told(scene, name)] == [True, True]
    (one, _) = (scene.root / "runs" / name / "attachments").iterdir()
    assert (one / "voice-message.ogg").read_bytes() == recording.content


async def test_what_cannot_be_understood_is_told_and_goes_on_as_a_file(
    speaking: Scene, voice: Voice, eleven: Speech
) -> None:
    scene = speaking
    thread, name = await at_work(scene)
    eleven.failures = [(401, "quota_exceeded")]
    broken = await say(scene, scene.ada, thread, await voice(PARSER))
    await marked(scene, broken, QUEUED)
    answer = await answer_to(scene, broken, "quota is used up")
    assert "as a file" in answer.content
    assert "type" in answer.content
    silence = await say(scene, scene.ada, thread, recorded(bytes(2 * 16_000), 16_000))
    await answer_to(scene, silence, "I understood nothing.")
    heard = len(eleven.heard)
    large = await scene.discord.speak(scene.ada, thread, b"x" * 64, size=11 << 20)
    await answer_to(scene, large, "The recording has 11 MB; at most 10 MB are passed on.")
    await marked(scene, silence, QUEUED)
    await marked(scene, large, QUEUED)
    assert ["voice-message.ogg" in each for each in told(scene, name)] == [True] * 3
    assert len(eleven.heard) == heard


async def test_one_said_directly_is_shown_and_answered_aloud(deskside: Scene, voice: Voice, eleven: Speech) -> None:
    scene, direct = deskside, deskside.discord.world.direct(deskside.ada)
    voices = scene.bot.voice_messages.voices = always("**Two agents** are at work")
    spoken = await say(scene, scene.ada, direct, await voice(AGENTS))
    await scene.discord.message_in(direct, lambda each: bool(each.flags & VOICE) and each.author.bot, RUN_S)
    words, answer, aloud = answers(scene, spoken)
    assert words.content == f"🎙️ **ada**\n> {AGENTS}"
    assert answer.content == "**Two agents** are at work"
    assert voices.asked == [(f"discord:{direct.id}", AGENTS)]
    (sound,) = aloud.attachments
    assert hearing.words(sound.data) == "two agents are at work"
    assert sound.voice["duration_secs"] == pytest.approx(len(opus.decoded(sound.data)) / 2 / opus.RATE, abs=0.05)
    assert eleven.spoken[-1] == "Two agents are at work"
    assert direct.typing


async def test_a_reply_to_the_bot_is_for_it_and_a_long_answer_is_not_spoken(
    deskside: Scene, voice: Voice, eleven: Speech
) -> None:
    scene = deskside
    voices = scene.bot.voice_messages.voices = always("A long story. " * 300)
    by_bot = scene.discord.world.create_message(scene.channel, scene.discord.world.bot, {"content": "hello"})
    spoken_before = len(eleven.spoken)
    spoken = await say(scene, scene.ada, scene.channel, await voice(AGENTS), reply_to=by_bot)
    for_others = await say(scene, scene.ada, scene.channel, await voice(AGENTS))
    await scene.discord.wait_for(lambda: len(answers(scene, spoken)) == 4, RUN_S)
    again = await say(scene, scene.ada, scene.channel, await voice(DATABASE), reply_to=by_bot)
    await scene.discord.wait_for(lambda: len(answers(scene, again)) == 4, RUN_S)
    assert "".join(each.content for each in answers(scene, spoken)[1:]).count("A long story.") == 300
    assert answers(scene, for_others) == []
    assert [text for _, text in voices.asked] == [AGENTS, DATABASE]
    assert len(eleven.spoken) == spoken_before


async def test_one_in_a_thread_that_opened_for_a_talk_is_for_the_bot(deskside: Scene, voice: Voice) -> None:
    scene = deskside
    voices = scene.bot.voice_messages.voices = always("fine")
    mention = await scene.discord.say(scene.ada, scene.channel, f"{scene.discord.world.bot.mention} hello")
    await scene.discord.wait_for(lambda: mention.thread, RUN_S)
    assert mention.thread
    by_others = await say(scene, scene.eve, mention.thread, await voice(AGENTS))
    spoken = await say(scene, scene.ada, mention.thread, await voice(DATABASE))
    await answer_to(scene, spoken, "fine")
    assert voices.asked == [(f"discord:{mention.thread.id}", DATABASE)]
    assert answers(scene, by_others) == [], "people may talk to each other there"


async def test_who_has_no_right_is_refused_and_not_listened_to(deskside: Scene, voice: Voice, eleven: Speech) -> None:
    scene, voices, heard = deskside, always("yes"), len(eleven.heard)
    scene.bot.voice_messages.voices = voices
    direct = scene.discord.world.direct(scene.eve)
    spoken = await say(scene, scene.eve, direct, await voice(AGENTS))
    await answer_to(scene, spoken, "You may not use `voice`: it takes the right to run.")
    assert (voices.asked, len(eleven.heard)) == ([], heard)
    audited = [json.loads(line) for line in (scene.root / "audit.jsonl").read_bytes().splitlines()]
    assert (audited[-1]["caller"], audited[-1]["tool"]) == (f"discord:{scene.eve.id}", "voice")
    assert audited[-1]["outcome"].startswith("NotPermitted")


async def test_trouble_is_told_with_what_to_do(deskside: Scene, voice: Voice, eleven: Speech) -> None:
    scene, direct = deskside, deskside.discord.world.direct(deskside.ada)
    alone = await say(scene, scene.ada, direct, await voice(AGENTS))
    await answer_to(scene, alone, "There is no voice agent: ELEVENLABS_AGENT_ID is not set.")
    scene.bot.voice_messages.voices = always("fine")
    eleven.failures = [(401, "invalid_api_key")]
    refused = await say(scene, scene.ada, direct, await voice(AGENTS))
    await answer_to(scene, refused, "ElevenLabs refused the key.")
    large = await scene.discord.speak(scene.ada, direct, b"x" * 64, size=11 << 20)
    await answer_to(scene, large, "The recording has 11 MB; at most 10 MB are passed on.")

    async def broken(_text: str, _call: Callable[[str], Awaitable[Call]]) -> str:
        raise VoiceError("The conversation broke.", remedy="Say it again.")

    scene.bot.voice_messages.voices = Answering(broken)
    failed = await say(scene, scene.ada, direct, await voice(AGENTS))
    await answer_to(scene, failed, "The conversation broke. Say it again.")
    scene.bot.voice_messages.voices = always("fine")
    said_once = await say(scene, scene.ada, direct, await voice(AGENTS))
    eleven.failures = []
    await answer_to(scene, said_once, "fine")


async def test_where_it_may_not_speak_that_is_told(deskside: Scene, voice: Voice, eleven: Speech) -> None:
    scene, direct = deskside, deskside.discord.world.direct(deskside.ada)
    scene.bot.voice_messages.voices = always("Two agents are at work")
    eleven.when_spoken = lambda: scene.discord.fail_next("POST", r"/messages$", status=403, code=50013)
    spoken = await say(scene, scene.ada, direct, await voice(AGENTS))
    await answer_to(scene, spoken, "I lack the permission *Send Voice Messages*")
    eleven.when_spoken = None
    assert len(answers(scene, spoken)) == 3


async def test_a_bot_that_is_stopped_meanwhile_says_so(deskside: Scene, voice: Voice) -> None:
    scene, direct = deskside, deskside.discord.world.direct(deskside.ada)

    async def asks(_text: str, call: Callable[[str], Awaitable[Call]]) -> str:
        confirm = (await call("1")).confirm
        assert confirm
        return str(await confirm("Is it so?"))

    scene.bot.voice_messages.voices = Answering(asks)
    spoken = await say(scene, scene.ada, direct, await voice(AGENTS))
    question = await scene.discord.message_in(direct, lambda each: bool(each.buttons), RUN_S)
    await scene.stop_bot()
    await answer_to(scene, spoken, "The bot was stopped in the middle of this.")
    assert question.buttons == []
    await scene.start_bot()


async def test_a_question_that_nobody_answers_is_a_no(deskside: Scene) -> None:
    scene = deskside
    channel = scene.bot.get_partial_messageable(scene.channel.id)
    assert not await ask_person(channel, scene.ada.id, "Is it @everyone?", within_s=3.0)
    question = await scene.discord.message_in(scene.channel, "Nobody answered", RUN_S)
    assert question.buttons == []
    assert question.pings == {scene.ada.id}
