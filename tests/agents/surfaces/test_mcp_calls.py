"""One call by MCP: what its client is told and asked meanwhile, how it is cancelled, what its errors say."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from mcp import ClientSession, types
from mcp.client.session import ElicitationFnT
from mcp.shared.memory import create_connected_server_and_client_session
from structlog.testing import capture_logs

from agents.crew import Crew
from agents.rights import EVERYTHING, Right, up_to
from agents.surfaces.cli_tools import operator
from agents.surfaces.mcp_host import Host
from agents.surfaces.mcp_server import Projection
from agents.tools.audit import TOOLS as AUDIT
from agents.tools.confirm import CONFIRM
from agents.tools.core import Call, Input, Output, Tool
from agents.tools.stakes import Stake, always
from tests.agents.conftest import KEY, Station
from tests.agents.surfaces.mcp_parties import WITHIN_S, answering, text

AGENT = types.Implementation(name="an `agent`\n@everyone " + "x" * 300, version="1")


class Word(Input):
    word: str = "nothing"


class Said(Output):
    said: str

    def summary(self) -> str:
        return self.said


@dataclass
class Bench:
    """Tools that do what the tests need, on a real host."""

    host: Host
    done: list[str] = field(default_factory=list[str])
    calls: list[Call] = field(default_factory=list[Call])
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    cleaned: asyncio.Event = field(default_factory=asyncio.Event)

    @contextlib.asynccontextmanager
    async def session(
        self, *, rights: frozenset[Right] = EVERYTHING, elicitation: ElicitationFnT | None = None
    ) -> AsyncGenerator[ClientSession]:
        """The SDK's client, connected to the projection of these tools."""
        tools = (
            tool("tell", self._tell),
            tool("fail", self._fail),
            tool("hang", self._hang),
            tool("drop", self._drop, right=Right.MANAGE, stakes=always(Stake.DELETES)),
            *AUDIT,
        )
        server = Projection(self.host, tools, rights, "somebody", heartbeat_s=0.2).server()
        made = create_connected_server_and_client_session(server, client_info=AGENT, elicitation_callback=elicitation)
        async with asyncio.timeout(WITHIN_S), made as session:
            yield session

    async def _tell(self, _crew: Crew, given: Word, call: Call) -> Said:
        self.calls.append(call)
        await call.progress(f"first {KEY}")
        await call.progress("second")
        await asyncio.sleep(0.5)
        await call.progress("last")
        return Said(said=given.word)

    async def _fail(self, _crew: Crew, _given: Word, _call: Call) -> Said:
        raise RuntimeError(f"it broke over {KEY}")

    async def _hang(self, _crew: Crew, _given: Word, _call: Call) -> Said:
        try:
            self.begun.set()
            await asyncio.Event().wait()
        finally:
            for _ in range(3):
                await asyncio.sleep(0.01)
            self.cleaned.set()
        raise AssertionError

    async def _drop(self, _crew: Crew, given: Word, _call: Call) -> Said:
        self.done.append(given.word)
        return Said(said=f"{given.word} dropped")


def tool(name: str, handler: Callable[[Crew, Word, Call], Awaitable[Said]], **more: Any) -> Tool[Word, Said]:
    more = {"right": Right.VIEW} | more
    return Tool(name=name, verb=name, description=f"To {name}", input=Word, output=Said, handler=handler, **more)


@pytest.fixture
async def bench(station: Station) -> AsyncGenerator[Bench]:
    async with Host(station.settings()) as host:
        yield Bench(host)


async def test_a_client_that_asks_for_progress_gets_it_masked_and_a_sign_of_life(bench: Bench) -> None:
    told: list[tuple[float, str]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        assert total is None
        told.append((progress, message or ""))

    async with bench.session() as session:
        result = await session.call_tool("tell", {"word": "hello"}, progress_callback=note)
    assert (text(result), result.structuredContent) == ("hello", {"said": "hello"})
    assert [number for number, _ in told] == list(range(1, len(told) + 1))
    messages = [message for _, message in told]
    assert messages[-1] == "last"
    assert [message for message in messages if "so far" not in message] == ["first [masked]", "second", "last"]
    assert [message for message in messages if message.startswith("tell: ")]


async def test_who_calls_is_the_login_under_the_clients_cut_name_and_never_a_person(bench: Bench) -> None:
    async with bench.session() as session, bench.session() as other:
        for each in (session, session, other):
            assert not (await each.call_tool("tell")).isError
        audited = (await session.call_tool("get_audit_log")).structuredContent or {}
    origins = [call.origin for call in bench.calls]
    assert {(origin.caller, origin.behalf, origin.surface) for origin in origins} == {
        ("mcp:somebody", "operator:somebody", "mcp")
    }
    assert origins[0].caller_name.startswith("an agent everyone xxx")
    assert len(origins[0].caller_name) == 60
    assert len({call.id for call in bench.calls}) == 3
    assert {(call["caller"], call["surface"], call["outcome"]) for call in audited["calls"]} == {
        ("mcp:somebody", "mcp", "ok")
    }


async def test_a_cancelled_call_ends_once_and_may_clean_up(bench: Bench) -> None:
    async with bench.session() as session:
        calling = asyncio.create_task(session.call_tool("hang"))
        await bench.begun.wait()
        # The client counts its requests from 0, which was `initialize`.
        note = types.CancelledNotification(params=types.CancelledNotificationParams(requestId=1))
        await session.send_notification(types.ClientNotification(note))
        with pytest.raises(Exception, match="cancelled"):
            await calling
        await bench.cleaned.wait()
        assert text(await session.call_tool("tell", {"word": "still here"})) == "still here"
        audited = (await session.call_tool("get_audit_log")).structuredContent or {}
    assert ("hang", "CancelledError") in [(call["tool"], call["outcome"]) for call in audited["calls"]]


async def test_a_client_that_goes_takes_its_calls_with_it(bench: Bench) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        async with bench.session() as session:
            calling = asyncio.create_task(session.call_tool("hang"))
            await bench.begun.wait()
            calling.cancel()
    async with asyncio.timeout(WITHIN_S):
        await bench.cleaned.wait()


async def test_what_goes_wrong_is_a_result_that_names_the_field_and_tells_no_secret(bench: Bench) -> None:
    async with bench.session(rights=up_to(Right.VIEW)) as session:
        listed = {tool.name for tool in (await session.list_tools()).tools}
        calls: list[tuple[str, dict[str, Any]]] = [
            ("nonesuch", {}),
            ("tell", {"colour": "red"}),
            ("tell", {"word": {"a": 1}}),
            ("drop", {}),
        ]
        with capture_logs() as logged:
            wrong = [await session.call_tool(name, given) for name, given in calls]
            failed = await session.call_tool("fail")
    assert listed == {"tell", "fail", "hang"}
    assert all(each.isError for each in wrong)
    unknown, extra, mistyped, forbidden = map(text, wrong)
    assert unknown.startswith("name: no tool is called so.")
    assert extra == "colour: is no parameter. The parameters are word."
    assert mistyped.startswith("word: ")
    assert "takes the right to manage" in forbidden
    assert "--right manage" in forbidden
    (entry,) = [each for each in logged if each["event"] == "call failed"]
    assert failed.isError
    assert entry["reference"] in text(failed)
    assert KEY not in text(failed)
    assert "broke" not in text(failed)


async def test_a_yes_is_asked_of_the_clients_person_where_it_can_ask(bench: Bench) -> None:
    questions: list[str] = []
    for action, content in (("decline", {}), ("cancel", {}), ("accept", {"confirm": False}), ("accept", {})):
        async with bench.session(elicitation=answering(action, questions, **content)) as session:
            refused = await session.call_tool("drop", {"word": f"the {action} of {KEY}"})
        assert refused.isError
        assert "Not confirmed" in text(refused)
    assert bench.done == []
    async with bench.session(elicitation=answering("accept", questions, confirm=True)) as session:
        assert text(await session.call_tool("drop", {"word": "that"})) == "that dropped"
    assert bench.done == ["that"]
    assert questions[0] == "To drop?\nword: the decline of [masked]"
    assert len(questions) == 5


async def test_elsewhere_it_takes_a_code_that_a_person_confirms(bench: Bench) -> None:
    async def yes(_question: str) -> bool:
        return True

    async with bench.session() as session:
        refused = text(await session.call_tool("drop", {"word": "that"}))
        assert refused.startswith("confirmation_required: To drop?")
        code = refused.partition("`agentflow confirm ")[2][:11]
        crew = await bench.host.crew()
        await CONFIRM.invoke(crew, {"code": code}, Call(operator(), EVERYTHING, confirm=yes))
        assert "confirmation_required" in text(await session.call_tool("drop", {"word": "something else"}))
        assert text(await session.call_tool("drop", {"word": "that"})) == "that dropped"
    assert bench.done == ["that"]
