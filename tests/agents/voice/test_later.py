"""What comes after the answer reaches the person too."""

from __future__ import annotations

import asyncio

from agents.tools.views import AgentView
from agents.voice.turn import Pace
from agents.voice.voices import Voices
from tests.agents.voice.place import LOGIN, SECRET, Place
from tests.elevenlabs_standin import CallTool, Drop, Pause, Say

CLONE = CallTool("clone_repo", {"repo_url": "https://github.com/o/api"})
CLONED = "clone repo: Api, on branch main. Token masked github token."
STOP = CallTool("stop_claude_agent", {"container_id": "agent two"})


async def test_the_end_of_long_work_and_of_what_waited_for_a_button_is_told(scene: Place) -> None:
    scene.standin.turns.append([CLONE, Say("It is under way.")])
    assert await scene.say() == "It is under way."
    scene.goes_on.set()
    await scene.until(lambda: scene.later)
    assert scene.later == [CLONED]
    scene.standin.turns.append([STOP, Say("It waits.")])
    await scene.say()
    scene.agrees.set()
    await scene.until(lambda: len(scene.later) > 1)
    assert scene.later[1] == "stop claude agent: Agent two, the login page one is stopped."


async def test_what_came_in_time_is_not_told_again(scene: Place) -> None:
    scene.standin.turns.extend([[CallTool("list_claude_agents"), Say("Two.")], [CLONE, Say("It is under way.")]])
    await scene.say()
    await scene.say()
    scene.goes_on.set()
    await scene.until(lambda: scene.later)
    assert scene.later == [CLONED]


async def test_what_the_agent_says_late_is_told_at_once_and_not_again(scene: Place) -> None:
    scene.standin.turns.extend([[Say("One moment."), Pause(2.0), Say(f"Two with {SECRET}.")], [Say("Yes.")]])
    assert await scene.say() == "One moment."
    await scene.until(lambda: scene.later)
    assert scene.later == ["Two with [masked github token]."]
    assert await scene.say("sure?") == "Yes."


async def test_an_end_whose_connection_broke_before_it_is_told(scene: Place) -> None:
    scene.standin.turns.append(
        [CallTool("clone_repo", {"repo_url": "https://github.com/o/api"}, awaited=False), Pause(0.1), Drop(1011)]
    )
    assert "Still under way: clone repo." in await scene.say()
    scene.goes_on.set()
    await scene.until(lambda: scene.later)
    assert scene.later == [CLONED]


async def test_what_is_under_way_when_it_stops_is_told_to_be_so_once(scene: Place) -> None:
    scene.standin.turns.append([CLONE, STOP, Say("Both wait.")])
    await scene.say()
    await scene.voices.close("Stopped in the middle.")
    assert scene.later == ["Stopped in the middle."]
    assert not scene.done


async def test_a_session_is_not_kept_open_for_what_waits_alone(scene: Place) -> None:
    scene.voices = Voices(scene.crew, pace=Pace(quiet_s=0.1, idle_s=0.1, forget_s=0.1))
    scene.standin.turns.extend([[STOP, Say("It waits.")], [Say("It is.")]])
    await scene.say()
    await scene.until(lambda: not scene.standin.conversations[0].is_open)
    await asyncio.sleep(0.3)
    scene.agrees.set()
    await scene.until(lambda: scene.later)
    assert scene.later == ["stop claude agent: Agent two, the login page one is stopped."]


async def test_the_question_says_which_agent_and_what_it_does(scene: Place) -> None:
    scene.agents = [
        LOGIN.model_copy(update={"task": f"Fix the login page of shops with {SECRET} " + "and so on " * 50})
    ]
    scene.standin.turns.append([CallTool("stop_claude_agent", {"container_id": "the login one"}), Say("It waits.")])
    await scene.say()
    (question,) = scene.asked
    assert question.startswith("Agent one, the login page shops one: Fix the login page of shops with [masked")
    assert SECRET not in question
    assert len(question.splitlines()[0]) < 200
    assert scene.done == []


async def test_a_number_that_was_told_stays_that_agents(scene: Place) -> None:
    scene.standin.turns.append([CallTool("list_claude_agents"), Say("Two.")])
    await scene.say()
    other = AgentView(container_id="claude-agent-1700000000009-zzz999", state="running", task="Paint the shed")
    scene.agents = [other]
    scene.agrees.set()
    scene.standin.turns.append([STOP, Say("Stopped.")])
    await scene.say()
    assert scene.done[-1] == ("stop_claude_agent", {"container_id": LOGIN.container_id})
