"""One call by MCP: what its client is told and asked meanwhile, how it is cancelled, what its errors say."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from mcp import types
from mcp.client.session import ElicitationFnT
from mcp.shared.exceptions import McpError
from structlog.testing import capture_logs

from agents.rights import EVERYTHING, Right, up_to
from agents.surfaces.cli_tools import operator
from agents.surfaces.mcp_host import Host
from agents.tools.confirm import CONFIRM
from agents.tools.core import Call
from tests.agents.conftest import KEY, Station
from tests.agents.surfaces.mcp_bench import Bench
from tests.agents.surfaces.mcp_parties import WITHIN_S, answering, post, text


@pytest.fixture
async def bench(station: Station) -> AsyncGenerator[Bench]:
    async with Host(station.settings()) as host:
        yield Bench(host)


async def test_a_client_that_asks_for_progress_gets_it_masked_and_a_sign_of_life(bench: Bench) -> None:
    told: list[tuple[float, str]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        assert total is None
        told.append((progress, message or ""))
        if "so far" in (message or ""):
            bench.seen_alive.set()

    bench.seen_alive.clear()
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
    assert listed == {"tell", "fail", "hang", "odd"}
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
    for action, content in (("decline", {}), ("accept", {"confirm": False}), ("accept", {})):
        async with bench.session(elicitation=answering(action, questions, **content)) as session:
            refused = await session.call_tool("drop", {"word": f"the {action} of {KEY}"})
        assert refused.isError
        assert "Not confirmed" in text(refused)
    assert bench.done == []
    async with bench.session(elicitation=answering("accept", questions, confirm=True)) as session:
        assert text(await session.call_tool("drop", {"word": "that"})) == "that dropped"
    assert bench.done == ["that"]
    assert questions[0] == "To drop?\nword: the decline of [masked]"
    assert len(questions) == 4


@pytest.mark.parametrize("elicitation", [None, answering("cancel", [])], ids=["no forms", "a form nobody sees"])
async def test_elsewhere_it_takes_a_code_that_a_person_confirms(
    bench: Bench, elicitation: ElicitationFnT | None
) -> None:
    async def yes(_question: str) -> bool:
        return True

    async with bench.session(elicitation=elicitation) as session:
        refused = text(await session.call_tool("drop", {"word": "that"}))
        assert refused.startswith("confirmation_required: To drop?")
        code = refused.partition("`agentflow confirm ")[2][:11]
        crew = await bench.host.crew()
        await CONFIRM.invoke(crew, {"code": code}, Call(operator(), EVERYTHING, confirm=yes))
        assert "confirmation_required" in text(await session.call_tool("drop", {"word": "something else"}))
        assert text(await session.call_tool("drop", {"word": "that"})) == "that dropped"
        assert "confirmation_required" in text(await session.call_tool("drop", {"word": "that"}))
    assert bench.done == ["that"]


async def test_over_the_wire_it_is_told_and_cancelled_alike(bench: Bench) -> None:
    told: list[str | None] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        assert (progress, total) == (len(told) + 1, None)
        told.append(message)

    async with bench.over_http(idle_s=60) as (_, session):
        await session.list_tools()  # the first id after that of `initialize`
        calling = asyncio.create_task(session.call_tool("hang"))
        await bench.begun.wait()
        note_of_end = types.CancelledNotification(params=types.CancelledNotificationParams(requestId=2))
        await session.send_notification(types.ClientNotification(note_of_end))
        with pytest.raises(McpError, match="cancelled"):
            await calling
        await bench.cleaned.wait()
        assert text(await session.call_tool("tell", {"word": "on"}, progress_callback=note)) == "on"
    assert [line for line in told if line and "so far" not in line] == ["first [masked]", "second", "last"]


async def test_a_text_that_is_no_utf_8_ends_no_session(bench: Bench) -> None:
    told: list[str | None] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        assert (progress, total) == (len(told) + 1, None)
        told.append(message)

    async with bench.over_http(idle_s=60) as (_, session):
        found = await session.call_tool("odd", progress_callback=note)
        assert (text(found), found.structuredContent, told[-1]) == ("a?b", {"said": "a?b"}, "a?b")
        assert text(await session.call_tool("odd", {"word": "wrong"})) == "word: a?b"


async def test_an_idle_session_ends(bench: Bench) -> None:
    async with bench.over_http(idle_s=2.0) as (url, _):
        opened = await post(url)
        theirs = {"Mcp-Session-Id": opened.headers["mcp-session-id"]}
        async with asyncio.timeout(WITHIN_S):
            while (await post(url, "ping", theirs)).status_code != 404:
                await asyncio.sleep(3)
    assert opened.status_code == 200
