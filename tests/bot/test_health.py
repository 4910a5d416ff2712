"""The bot's own account of how it is: on its socket, on the command line, for Prometheus."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from agents import health
from agents.config import Address
from agents.health import Health, Limits
from agents.surfaces import cli
from tests.bot.scene import RUN_S, Ground, Scene, opened
from tests.chaos.link import Link, link
from vps.errors import VpsError
from vps.testing.ports import free_port

AT_ONCE = Limits(gateway_s=0, host_s=0, unsent_s=0)


async def reported(scene: Scene, wanted: Callable[[Health], bool]) -> Health:
    """What the bot answers once it is as wanted."""
    async with asyncio.timeout(RUN_S):
        while not wanted(found := await health.ask(scene.settings.state_dir, AT_ONCE)):
            await asyncio.sleep(0.05)
    return found


async def test_a_bot_that_works_is_well_and_only_its_owner_may_ask(scene: Scene) -> None:
    found = await reported(scene, lambda now: now.ok and now.gateway.latency_ms is not None)
    assert found.problems == ()
    assert (found.host.answers, found.backlog.runs, found.backlog.blocks) == (True, 0, 0)
    assert found.gateway.last_event_s is not None
    assert stat.S_IMODE((scene.settings.state_dir / health.SOCKET).stat().st_mode) == 0o600


async def test_a_stopped_bot_leaves_no_socket(scene: Scene) -> None:
    await scene.stop_bot()
    assert not (scene.settings.state_dir / health.SOCKET).exists()
    with pytest.raises(VpsError, match="No bot answers"):
        await health.ask(scene.settings.state_dir, AT_ONCE)


async def test_a_gateway_that_is_away_is_trouble_until_it_is_back(scene: Scene) -> None:
    async with scene.discord.outage():
        away = await reported(scene, lambda now: not now.gateway.connected)
        assert [problem for problem in away.problems if "Not connected to Discord for" in problem]
        assert (await health.ask(scene.settings.state_dir, Limits())).ok
    await reported(scene, lambda now: now.ok and now.gateway.connected)


async def test_what_cannot_be_sent_is_counted_and_ages_until_it_is_sent(scene: Scene) -> None:
    thread = await scene.spawn("scenario:tools:6")
    await scene.discord.message_in(thread, "echo tool 1`", RUN_S)
    fault = scene.discord.fail_next("*", rf"/channels/{thread.id}/messages", status=500, times=100_000)
    stuck = await reported(scene, lambda now: now.backlog.oldest_unsent_s > 1)
    assert stuck.backlog.runs == 1
    assert [problem for problem in stuck.problems if "waits to be sent" in problem]
    fault.times = 0
    await scene.end_of(thread)
    assert (await reported(scene, lambda now: now.backlog.runs == 0)).backlog.oldest_unsent_s == 0


async def test_limits_that_are_none_are_refused(scene: Scene) -> None:
    connector = aiohttp.UnixConnector(str(scene.settings.state_dir / health.SOCKET))
    async with aiohttp.ClientSession(connector=connector) as session:
        for query, status in (("", 200), ("?gateway_s=soon", 400), ("?gateway_s=-1", 400), ("?host_s=nan", 400)):
            async with session.get(f"http://bot/health{query}") as answer:
                assert answer.status == status, query
        async with session.get("http://bot/metrics") as answer:
            assert answer.status == 404


async def test_the_command_line_ends_with_what_it_is(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AGENTFLOW_STATE_DIR", str(scene.settings.state_dir))
    assert await asyncio.to_thread(cli.main, ["health"]) == 0
    assert capsys.readouterr().out == "ok\n"
    async with scene.discord.outage():
        await reported(scene, lambda now: not now.gateway.connected)
        assert await asyncio.to_thread(cli.main, ["health", "--json", "--gateway", "0s"]) == 1
        assert json.loads(capsys.readouterr().out)["gateway"]["connected"] is False
    await scene.stop_bot()
    assert await asyncio.to_thread(cli.main, ["health"]) == 1
    assert "agentflow bot" in capsys.readouterr().err


@pytest.fixture
async def way(ground: Ground) -> AsyncIterator[Link]:
    async with link(ground.server.port) as made:
        yield made


async def test_a_silent_host_is_trouble_until_it_answers(ground: Ground, way: Link, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{way.port} {ground.server.host_key_line.partition(' ')[2]}\n")
    async with opened(ground, HETZNER_SSH_PORT=way.port, HETZNER_KNOWN_HOSTS=known) as scene:
        way.freeze()
        silent = await reported(scene, lambda now: not now.host.answers)
        assert silent.host.silent_s > 5
        assert [problem for problem in silent.problems if "The VPS has not answered" in problem]
        way.thaw()
        await reported(scene, lambda now: now.ok)


@pytest.fixture
def free() -> Address:
    return Address("127.0.0.1", free_port())


async def test_prometheus_gets_every_metric_where_a_setting_says_so(ground: Ground, free: Address) -> None:
    async with opened(ground, AGENTFLOW_METRICS=free) as scene, aiohttp.ClientSession() as session:
        before = await _metrics(session, free)
        thread = await scene.spawn("scenario:sleep:300")
        await scene.discord.message_in(thread, "This takes a while.", RUN_S)
        sent = "agentflow_messages_sent_total"  # counted once Discord's answer is there, which is behind the message
        await _until(session, free, lambda now: now[sent] - before[sent] >= 2)
        now = await _metrics(session, free)
        assert now['agentflow_runs{state="running"}'] == 1
        assert now["agentflow_log_read_bytes_total"] > before["agentflow_log_read_bytes_total"]
        assert (now["agentflow_gateway_up"], now["agentflow_host_up"]) == (1, 1)
        assert now["agentflow_gateway_latency_seconds"] < 5
        assert "process_resident_memory_bytes" in now
        scene.discord.reset_next("*", rf"/channels/{thread.id}/messages")
        await scene.discord.gateway.close(4000)
        await scene.discord.wait_for(lambda: scene.discord.gateway.resumes, RUN_S)
        await _until(
            session,
            free,
            lambda later: later["agentflow_gateway_reconnects_total"] > now["agentflow_gateway_reconnects_total"],
        )
        failures = 'agentflow_discord_failures_total{kind="connection"}'
        await _until(session, free, lambda later: later[failures] > now[failures])
        assert "agentflow_oldest_unsent_seconds" in now
        async with session.get(f"http://127.0.0.1:{free.port}/health") as answer:
            assert Health.model_validate_json(await answer.read()).version


async def test_an_address_that_is_taken_is_named(scene: Scene, free: Address) -> None:
    await scene.stop_bot()
    settings = scene.settings
    scene.settings = settings.model_copy(update={"AGENTFLOW_METRICS": free})
    with socket.create_server((free.host, free.port)), pytest.raises(VpsError, match=f"AGENTFLOW_METRICS.*{free.port}"):
        await scene.start_bot()
    scene.settings = settings


async def _metrics(session: aiohttp.ClientSession, at: Address) -> dict[str, float]:
    async with session.get(f"http://{at.host}:{at.port}/metrics") as answer:
        assert answer.content_type == "text/plain"
        text = await answer.text()
    found = dict[str, float]()
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found


async def _until(session: aiohttp.ClientSession, at: Address, wanted: Callable[[dict[str, float]], bool]) -> None:
    async with asyncio.timeout(RUN_S):
        while not wanted(await _metrics(session, at)):
            await asyncio.sleep(0.1)
