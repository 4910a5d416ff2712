"""A crew whose tools only write down what was done, with the agent at the stand-in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agents.config import Settings, load
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
from agents.voice.turn import Pace
from agents.voice.voices import Voices
from tests.elevenlabs_standin import (
    ElevenLabsStandin,
    environ,
)
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
PACE = Pace(quiet_s=0.4, complete_s=0.03, after_tool_s=20.0, answer_s=50.0, again_s=(0.02, 0.02, 0.02))
"""A busy machine may leave a message on its way for a moment: that is no silence."""
WITHIN_S = 60.0
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
    later: list[str] = field(default_factory=list[str])
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, text: str = "go", key: str = "5", origin: Origin = PERSON) -> str:
        async with asyncio.timeout(WITHIN_S):
            return await self.voices.ask(key, text, lambda call_id: self.call(origin, call_id))

    async def say(self, text: str = "go") -> str:
        """As a person who is told what comes later."""

        async def later(told: str) -> None:
            self.later.append(told)

        async with asyncio.timeout(WITHIN_S):
            return await self.voices.ask("5", text, lambda call_id: self.call(PERSON, call_id), later)

    async def call(self, origin: Origin, call_id: str) -> Call:
        return Call(origin, up_to(self.rights), confirm=self.confirm, id=call_id)

    async def confirm(self, question: str) -> bool:
        self.asked.append(question)
        await self.agrees.wait()
        return self.agreed

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(WITHIN_S):
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

    return replace(tool, handler=handler, confirm=None, subject=None)


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


@contextlib.asynccontextmanager
async def opened(elevenlabs: ElevenLabsStandin, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Place]:
    """With an agent that is set up."""
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
    monkeypatch.setattr(voice_calls, "SOON_S", 1.5)
    monkeypatch.setattr(voice_roster, "LIST", replaced[agents_tools.LIST.name])
    yield found
    found.goes_on.set()
    found.agrees.set()
    await found.voices.close()
