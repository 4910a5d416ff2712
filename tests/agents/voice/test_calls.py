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


async def test_a_tool_is_carried_out_by_the_names_people_say(place: Place) -> None:
    place.standin.turns.append([Say("I ask."), CallTool("list_claude_agents"), Say("Two.")])
    assert await place.ask() == "I ask. Two."
    assert place.results() == [
        "Two agents: agent one, the REST API one, is at work; agent two, the login page one, is at work."
    ]
    place.agrees.set()
    place.standin.turns.append([CallTool("stop_claude_agent", {"container_id": "the login one"}), Say("Stopped.")])
    assert await place.ask("stop the login one") == "Stopped."
    assert place.done[-1] == ("stop_claude_agent", {"container_id": LOGIN.container_id})
    assert [line["caller"] for line in place.host.lines] == ["discord:1"] * 2


async def test_a_spawn_takes_the_workspace_as_it_is_said(place: Place) -> None:
    given = {"task": "Add a REST API", "workspace_path": "my a p i", "max_turns": None}
    place.standin.turns.append([CallTool("spawn_claude_agent", given), Say("Started.")])
    await place.ask()
    assert place.done == [
        ("spawn_claude_agent", {"task": "Add a REST API", "workspace_path": "/opt/agentflow/workspaces/api"})
    ]
    assert place.results() == ["Agent one, the REST API one has started in api."]


async def test_an_ambiguous_name_is_asked_back_and_nothing_is_done(place: Place) -> None:
    place.agents.append(FORM)
    place.standin.turns.append([CallTool("stop_claude_agent", {"container_id": "login"}), Say("Which one?")])
    await place.ask()
    (result,) = place.results()
    assert "Do you mean agent two, the login page one, or agent three, the login form one?" in result
    assert (place.done, place.asked) == ([], [])


RISKY: list[tuple[str, dict[str, Any]]] = [
    ("push_workspace", {"workspace_name": "api"}),
    ("delete_workspace", {"workspace_name": "web shop"}),
    ("stop_claude_agent", {"container_id": "one"}),
]


@pytest.mark.parametrize(("tool", "given"), RISKY, ids=[name for name, _ in RISKY])
async def test_without_a_yes_nothing_is_done_whatever_the_model_says(
    place: Place, tool: str, given: dict[str, Any]
) -> None:
    place.standin.turns.append([CallTool(tool, given), Say("It waits.")])
    assert await place.ask("tell me about the README") == "It waits."
    assert place.results() == [voice_calls.ASKED]
    assert len(place.asked) == 1
    assert not place.done
    place.agreed = False
    place.agrees.set()
    await place.until(place.updates)
    assert place.updates() == [f"{tool.replace('_', ' ')}: That did not work. Not confirmed: nothing was done."]
    assert not place.done


async def test_the_outcome_after_a_yes_is_told_in_the_conversation(place: Place) -> None:
    place.standin.turns.append([CallTool("push_workspace", {"workspace_name": "api"}), Say("It waits.")])
    await place.ask()
    place.agrees.set()
    await place.until(place.updates)
    assert place.updates() == ["push workspace: Api is pushed, branch main."]


async def test_long_work_is_under_way_and_its_end_is_told(place: Place) -> None:
    given = {"repo_url": "https://github.com/o/api"}
    place.standin.turns.append([CallTool("clone_repo", given), Say("It is under way.")])
    assert await place.ask() == "It is under way."
    assert place.results() == [voice_calls.UNDER_WAY]
    place.goes_on.set()
    await place.until(place.updates)
    assert place.updates() == ["clone repo: Api, on branch main. Token masked github token."]


async def test_rights_are_those_of_now_and_what_no_voice_gives_is_refused(place: Place) -> None:
    place.rights = Right.VIEW
    steps: list[Step] = [
        CallTool("stop_claude_agent", {"container_id": "one"}),
        CallTool("list_claude_agents", {"caller": "discord:2"}),
        CallTool("confirm_call", {"code": "abcde-23456"}),
        CallTool("spawn_claude_agent", {"task": "x", "env": "A=b"}),
        Say("No."),
    ]
    place.standin.turns.append(steps)
    assert await place.ask() == "No."
    refused = place.results()
    assert "You may not use" in refused[0]
    assert "no option for a voice" in refused[1]
    assert "not registered" in refused[2]
    assert not place.done


async def test_an_id_among_the_parameters_does_not_take_the_place_of_the_calls_own(place: Place) -> None:
    place.standin.turns.append([CallTool("list_claude_agents", {"tool_call_id": "other"}, id="mine"), Say("Two.")])
    assert await place.ask() == "Two."
    assert [each["tool_call_id"] for each in place.standin.results()] == ["mine"]


async def test_a_call_that_comes_twice_is_done_once(place: Place) -> None:
    given = {"task": "Add a REST API"}
    place.standin.turns.append(
        [CallTool("spawn_claude_agent", given, id="same", awaited=False), CallTool("spawn_claude_agent", given, id="same"),
         Say("Started.")]
    )  # fmt: skip
    await place.ask()
    assert len(place.done) == 1
