"""The gateway on real parts: Envoy in its container, the real CLI in its own, a scripted model, and hosts behind the proxy."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from tests.vps.conftest import KEY, Ended, Machine
from tests.vps.git_remote import TOKEN, GitRemote
from vps.commands import gateway as commands
from vps.events import types as t
from vps.models import Limits
from vps.outcome import Ending
from vps.testing.model import Answer, Conversation, Fault, ScriptedModel, bash, say, steps

SECRET = KEY.get_secret_value()
_OTHER = SecretStr("sk-ant-oat01-another-credential-0123456789")


@pytest.fixture(scope="session")
def gateway() -> None:
    """None to share: one of its own for each."""


def gateway_events(ended: Ended) -> list[t.Gateway]:
    return [event for event in ended.events if isinstance(event, t.Gateway)]


def told(ended: Ended) -> list[str]:
    return [event.subtype for event in gateway_events(ended)]


def said(ended: Ended) -> str:
    return "\n".join(event.text for event in ended.events if isinstance(event, t.ToolResult))


@contextlib.asynccontextmanager
async def scripted(machine: Machine, script: Callable[[Conversation], Answer]) -> AsyncGenerator[ScriptedModel]:
    async with ScriptedModel(api_key=KEY, script=script) as model:
        machine.talk_to(model)
        yield model


async def command(machine: Machine, line: str, **changes: Any) -> Ended:
    """A run whose agent runs one command."""
    script = steps(bash(line, "probe"), say("done"))
    async with scripted(machine, lambda conversation: script(conversation, 0)):
        machine.use(**changes.pop("config", {}))
        ended = await machine.run("probe", **changes)
    assert ended.outcome.ending is Ending.SUCCEEDED, ended.text
    return ended


async def test_the_gateway_adds_the_key_and_what_an_agent_sends_in_its_place_goes_nowhere(machine: Machine) -> None:
    own = "-H 'x-api-key: mine' -H 'authorization: Bearer mine'"
    call = f"curl -s --unix-socket /run/agentflow/net/model.sock http://localhost/v1/models {own}"
    ended = await command(machine, f"env | sort; {call}; ls /run/agentflow/net")

    assert SECRET not in said(ended)
    assert "ANTHROPIC_API_KEY=the-gateway-adds-it" in said(ended)
    assert {request.key for request in machine.model.requests} == {KEY}
    assert all("authorization" not in request.headers for request in machine.model.requests)


async def test_a_subscriptions_token_is_added_as_such_and_the_cli_works_as_with_one(machine: Machine) -> None:
    machine.model.accept(_OTHER)
    machine.use(api_key=None, oauth_token=_OTHER)

    ended = await machine.run("scenario:ok")

    assert ended.outcome.ending is Ending.SUCCEEDED
    work = next(request for request in machine.model.requests if request.is_work)
    assert work.key == _OTHER
    assert "x-api-key" not in work.headers
    assert "oauth" in work.headers["anthropic-beta"]


async def test_what_is_no_business_of_an_agent_s_is_not_let_through_to_the_model(machine: Machine) -> None:
    ways = [
        "/v1/files",
        "/v1/messages/batches",
        "/v1/organizations/me",
        "/v1/messages/../files",
        "/v1/messages%2f..%2ffiles",
    ]
    line = "; ".join(
        f"curl -s -o /dev/null -w '{way} %{{http_code}}\\n' --path-as-is --unix-socket /run/agentflow/net/model.sock 'http://localhost{way}'"
        for way in ways
    )
    ended = await command(machine, line)

    assert [row.split()[-1] for row in said(ended).splitlines() if row.startswith("/v1")] == [
        "404",
        "404",
        "404",
        "404",
        "400",
    ]
    assert not any(
        request.path.startswith(("/v1/files", "/v1/org", "/v1/messages/batches")) for request in machine.model.requests
    )


async def test_a_used_up_budget_pauses_a_run_until_somebody_adds_to_it(machine: Machine) -> None:
    machine.use(budget_run=0.000001)
    name = await machine.start("Fix the bug in calc.py", limits=Limits(timeout_s=200))
    await machine.seen(name, b'"paused"')
    usage = await machine.gateway.usage(1)
    assert json.loads((machine.root / "runs" / name / "out" / "turn.json").read_text())["deadline"] is None
    await machine.gateway.grant("run", name, 5.0, "operator:tests")

    ended = await machine.ended(name)

    assert ended.outcome.ending is Ending.SUCCEEDED, ended.outcome
    assert told(ended) == ["paused", "unpaused"]
    assert gateway_events(ended)[0].why == "budget_run"
    assert usage["runs"][0][0] == name
    assert usage["days"][0][1] > 0


async def test_a_day_s_budget_warns_before_it_pauses_and_names_when_it_goes_on(machine: Machine) -> None:
    await machine.run("scenario:ok")
    spent = (await machine.gateway.usage(1))["days"][0][1]
    machine.use(budget_day=spent * 1.2, budget_person=1000.0)

    name = await machine.start("Fix the bug in calc.py")
    await machine.seen(name, b'"paused"')
    machine.use()
    await machine.gateway.ensure(_silent)
    ended = await machine.ended(name)

    assert told(ended) == ["warned", "paused", "unpaused"]
    pause = gateway_events(ended)[1]
    assert pause.why == "budget_day"
    assert pause.until is not None
    assert pause.until % 86_400 == 0
    assert pause.until > time.time()


async def test_a_credential_that_ended_pauses_runs_until_it_is_renewed(machine: Machine) -> None:
    await machine.run("scenario:ok")
    machine.model.accept(_OTHER)
    # A refusal of a credential that was set a moment ago may be about the one before.
    status = machine.root / "gateway" / "status.json"
    await asyncio.to_thread(_aged, status)
    await machine.docker("restart", "--time", "1", commands.name(str(machine.root)))
    name = await machine.start("scenario:ok")
    await machine.seen(name, b'"paused"')

    machine.use(api_key=_OTHER)
    await machine.gateway.renew()
    ended = await machine.ended(name)

    assert ended.outcome.ending is Ending.SUCCEEDED, ended.outcome
    assert told(ended) == ["paused", "unpaused"]
    assert "agentflow credential" in gateway_events(ended)[0].text


def _aged(status: Path) -> None:
    found = json.loads(status.read_text())
    status.write_text(json.dumps({**found, "set_at": time.time() - 3600}))


async def test_a_plan_s_limit_pauses_runs_until_the_time_that_its_api_named(machine: Machine) -> None:
    resets: list[int] = []

    def script(_: Conversation) -> Answer:
        resets.append(int(time.time()) + 8)  # the first counts: until it is asked a CLI may take its time to start
        limits = {"status": "rejected", "reset": str(resets[0])}
        headers = {f"anthropic-ratelimit-unified-{name}": value for name, value in limits.items()}
        return say("done") if time.time() >= resets[0] else Fault(429, "limit", headers)

    async with scripted(machine, script) as model:
        model.accept(_OTHER)
        machine.use(api_key=None, oauth_token=_OTHER)
        ended = await machine.run("probe")

    assert ended.outcome.ending is Ending.SUCCEEDED, ended.outcome
    assert told(ended) == ["paused", "unpaused"]
    assert (gateway_events(ended)[0].why, gateway_events(ended)[0].until) == ("plan", resets[0])
    tries = [request for request in model.requests if request.is_work]
    assert len(tries) <= 3, "it was asked again while it was held"


async def test_a_subscription_s_token_is_renewed_in_the_gateway_alone(machine: Machine) -> None:
    fresh = "sk-ant-oat01-renewed-0123456789"
    machine.model.accept(SecretStr(fresh))
    asked: list[dict[str, Any]] = []

    async def renew(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return web.json_response({"access_token": fresh, "refresh_token": "next", "expires_in": 3600})

    async with _served(renew) as port:
        url = f"http://127.0.0.1:{port}/v1/oauth/token"
        machine.use(api_key=None, oauth_token=_OTHER, refresh_token=SecretStr("first-refresh-token"), token_url=url)
        ended = await machine.run("scenario:ok")
        again = await machine.run("scenario:ok")

    assert (ended.outcome.ending, again.outcome.ending) == (Ending.SUCCEEDED, Ending.SUCCEEDED)
    assert [each["refresh_token"] for each in asked] == ["first-refresh-token"]


@contextlib.asynccontextmanager
async def _served(handler: Callable[[web.Request], Any], host: str = "127.0.0.1") -> AsyncGenerator[int]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_package_managers_reach_their_registries_without_configuration(machine: Machine) -> None:
    machine.use()
    hosts = ("pypi.org", "files.pythonhosted.org", "registry.npmjs.org")
    line = (
        "cd /tmp; npm view left-pad version; pip download --quiet --no-deps --disable-pip-version-check six && ls six*; "
        "curl -s -o /dev/null -w 'curl %{http_code}\\n' https://pypi.org/simple/six/; "
        "node -e \"fetch('https://registry.npmjs.org/left-pad').then(r=>console.log('node', r.status))\""
    )
    ended = await command(
        machine, f"python3 -m venv v; . v/bin/activate; {line}", config={"hosts": hosts}, limits=Limits(timeout_s=120)
    )

    assert "1.3.0" in said(ended)
    assert "six-" in said(ended)
    assert "curl 200" in said(ended)
    assert "node 200" in said(ended)
    assert told(ended) == []


async def test_git_works_through_the_proxy(machine: Machine, remote: GitRemote) -> None:
    await remote.repository("app", {"a": "b"})
    config = {"hosts": (remote.host,), "networks": ("127.0.0.0/8", "::1/128")}
    url = remote.url.replace("://", f"://agent:{TOKEN}@")
    # The proxy's own exception for loopback addresses is off: where this remote stands in for one outside.
    line = f"NO_PROXY= no_proxy= git clone -q {url}/owner/app.git /tmp/app 2>&1; git -C /tmp/app log --oneline | wc -l"
    ended = await command(machine, line, config=config)

    assert told(ended) == [], said(ended)
    assert said(ended).strip() == "1"


@pytest.mark.parametrize("always", [False, True], ids=["for this run", "for its workspace"])
async def test_a_denied_host_is_told_once_and_works_as_soon_as_somebody_allows_it(
    machine: Machine, *, always: bool
) -> None:
    once = "curl -s -o /dev/null -w '%{http_code} %{http_connect}\\n' https://pypi.org/simple/six/"
    line = f"{once}; {once}; until {once} | grep '^200'; do sleep 0.2; done"
    script = steps(bash(line, "probe"), say("done"))
    async with scripted(machine, lambda conversation: script(conversation, 0)):
        machine.use(hosts=())
        name = await machine.start("probe")
        await machine.seen(name, b'"denied"')
        workspace = await machine.gateway.allow(name, "pypi.org", always=always)
        ended = await machine.ended(name)
        after = await machine.run("probe") if always else None

    assert workspace == "workspace"
    assert [(event.subtype, event.host, event.inward) for event in gateway_events(ended)] == [
        ("denied", "pypi.org", False)
    ]
    assert "000 403" in said(ended)
    assert after is None or told(after) == []


async def test_names_that_lead_inwards_are_not_let_through_unless_the_operator_permits_the_network(
    machine: Machine,
) -> None:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="inner service")

    async with _served(hello) as port:
        line = f"curl -s --noproxy '' -x http://127.0.0.1:3128 http://localhost:{port}/; echo"
        denied = await command(machine, line, config={"hosts": (f"localhost:{port}",)})
        networks = ("127.0.0.0/8", "::1/128")
        permitted = await command(machine, line, config={"hosts": (f"localhost:{port}",), "networks": networks})
        wide = await command(machine, line, network="open")

    assert "inner service" not in said(denied) + said(wide)
    assert [(event.host, event.inward) for event in gateway_events(denied)] == [(f"localhost:{port}", True)]
    assert "inner service" in said(permitted)


async def test_a_run_without_network_has_the_model_and_nothing_else(machine: Machine) -> None:
    line = "env | grep -i proxy; curl -sS -m 5 -x http://127.0.0.1:3128 https://pypi.org/ 2>&1; "
    line += "ls /run/agentflow/net; cat /proc/net/dev | wc -l"
    ended = await command(machine, line, network="none", config={"hosts": ("pypi.org",)})

    assert "HTTPS_PROXY" not in said(ended)
    assert "egress.sock" not in said(ended)
    assert "3" in said(ended).split(), "another interface than loopback"


async def test_an_open_network_reaches_what_is_public(machine: Machine) -> None:
    ended = await command(
        machine, "curl -sS -o /dev/null -w '%{http_code}\\n' https://pypi.org/simple/six/ 2>&1; ps aux", network="open"
    )

    errors = next((machine.root / "runs").glob("*/out/err.log")).read_text()
    assert "200" in said(ended), errors


async def test_a_run_outlives_a_gateway_that_is_killed_in_its_middle(machine: Machine) -> None:
    name = await machine.start("scenario:slow")
    await machine.seen(name, b'"init"')
    await machine.docker("kill", commands.name(str(machine.root)))
    ended = await machine.ended(name)

    assert ended.outcome.ending is Ending.SUCCEEDED, ended.outcome


async def test_a_pause_that_the_gateway_did_not_live_through_ends(machine: Machine) -> None:
    machine.use(budget_run=0.000001)
    name = await machine.start("Fix the bug in calc.py")
    await machine.seen(name, b'"paused"')
    await machine.docker("kill", commands.name(str(machine.root)))
    await machine.gateway.grant("run", name, 5.0, "operator:tests")
    ended = await machine.ended(name)

    assert ended.outcome.ending is Ending.SUCCEEDED, ended.outcome
    assert told(ended)[-1] == "unpaused"


async def test_a_paused_run_can_be_stopped(machine: Machine) -> None:
    machine.use(budget_run=0.000001)
    name = await machine.start("Fix the bug in calc.py")
    await machine.seen(name, b'"paused"')
    await machine.runs.stop(name)

    assert (await machine.ended(name)).outcome.ending is Ending.STOPPED


async def _silent(_: str) -> None:
    pass
