"""What agents ask is answered in their threads, once, by who may, whatever goes away meanwhile."""

from __future__ import annotations

import asyncio
import os
import re
import sys

import pytest

from agents.rights import Right
from agents.tools.answer import ANSWER, AnswerOutput
from agents.tools.core import Call, NotConfirmed
from agents.tools.stakes import Stake
from bot.receipts import TAKEN
from tests.bot.bot_process import environ, started
from tests.bot.scene import RUN_S, Ground, Scene, opened
from tests.chaos.bot import BotProcess
from tests.discord_standin import Channel, Interaction, Message
from tests.discord_standin.components import STRING_SELECT, walk
from vps.models import Origin
from vps.questions import QuestionOver


async def asked(scene: Scene, thread: Channel, words: str) -> Message:
    return await scene.discord.message_in(
        thread, lambda message: words in message.content and bool(message.buttons), RUN_S
    )


async def told(scene: Scene, message: Message, words: str) -> None:
    """Wait until a question's message tells how it ended, and can be pressed no more."""
    await scene.discord.wait_for(lambda: words in message.content and not message.buttons, RUN_S)


async def shown_before_a_model_answers(scene: Scene, name: str) -> str:
    """To the person it calls for, who declines."""
    questions: list[str] = []

    async def decline(question: str) -> bool:
        questions.append(question)
        return False

    origin = Origin(caller="talk:1", surface="tests")
    call = Call(origin, frozenset(Right), confirm=decline, confirmed=frozenset({Stake.SPENDS}))
    with pytest.raises(NotConfirmed):
        await ANSWER.invoke(scene.bot.crew, {"container_id": name, "answer": "always"}, call)
    return questions.pop()


def labels(message: Message) -> list[str | None]:
    return [button.label for button in message.buttons]


async def test_a_question_is_answered_by_its_button_after_the_bot_was_killed_and_came_back(
    away: tuple[Scene, BotProcess],
) -> None:
    scene, bot = away
    thread = await scene.spawn("scenario:ask")
    question = await asked(scene, thread, "Which database?")
    assert labels(question) == ["Postgres", "SQLite", "Other…"]
    assert scene.discord.pings(scene.ada) == [question]
    (name,) = scene.run_directories()
    assert "Which database?" in (await scene.answer("status", container_id=name)).text
    await bot.kill()
    await started(scene, bot)

    for label in ("Postgres", "Other…"):
        refused = await scene.click(question, label, user=scene.eve)
        assert "You may not use `answer`" in (await refused.reply(RUN_S)).text
    pressed = await scene.click(question, "SQLite")
    assert "Which database? Answered: SQLite" in (await pressed.reply(RUN_S)).text
    await told(scene, question, f"✅ **SQLite** · <@{scene.ada.id}>")
    await scene.end_of(thread)
    assert '"Which database?"="SQLite"' in scene.discord.transcript(thread)
    assert scene.discord.transcript(thread).count("❓") == 1
    late = await scene.answer("answer", container_id=name, answer="Postgres", question="0a1b2c3d")
    assert "This question has expired" in late.text


async def test_a_plain_message_and_a_shell_answer_too(scene: Scene) -> None:
    thread = await scene.spawn("scenario:ask")
    question = await asked(scene, thread, "Which database?")
    message = await scene.discord.say(scene.ada, thread, "Neither: files will do.")
    await told(scene, question, f"✅ **Neither: files will do.** · <@{scene.ada.id}>")
    await scene.end_of(thread)
    assert '"Which database?"="Neither: files will do."' in scene.discord.transcript(thread)
    await scene.discord.wait_for(lambda: TAKEN in message.reactions, RUN_S)
    scene.discord.world.edit_message(message, {"content": "Postgres then."})
    late = await scene.discord.message_in(thread, lambda each: each.reference is message, RUN_S)
    assert "has read this already" in late.content

    thread = await scene.spawn("scenario:ask")
    question = await asked(scene, thread, "Which database?")
    words = ("-m", "bot", "answer", await scene.name_of(thread), "postgres")
    shell = await asyncio.create_subprocess_exec(
        sys.executable, *words, env={**os.environ, **environ(scene.settings)}, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(shell.communicate(), RUN_S)
    assert b"Answered: Postgres" in output
    await told(scene, question, "✅ **Postgres** · ")
    await scene.end_of(thread)


async def test_of_two_who_answer_at_once_one_is_told_who_was_first(scene: Scene) -> None:
    thread = await scene.spawn("scenario:ask-several")
    letters, tests = await asked(scene, thread, "Which letters?"), await asked(scene, thread, "With tests?")
    name = await scene.name_of(thread)
    (menu,) = (each for each in walk(letters.components) if each["type"] == STRING_SELECT)
    chosen = await scene.discord.select(scene.ada, letters, menu["custom_id"], "1", "3")
    await chosen.shows("Answered: A, C", RUN_S)
    await told(scene, letters, "✅ **A, C** · ")

    me = Call(Origin(caller="operator:me", caller_name="me", surface="tests"), frozenset(Right))
    given = {"container_id": name, "answer": "no"}
    pressed, typed = await asyncio.gather(
        scene.click(tests, "Yes"), ANSWER.invoke(scene.bot.crew, given, me), return_exceptions=True
    )
    assert isinstance(pressed, Interaction)
    reply = (await pressed.reply(RUN_S)).text
    first, answer = ("me", "No") if isinstance(typed, AnswerOutput) else (f"<@{scene.ada.id}>", "Yes")
    assert ("answered this already" in reply) == isinstance(typed, AnswerOutput), reply
    assert isinstance(typed, AnswerOutput | QuestionOver)
    await told(scene, tests, f"✅ **{answer}** · {first}")
    await scene.end_of(thread)
    assert f'"With tests?"="{answer}"' in scene.discord.transcript(thread)


async def test_a_permission_is_given_and_another_denied_with_a_reason(scene: Scene) -> None:
    thread = await scene.spawn("scenario:permit", permission_mode="default")
    first = await asked(scene, thread, "Allow **Bash** `echo permitted")
    assert labels(first) == ["Allow", "Always allow", "Deny…"]
    await scene.click(first, "Allow")
    await told(scene, first, f"✅ Approved · <@{scene.ada.id}>")
    second = await scene.discord.message_in(
        thread,
        lambda message: message is not first and "Allow **Bash**" in message.content and bool(message.buttons),
        RUN_S,
    )
    shown = await shown_before_a_model_answers(scene, await scene.name_of(thread))
    assert "its tool: Bash\n" in shown
    assert '"command": "echo permitted' in shown
    assert re.search(r"^question: \S+$", shown, re.MULTILINE)
    form = await scene.click(second, "Deny…")
    await form.answered()
    await scene.discord.submit(scene.ada, form, words="once is enough")
    await told(scene, second, f"🚫 Not approved · <@{scene.ada.id}>\n> once is enough")
    await scene.end_of(thread)
    assert "They said: once is enough" in scene.discord.transcript(thread)
    assert (scene.workspace / "permitted.txt").exists()


async def test_a_plan_is_shown_approved_and_carried_out_unasked(scene: Scene) -> None:
    thread = await scene.spawn("scenario:plan", permission_mode="plan")
    question = await asked(scene, thread, "Approve this plan?")
    assert "1. Write `planned.txt`" in scene.discord.transcript(thread)
    await scene.click(question, "Approve, ask nothing more")
    await told(scene, question, "✅ Approved, also from now on")
    await scene.end_of(thread)
    assert "It went so: planned" in scene.discord.transcript(thread)


async def test_a_question_that_nobody_answers_expires_and_its_time_is_not_the_turns(ground: Ground) -> None:
    async with opened(ground, AGENTFLOW_QUESTION_HOURS=0.007) as scene:
        # A busy machine takes most of this to start the CLI, and the question takes all of it.
        thread = await scene.spawn("scenario:ask", timeout="25s")
        question = await scene.discord.message_in(thread, "❓ **Storage** · Which database?", RUN_S)
        await told(scene, question, "⌛ Nobody answered in time.")
        assert "**Done**" in (await scene.end_of(thread)).text
        assert "Heard: Nobody answered" in scene.discord.transcript(thread)
