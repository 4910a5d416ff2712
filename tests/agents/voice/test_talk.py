"""A conversation over broken connections: nothing is lost, and nothing done twice."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from agents.voice.errors import VoiceUnavailable
from agents.voice.turn import Pace
from agents.voice.voices import Voices
from tests.agents.voice.place import PACE, SECRET, Place
from tests.elevenlabs_standin import (
    CallTool,
    Correct,
    Drop,
    Fail,
    Pause,
    Raw,
    Say,
    Step,
)

DROPS: list[tuple[str, list[Step]]] = [
    ("at once", [Drop(1011)]),
    ("cut", [Drop()]),
    ("gone", [Drop(1001)]),
    ("policy", [Drop(1008)]),
    ("error event", [Fail("quota exceeded")]),
    ("silence, then an error", [Pause(0.1), Fail("internal")]),
    ("no json", [Raw("{")]),
]


@pytest.mark.parametrize("steps", [steps for _, steps in DROPS], ids=[name for name, _ in DROPS])
async def test_a_message_that_broke_off_before_any_tool_is_asked_again(scene: Place, steps: list[Step]) -> None:
    scene.standin.turns.extend([[Say("Hello.")], steps, [Say("Two.")]])
    await scene.ask("hello")
    with capture_logs():
        assert await scene.ask("how many?") == "Two."
    assert scene.standin.said("user_message") == ["hello", "how many?", "how many?"]
    (told,) = scene.updates()
    assert "The person said: hello\nYou said: Hello." in told


async def test_a_message_that_broke_off_after_a_tool_is_not_asked_again(scene: Place) -> None:
    scene.standin.turns.extend(
        [[CallTool("spawn_claude_agent", {"task": "Add a REST API"}), Drop(1011)], [Say("Yes.")]]
    )
    answer = await scene.ask("start one")
    assert "broke off in the middle. So far: Agent one, the REST API one has started" in answer
    assert await scene.ask("and now?") == "Yes."
    assert scene.standin.said("user_message") == ["start one", "and now?"]
    assert len(scene.done) == 1
    (told,) = scene.updates()
    assert "Your tool spawn_claude_agent answered: Agent one, the REST API one has started" in told


async def test_a_tool_in_flight_is_finished_and_told_in_the_next_session(scene: Place) -> None:
    given = {"repo_url": "https://github.com/o/api"}
    scene.standin.turns.extend(
        [[CallTool("clone_repo", given, awaited=False), Pause(0.1), Drop(1011)], [Say("It runs.")]]
    )
    answer = await scene.ask("clone it")
    assert "Still under way: clone repo." in answer
    assert await scene.ask("and?") == "It runs."
    assert "Your tool clone_repo is under way" in scene.updates()[0]
    scene.goes_on.set()
    await scene.until(lambda: len(scene.updates()) > 1)
    assert scene.updates()[-1].startswith("clone repo: Api, on branch main.")
    assert len(scene.done) == 1


async def test_an_opening_that_fails_is_tried_again(scene: Place) -> None:
    scene.standin.refusals.extend([503] * 3)  # the SDK repeats those by itself
    scene.standin.openings.append([Drop(1011)])
    scene.standin.turns.append([Say("Hello.")])
    with capture_logs():
        assert await scene.ask() == "Hello."


async def test_attempts_have_an_end_and_the_reason_is_told(scene: Place) -> None:
    scene.standin.openings.extend([[Fail(f"quota of {SECRET} exceeded")]] * 10)
    with capture_logs() as logs, pytest.raises(VoiceUnavailable, match="quota of"):
        await scene.ask()
    assert len(scene.standin.conversations) == len(PACE.again_s) + 1
    assert SECRET not in str(logs)


async def test_an_agent_that_is_not_set_up_says_so(scene: Place) -> None:
    scene.standin.account.agents.clear()
    with pytest.raises(VoiceUnavailable, match="agentflow voice setup"):
        await scene.ask()


async def test_frames_that_mean_nothing_are_passed_over(scene: Place) -> None:
    odd = ['"text"', "{}", '{"type": "vad_score"}', '{"type": "agent_response"}', '{"type": "client_tool_call"}', "[1]"]
    scene.standin.turns.append([*(Raw(text) for text in odd), Say("Still here."), Correct("Still here.", "Still")])
    with capture_logs():
        assert await scene.ask() == "Still"


async def test_what_is_said_after_an_answer_was_taken_for_whole_is_not_lost(scene: Place) -> None:
    scene.standin.turns.extend([[Say("One moment."), Pause(2.0), Say("Two are at work.")], [Say("Yes.")]])
    assert await scene.ask("how many?") == "One moment."
    (conversation,) = scene.standin.conversations
    await scene.until(lambda: "Two are at work." in str(conversation.sent))
    await conversation.ping()
    await scene.until(lambda: conversation.heard[-1].get("type") == "pong")
    assert await scene.ask("sure?") == "Yes. (Said later to what you asked before: Two are at work.)"


async def test_whoever_gives_up_waiting_does_not_leave_an_answer_for_the_next_message(scene: Place) -> None:
    scene.standin.turns.extend([[Pause(0.3), Say("Old.")], [Pause(0.5), Say("New.")]])
    asking = asyncio.create_task(scene.ask("old"))
    await scene.until(lambda: scene.standin.said("user_message"))
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert await scene.ask("new") == "New."


async def test_an_idle_conversation_is_closed_and_goes_on_with_a_summary(scene: Place) -> None:
    scene.voices = Voices(scene.crew, pace=Pace(quiet_s=0.1, idle_s=0.1))
    scene.standin.turns.extend([[Say("Hello.")], [Say("Again.")]])
    await scene.ask("hello")
    await scene.until(lambda: not scene.standin.conversations[0].is_open)
    assert await scene.voices.tell("discord:1", "Agent one is done.") == 0
    assert await scene.ask("again") == "Again."
    assert "Update: Agent one is done." in scene.updates()[0]
