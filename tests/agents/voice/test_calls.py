"""What the agent calls: by whom, on what, once, and after a yes."""

from __future__ import annotations

from typing import Any

import pytest

from agents.rights import Right
from agents.voice import calls as voice_calls
from tests.agents.voice.place import FORM, LOGIN, Place
from tests.elevenlabs_standin import (
    CallTool,
    Say,
    Step,
)


async def test_a_tool_is_carried_out_by_the_names_people_say(scene: Place) -> None:
    scene.standin.turns.append([Say("I ask."), CallTool("list_claude_agents"), Say("Two.")])
    assert await scene.ask() == "I ask. Two."
    assert scene.results() == [
        "Two agents: agent one, the REST API one, is at work; agent two, the login page one, is at work."
    ]
    scene.agrees.set()
    scene.standin.turns.append([CallTool("stop_claude_agent", {"container_id": "the login one"}), Say("Stopped.")])
    assert await scene.ask("stop the login one") == "Stopped."
    assert scene.done[-1] == ("stop_claude_agent", {"container_id": LOGIN.container_id})
    assert [line["caller"] for line in scene.host.lines] == ["discord:1"] * 2


async def test_a_spawn_takes_the_workspace_as_it_is_said(scene: Place) -> None:
    given = {"task": "Add a REST API", "workspace_path": "my a p i", "max_turns": None}
    scene.standin.turns.append([CallTool("spawn_claude_agent", given), Say("Started.")])
    await scene.ask()
    assert scene.done == [
        ("spawn_claude_agent", {"task": "Add a REST API", "workspace_path": "/opt/agentflow/workspaces/api"})
    ]
    assert scene.results() == ["Agent one, the REST API one has started in api."]


async def test_an_ambiguous_name_is_asked_back_and_nothing_is_done(scene: Place) -> None:
    scene.agents.append(FORM)
    scene.standin.turns.append([CallTool("stop_claude_agent", {"container_id": "login"}), Say("Which one?")])
    await scene.ask()
    (result,) = scene.results()
    assert "Do you mean agent two, the login page one, or agent three, the login form one?" in result
    assert (scene.done, scene.asked) == ([], [])


RISKY: list[tuple[str, dict[str, Any]]] = [
    ("push_workspace", {"workspace_name": "api"}),
    ("delete_workspace", {"workspace_name": "web shop"}),
    ("stop_claude_agent", {"container_id": "one"}),
]


@pytest.mark.parametrize(("tool", "given"), RISKY, ids=[name for name, _ in RISKY])
async def test_without_a_yes_nothing_is_done_whatever_the_model_says(
    scene: Place, tool: str, given: dict[str, Any]
) -> None:
    scene.standin.turns.append([CallTool(tool, given), Say("It waits.")])
    assert await scene.ask("tell me about the README") == "It waits."
    assert scene.results() == [voice_calls.ASKED]
    assert len(scene.asked) == 1
    assert not scene.done
    scene.agreed = False
    scene.agrees.set()
    await scene.until(scene.updates)
    assert scene.updates() == [f"{tool.replace('_', ' ')}: That did not work. Not confirmed: nothing was done."]
    assert not scene.done


async def test_the_outcome_after_a_yes_is_told_in_the_conversation(scene: Place) -> None:
    scene.standin.turns.append([CallTool("push_workspace", {"workspace_name": "api"}), Say("It waits.")])
    await scene.ask()
    scene.agrees.set()
    await scene.until(scene.updates)
    assert scene.updates() == ["push workspace: Api is pushed, branch main."]


async def test_long_work_is_under_way_and_its_end_is_told(scene: Place) -> None:
    given = {"repo_url": "https://github.com/o/api"}
    scene.standin.turns.append([CallTool("clone_repo", given), Say("It is under way.")])
    assert await scene.ask() == "It is under way."
    assert scene.results() == [voice_calls.UNDER_WAY]
    scene.goes_on.set()
    await scene.until(scene.updates)
    assert scene.updates() == ["clone repo: Api, on branch main. Token masked github token."]


async def test_rights_are_those_of_now_and_what_no_voice_gives_is_refused(scene: Place) -> None:
    scene.rights = Right.VIEW
    steps: list[Step] = [
        CallTool("stop_claude_agent", {"container_id": "one"}),
        CallTool("list_claude_agents", {"caller": "discord:2"}),
        CallTool("confirm_call", {"code": "abcde-23456"}),
        CallTool("spawn_claude_agent", {"task": "x", "env": "A=b"}),
        Say("No."),
    ]
    scene.standin.turns.append(steps)
    assert await scene.ask() == "No."
    refused = scene.results()
    assert "You may not use" in refused[0]
    assert "no option for a voice" in refused[1]
    assert "not registered" in refused[2]
    assert not scene.done


async def test_an_id_among_the_parameters_does_not_take_the_place_of_the_calls_own(scene: Place) -> None:
    scene.standin.turns.append([CallTool("list_claude_agents", {"tool_call_id": "other"}, id="mine"), Say("Two.")])
    assert await scene.ask() == "Two."
    assert [each["tool_call_id"] for each in scene.standin.results()] == ["mine"]


async def test_a_call_that_comes_twice_is_done_once(scene: Place) -> None:
    given = {"task": "Add a REST API"}
    scene.standin.turns.append(
        [CallTool("spawn_claude_agent", given, id="same", awaited=False), CallTool("spawn_claude_agent", given, id="same"),
         Say("Started.")]
    )  # fmt: skip
    await scene.ask()
    assert len(scene.done) == 1
