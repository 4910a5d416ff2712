"""What people do about the gateway, on a host with an agent at work: hosts, budgets, what was spent, the credential."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import pytest

from agents.config import SettingsError, load
from agents.credential import Ask, hand_over
from agents.crew import Crew, open_crew
from agents.rights import EVERYTHING, Right, up_to
from agents.tools.budget import RAISE_BUDGET
from agents.tools.core import Call, NotPermitted, Output, Tool
from agents.tools.reach import ALLOW_HOST
from agents.tools.usage import GET_USAGE, UsageOutput
from tests.agents.conftest import KEY, REPOSITORY, Station
from tests.agents.terminal import on_terminal
from vps.errors import BadInput
from vps.models import Origin

BY = Origin(caller="operator:tests", surface="tests")
TYPED = "sk-ant-oat01-typed-0123456789"


async def invoke(crew: Crew, tool: Tool[Any, Any], *, right: Right | None = None, **given: Any) -> Output:
    rights = EVERYTHING if right is None else up_to(right)
    return await tool.invoke(crew, given, Call(BY, rights))


async def spent(crew: Crew) -> UsageOutput:
    """The usage once the agent's first request is in the books."""
    async with asyncio.timeout(200):
        while True:
            output = await invoke(crew, GET_USAGE, right=Right.VIEW, days=2)
            assert isinstance(output, UsageOutput)
            if output.usage.agents:
                return output
            await asyncio.sleep(0.1)


async def test_hosts_budgets_and_usage_around_an_agent_at_work(docked: Station) -> None:
    docked.environ["AGENTFLOW_BUDGET_DAY"] = "50"
    spawned = await docked.agentflow("spawn", "scenario:sleep:300", "--max-budget-usd", "2", "--json", timeout=300)
    assert spawned.code == 0, spawned.err
    name = spawned.json["container_id"]
    gateway = docked.root / "gateway"
    async with open_crew(docked.settings()) as crew:
        await _allows(crew, name)
        assert json.loads((gateway / f"specs/{name}.json").read_text())["hosts"] == [
            "example.com",
            "*.example.org:8443",
        ]
        assert json.loads((gateway / "allowed/workspace.json").read_text()) == {"hosts": ["*.example.org:8443"]}
        before = await spent(crew)
        await _adds(crew, name)
        usage = (await spent(crew)).usage

    assert [(each.scope, each.limit, each.added) for each in usage.budgets] == [("day", 60.0, 10.0), ("run", 5.0, 3.0)]
    assert [each.what for each in usage.agents] == [name]
    assert 0 < usage.today.usd == usage.agents[0].usd == usage.people[0].usd
    assert len(usage.days) == 2
    assert before.usage.budgets[0].limit == 50.0
    handed = await docked.agentflow("credential")
    assert handed.out == "The gateway uses the API key from now on; agents that waited for it go on.\n", handed.err
    examined = await docked.agentflow("doctor")
    assert "ok      gateway: answers. Today: $" in examined.out
    shown = await docked.agentflow("usage")
    assert "Today's budget: $" in shown.out
    assert f"{name}  " in shown.out
    assert "█" in shown.out


async def _allows(crew: Crew, name: str) -> None:
    one = await invoke(crew, ALLOW_HOST, container_id=name[-6:], host="Example.com")
    assert one.summary() == f"{name} may reach example.com from now on."
    every = await invoke(crew, ALLOW_HOST, container_id=name, host="*.example.org:8443", always=True)
    assert every.summary() == "All agents of the scratch workspace may reach *.example.org:8443 from now on."
    for inward in ("127.0.0.1", "10.1.2.3:8080", "[fd00::1]:443", "169.254.169.254"):
        with pytest.raises(BadInput, match="private network"):
            await invoke(crew, ALLOW_HOST, container_id=name, host=inward)
    with pytest.raises(NotPermitted):
        await invoke(crew, ALLOW_HOST, right=Right.RUN, container_id=name, host="example.com")


async def _adds(crew: Crew, name: str) -> None:
    with pytest.raises(NotPermitted):
        await invoke(crew, RAISE_BUDGET, right=Right.RUN, scope="day", usd=1)
    with pytest.raises(BadInput, match="container_id: is required for scope run"):
        await invoke(crew, RAISE_BUDGET, scope="run", usd=1)
    with pytest.raises(BadInput, match="AGENTFLOW_BUDGET_PERSON"):
        await invoke(crew, RAISE_BUDGET, scope="person", container_id=name, usd=1)
    run = await invoke(crew, RAISE_BUDGET, scope="run", container_id=name, usd="3")
    assert run.summary().startswith(f"{name} has 5.00 USD now; ")
    day = await invoke(crew, RAISE_BUDGET, scope="day", container_id=name, usd=10)
    assert day.summary().startswith("All agents have 60.00 USD today; ")


async def test_a_credential_that_was_typed_holds_until_the_settings_have_another(station: Station) -> None:
    kept = station.root / "gateway/credential.json"

    def secret() -> str:
        return json.loads(kept.read_text())["secret"]

    async def settings_are_handed_over() -> None:
        async with open_crew(station.settings()) as crew:
            assert not await crew.gateway.is_current()

    with pytest.raises(BadInput, match="that is no key or token") as wrong:
        await hand_over(station.settings(), typed("two words"), BY)
    assert "two words" not in str(wrong.value)
    with pytest.raises(SettingsError, match="ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN"):
        await hand_over(load({}, None), None, BY)
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "HOME": str(station.root.parent)}
    argv = [sys.executable, "-m", "bot", "credential", "--ask"]
    async with on_terminal(argv, environ | station.environ, station.root.parent) as terminal:
        await terminal.shows("subscription token: ")
        terminal.press(f"{TYPED}\n".encode())
        assert await terminal.ended() == 0
    assert "The VPS has the subscription's token." in terminal.shown
    assert TYPED not in terminal.shown
    assert secret() == TYPED

    await settings_are_handed_over()
    assert secret() == TYPED
    assert (await hand_over(station.settings(), None, BY)).startswith("The VPS has the API key.")
    assert secret() == KEY
    await hand_over(station.settings(), typed(TYPED), BY)
    assert secret() == TYPED
    station.environ["ANTHROPIC_API_KEY"] = "sk-ant-a-new-one-0123456789"
    await settings_are_handed_over()
    assert secret() == "sk-ant-a-new-one-0123456789"
    assert kept.stat().st_mode & 0o777 == 0o600
    audited = (station.root / "audit.jsonl").read_text()
    assert audited.count('"credential"') == 3
    assert TYPED not in audited


def typed(text: str) -> Ask:
    async def ask(_prompt: str) -> str:
        return text

    return ask
