"""Conversations over the real SDK: what is said, called, confirmed, told, and mended when the connection breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from agents.config import Settings, SettingsError, load
from agents.crew import Crew
from agents.rights import Right, up_to
from agents.tools import agents as agents_tools
from agents.tools.agents import ListOutput, StopOutput
from agents.tools.core import Call, Input, Output, Tool
from agents.tools.publishing import PushOutput
from agents.tools.spawn import SpawnOutput
from agents.tools.views import AgentView
from agents.tools.workspaces import DeleteOutput, WorkspaceOutput
from agents.voice import calls as voice_calls
from agents.voice import roster as voice_roster
from agents.voice import wanted
from agents.voice.errors import VoiceUnavailable
from agents.voice.turn import Pace
from agents.voice.voices import Voices
from tests.agents.voice.conftest import environ
from tests.elevenlabs_standin import CallTool, Complete, Correct, Drop, ElevenLabsStandin, Fail, Pause, Raw, Say, Step
from vps.errors import BadInput
from vps.mask import Mask
from vps.models import Origin
from vps.workspace import Workspace

REST = AgentView(container_id="claude-agent-1700000000001-aaa111", state="running", task="Add a REST API", alive=True)
LOGIN = AgentView(
    container_id="claude-agent-1700000000002-bbb222", state="running", task="Fix the login page", alive=True
)
FORM = AgentView(
    container_id="claude-agent-1700000000003-ccc333", state="running", task="Fix the login form", alive=True
)
SECRET = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"
PACE = Pace(quiet_s=0.15, complete_s=0.03, after_tool_s=1.0, answer_s=5.0, again_s=(0.02, 0.02, 0.02))
PERSON = Origin(caller="discord:1", caller_name="Ada", surface="voice", thread_id=5)


class Host:
    """The relay's part in a call."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    async def ask(self, verb: str, request: dict[str, Any], *, timeout: float = 0) -> dict[str, Any]:
        if verb == "audit-note":
            self.lines.append(request["line"])
            return {}
        if verb == "call-claim":
            return {"state": "claimed", "same": True}
        assert verb == "call-settle"
        return {}


@dataclass
class Place:
    """A crew whose tools only write down what was done, with the agent at the stand-in."""

    standin: ElevenLabsStandin
    crew: Crew
    voices: Voices
    host: Host
    done: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    agents: list[AgentView] = field(default_factory=list[AgentView])
    asked: list[str] = field(default_factory=list[str])
    agrees: asyncio.Event = field(default_factory=asyncio.Event)
    agreed: bool = True
    rights: Right = Right.MANAGE
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, text: str = "go", key: str = "5", origin: Origin = PERSON) -> str:
        async with asyncio.timeout(14):
            return await self.voices.ask(key, text, lambda call_id: self.call(origin, call_id))

    async def call(self, origin: Origin, call_id: str) -> Call:
        return Call(origin, up_to(self.rights), confirm=self.confirm, id=call_id)

    async def confirm(self, question: str) -> bool:
        self.asked.append(question)
        await self.agrees.wait()
        return self.agreed

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not true():
                await asyncio.sleep(0.01)

    def updates(self) -> list[str]:
        return self.standin.said("contextual_update")

    def results(self) -> list[str]:
        return [each["result"] for each in self.standin.results()]


def tool_of(place: Place, tool: Tool[Any, Any], output: Callable[[Any], Output]) -> Tool[Any, Any]:
    """The catalogue's own tool but for what it does on a host; what only looks leaves no trace."""

    async def handler(_crew: Crew, given: Input, _call: Call) -> Output:
        if tool.name == "clone_repo":
            await place.goes_on.wait()
        if tool is not agents_tools.LIST:
            place.done.append((tool.name, given.model_dump(exclude_defaults=True)))
        return output(given)

    return replace(tool, handler=handler, confirm=None)


API = Workspace(name="api", path="/opt/agentflow/workspaces/api", branch="main")


def outputs(place: Place) -> dict[str, Callable[[Any], Output]]:
    return {
        "list_claude_agents": lambda _: ListOutput(agents=place.agents),
        "stop_claude_agent": lambda given: StopOutput(container_id=given.container_id, was_running=True),
        "spawn_claude_agent": lambda given: SpawnOutput(
            container_id=REST.container_id, workspace=given.workspace_path or ""
        ),
        "push_workspace": lambda given: PushOutput(
            workspace_name=given.workspace_name, branch="main", sha="0" * 40, url="", committed=0, commits=[], agents=[]
        ),
        "delete_workspace": lambda given: DeleteOutput(workspace_name=given.workspace_name),
        "clone_repo": lambda _: WorkspaceOutput(workspace=API, note=f"Token {SECRET}."),
    }


class Workspaces:
    async def names(self) -> Sequence[str]:
        return ["api", "web-shop"]

    def path(self, name: str) -> str:
        return f"/opt/agentflow/workspaces/{name}"


@pytest.fixture
async def place(elevenlabs: ElevenLabsStandin, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    agent_id = elevenlabs.account.add_agent(wanted.agent_config())
    settings: Settings = load(environ(elevenlabs, ELEVENLABS_AGENT_ID=agent_id), dotenv=None)
    host = Host()
    fake = SimpleNamespace(relay=host, mask=Mask([]), settings=settings, workspaces=Workspaces())
    crew = cast("Crew", fake)
    found = Place(elevenlabs, crew, Voices(crew, pace=PACE), host, agents=[REST, LOGIN])
    made = outputs(found)
    by_name = {tool.name: tool for tool in wanted.voiced()}
    replaced = {name: tool_of(found, by_name[name], output) for name, output in made.items()}
    monkeypatch.setattr(voice_calls, "_TOOLS", by_name | replaced)
    monkeypatch.setattr(voice_calls, "SOON_S", 0.3)
    monkeypatch.setattr(voice_roster, "LIST", replaced[agents_tools.LIST.name])
    yield found
    found.goes_on.set()
    found.agrees.set()
    await found.voices.close()


async def test_the_agent_answers_and_knows_the_conversation(place: Place) -> None:
    place.standin.turns.extend([[Say("Hello.")], [Say("Two are at work."), Complete()]])
    assert await place.ask("hello") == "Hello."
    assert await place.ask("how many?") == "Two are at work."
    assert place.standin.said("user_message") == ["hello", "how many?"]
    (conversation,) = place.standin.conversations
    first = conversation.heard[0]
    assert first["conversation_config_override"]["conversation"] == {"text_only": True}
    assert not place.updates()


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
async def test_a_message_that_broke_off_before_any_tool_is_asked_again(place: Place, steps: list[Step]) -> None:
    place.standin.turns.extend([[Say("Hello.")], steps, [Say("Two.")]])
    await place.ask("hello")
    with capture_logs():
        assert await place.ask("how many?") == "Two."
    assert place.standin.said("user_message") == ["hello", "how many?", "how many?"]
    (told,) = place.updates()
    assert "The person said: hello\nYou said: Hello." in told


async def test_a_message_that_broke_off_after_a_tool_is_not_asked_again(place: Place) -> None:
    place.standin.turns.extend(
        [[CallTool("spawn_claude_agent", {"task": "Add a REST API"}), Drop(1011)], [Say("Yes.")]]
    )
    answer = await place.ask("start one")
    assert "broke off in the middle. So far: Agent one, the REST API one has started" in answer
    assert await place.ask("and now?") == "Yes."
    assert place.standin.said("user_message") == ["start one", "and now?"]
    assert len(place.done) == 1
    (told,) = place.updates()
    assert "Your tool spawn_claude_agent answered: Agent one, the REST API one has started" in told


async def test_a_tool_in_flight_is_finished_and_told_in_the_next_session(place: Place) -> None:
    given = {"repo_url": "https://github.com/o/api"}
    place.standin.turns.extend(
        [[CallTool("clone_repo", given, awaited=False), Pause(0.1), Drop(1011)], [Say("It runs.")]]
    )
    answer = await place.ask("clone it")
    assert "Still under way: clone repo." in answer
    assert await place.ask("and?") == "It runs."
    assert "Your tool clone_repo is under way" in place.updates()[0]
    place.goes_on.set()
    await place.until(lambda: len(place.updates()) > 1)
    assert place.updates()[-1].startswith("clone repo: Api, on branch main.")
    assert len(place.done) == 1


async def test_an_opening_that_fails_is_tried_again(place: Place) -> None:
    place.standin.refusals.extend([503] * 3)  # the SDK repeats those by itself
    place.standin.openings.append([Drop(1011)])
    place.standin.turns.append([Say("Hello.")])
    with capture_logs():
        assert await place.ask() == "Hello."


async def test_attempts_have_an_end_and_the_reason_is_told(place: Place) -> None:
    place.standin.openings.extend([[Fail(f"quota of {SECRET} exceeded")]] * 10)
    with capture_logs() as logs, pytest.raises(VoiceUnavailable, match="quota of"):
        await place.ask()
    assert len(place.standin.conversations) == len(PACE.again_s) + 1
    assert SECRET not in str(logs)


async def test_an_agent_that_is_not_set_up_says_so(place: Place) -> None:
    place.standin.account.agents.clear()
    with pytest.raises(VoiceUnavailable, match="agentflow voice setup"):
        await place.ask()


async def test_frames_that_mean_nothing_are_passed_over(place: Place) -> None:
    odd = ['"text"', "{}", '{"type": "vad_score"}', '{"type": "agent_response"}', '{"type": "client_tool_call"}', "[1]"]
    place.standin.turns.append([*(Raw(text) for text in odd), Say("Still here."), Correct("Still here.", "Still")])
    with capture_logs():
        assert await place.ask() == "Still"


async def test_pings_are_answered_while_a_tool_runs(place: Place) -> None:
    given = {"repo_url": "https://github.com/o/api"}
    place.standin.turns.append([CallTool("clone_repo", given), Say("Under way.")])
    asking = asyncio.create_task(place.ask())
    await place.until(lambda: place.standin.conversations and place.standin.conversations[0].heard[1:])
    await place.standin.conversations[0].ping()
    await asking
    assert {"type": "pong", "event_id": 1} in place.standin.heard


async def test_what_is_said_after_an_answer_was_taken_for_whole_is_not_lost(place: Place) -> None:
    place.standin.turns.extend([[Say("One moment."), Pause(0.5), Say("Two are at work.")], [Say("Yes.")]])
    assert await place.ask("how many?") == "One moment."
    async with asyncio.timeout(5):
        await asyncio.sleep(0.6)
    assert await place.ask("sure?") == "Yes. (Said later to what you asked before: Two are at work.)"


async def test_whoever_gives_up_waiting_does_not_leave_an_answer_for_the_next_message(place: Place) -> None:
    place.standin.turns.extend([[Pause(0.3), Say("Old.")], [Pause(0.5), Say("New.")]])
    asking = asyncio.create_task(place.ask("old"))
    await place.until(lambda: place.standin.said("user_message"))
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert await place.ask("new") == "New."


async def test_news_reach_that_persons_open_conversations_alone(place: Place) -> None:
    other = Origin(caller="discord:2", surface="voice")
    await place.ask(key="5")
    await place.ask(key="6")
    await place.ask(key="5", origin=other)
    assert await place.voices.tell("discord:1", f"Agent one is done. {SECRET}") == 2
    await place.until(lambda: len(place.updates()) == 2)
    assert place.updates() == ["Agent one is done. [masked github token]"] * 2
    assert await place.voices.tell("discord:3", "Nothing") == 0


async def test_an_idle_conversation_is_closed_and_goes_on_with_a_summary(place: Place) -> None:
    place.voices = Voices(place.crew, pace=Pace(quiet_s=0.1, idle_s=0.1))
    place.standin.turns.extend([[Say("Hello.")], [Say("Again.")]])
    await place.ask("hello")
    await place.until(lambda: not place.standin.conversations[0].is_open)
    assert await place.voices.tell("discord:1", "Agent one is done.") == 0
    assert await place.ask("again") == "Again."
    assert "Update: Agent one is done." in place.updates()[0]


async def test_ten_conversations_at_once_each_get_their_own_answers(place: Place) -> None:
    async def converse(number: int) -> str:
        return await place.ask(f"start {number}", key=str(number))

    steps: list[Step] = [
        CallTool("list_claude_agents"),
        Pause(0.05),
        CallTool("get_usage", {"days": "x"}),
        Say("Done."),
    ]
    place.standin.turns.extend([steps] * 10)
    assert await asyncio.gather(*map(converse, range(10))) == ["Done."] * 10
    assert len(place.standin.conversations) == 10
    assert len(place.results()) == 20


async def test_without_key_or_agent_it_says_what_it_needs(place: Place) -> None:
    for given, missing in (({}, "ELEVENLABS_API_KEY"), ({"ELEVENLABS_API_KEY": "x"}, "ELEVENLABS_AGENT_ID")):
        crew = cast("Crew", SimpleNamespace(settings=load(given, dotenv=None), mask=Mask([])))
        with pytest.raises(SettingsError, match=missing):
            await Voices(crew).ask("5", "hello", lambda call_id: place.call(PERSON, call_id))


async def test_whoever_may_not_call_is_told_before_anything_is_sent(place: Place) -> None:
    async def nobody(_call_id: str) -> Call:
        raise BadInput("caller", "unknown")

    with pytest.raises(BadInput):
        await place.voices.ask("5", "hello", nobody)
    assert place.standin.conversations == []
