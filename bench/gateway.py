"""What the gateway costs: the same client asks a stand-in for the API directly, and through a run's socket, in turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web
from pydantic import SecretStr

from bench.figures import Row
from bench.processes import cpu_s, memory_mib
from bot.demo.stage import Stage
from vps.commands import gateway as commands
from vps.config import AgentConfig
from vps.gateway import Gateway
from vps.host import gateway as host
from vps.models import new_name
from vps.provision import provision
from vps.relay import Relay
from vps.runner import Runner
from vps.shell import cmd

REQUESTS = 300
_PACED, _PAUSE_S, _BURST = 60, 0.05, 200
"""Events of a stream: so many at 20 a second, or so many at once."""
_STREAMS, _STREAM_EVENTS = 50, 100
_REST_S = 3.0
_ANSWER = {
    "type": "message",
    "model": "claude-sonnet-4-5",
    "usage": {"input_tokens": 1, "output_tokens": 1},
    "content": ["x" * 1000],
}


async def measure(stage: Stage, directory: Path) -> list[Row]:
    """Latency of requests and events, and what the gateway needs."""
    crew = stage.bot.crew
    root = directory / "gateway"
    root.mkdir()
    async with _api() as url, Relay(crew.host, await provision(crew.host, str(root)), str(root)) as relay:
        image = crew.settings.AGENTFLOW_IMAGE
        config = AgentConfig(root=str(root), image=image, api_key=SecretStr("sk-ant-bench"), base_url=url)
        gateway = Gateway(relay, config)
        await gateway.ensure(_silent)
        try:
            socket = await _admitted(root)
            # No agent: its CLI would add its own time.
            async with _client(None) as direct, _client(socket) as through:
                return await _figures(direct, through, url, _Processes(relay, commands.name(str(root))))
        finally:
            await gateway.remove()


async def _figures(
    direct: aiohttp.ClientSession, through: aiohttp.ClientSession, url: str, processes: _Processes
) -> list[Row]:
    for client in (direct, through):
        await _request(client, url)
    pairs = [(await _request(direct, url), await _request(through, url)) for _ in range(REQUESTS)]
    rows = [
        Row("a request to the API: directly", "ms", [ours for ours, _ in pairs]),
        Row("a request to the API: through the gateway", "ms", [theirs for _, theirs in pairs]),
        Row("added by the gateway to a request", "ms", [theirs - ours for ours, theirs in pairs], "goal < 5"),
    ]
    for what, events, pause in (("20 events a second", _PACED, _PAUSE_S), (f"{_BURST} events at once", _BURST, 0.0)):
        plain, added = await _stream(direct, url, events, pause), await _stream(through, url, events, pause)
        rows += [
            Row(f"an event's way, {what}: directly", "ms", plain),
            Row(f"an event's way, {what}: through the gateway", "ms", added),
        ]
        goal = "goal < 5" if pause else ""
        pairs = list(zip(plain, added, strict=True))
        rows.append(Row(f"added by the gateway to an event, {what}", "ms", [b - a for a, b in pairs], goal))
    return rows + await _needs(through, url, processes)


async def _needs(client: aiohttp.ClientSession, url: str, processes: _Processes) -> list[Row]:
    cores, memory = await processes.used(asyncio.sleep(_REST_S))
    rows = [Row("CPU of the gateway at rest", "cores", [cores]), Row("memory of the gateway at rest", "MiB", [memory])]
    streams = [_stream(client, url, _STREAM_EVENTS, _PAUSE_S) for _ in range(_STREAMS)]
    latencies: list[float] = []

    async def all_of_them() -> None:
        latencies.extend(ms for stream in await asyncio.gather(*streams) for ms in stream)

    cores, memory = await processes.used(all_of_them())
    what = f"with {_STREAMS} streams of 20 events a second"
    return [
        *rows,
        Row(f"an event's way {what}", "ms", latencies),
        Row(f"CPU of the gateway {what}", "cores", [cores]),
        Row(f"memory of the gateway {what}", "MiB", [memory]),
    ]


async def _request(client: aiohttp.ClientSession, url: str) -> float:
    started = time.perf_counter()
    async with client.post(f"{url}/v1/messages", json={"stream": False}) as answer:
        await answer.read()
        assert answer.status == 200
    return (time.perf_counter() - started) * 1000


async def _stream(client: aiohttp.ClientSession, url: str, events: int, pause_s: float) -> list[float]:
    """Of each event, from its sending to its arrival; both ends are this process, so the clock is one."""
    asked = {"stream": True, "events": events, "pause_s": pause_s}
    async with client.post(f"{url}/v1/messages", json=asked) as answer:
        return [
            (time.perf_counter() - float(line.removeprefix(b"data: "))) * 1000
            async for line in answer.content
            if line.startswith(b"data: ")
        ]


@asynccontextmanager
async def _api() -> AsyncGenerator[str]:
    """Answers at once, or streams the moments at which it sent each event; its address."""

    async def answer(request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        if not asked["stream"]:
            return web.json_response(_ANSWER)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for _ in range(asked["events"]):
            if asked["pause_s"]:
                await asyncio.sleep(asked["pause_s"])
            await response.write(b"event: ping\ndata: %.9f\n\n" % time.perf_counter())
        return response

    app = web.Application()
    app.router.add_post("/v1/messages", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _client(socket: Path | None) -> aiohttp.ClientSession:
    connector = aiohttp.UnixConnector(str(socket)) if socket else aiohttp.TCPConnector()
    return aiohttp.ClientSession(connector=connector)


async def _admitted(root: Path) -> Path:
    """The socket of a run, as it is made for every run."""
    spec = {"network": "none", "person": "bench", "workspace": ""}
    place = Path(host.admit(str(root), new_name(round(time.time() * 1000)), spec))
    async with asyncio.timeout(30):
        while not (place / "model.sock").exists():
            await asyncio.sleep(0.05)
    return place / "model.sock"


class _Processes:
    """Those of a container."""

    def __init__(self, runner: Runner, container: str) -> None:
        self._runner = runner
        self._container = container

    async def used(self, meanwhile: Awaitable[None]) -> tuple[float, float]:
        """Cores on average while something is awaited, and resident MiB at its end."""
        pids = await self._pids()
        before, began = sum(map(cpu_s, pids)), time.monotonic()
        await meanwhile
        return (sum(map(cpu_s, pids)) - before) / (time.monotonic() - began), sum(
            memory_mib(pid, "VmRSS") for pid in pids
        )

    async def _pids(self) -> list[int]:
        listed = await self._runner.run(cmd("docker", "top", self._container, "-eo", "pid"))
        return [int(line) for line in listed.text.split()[1:]]


async def _silent(_text: str) -> None:
    return None
