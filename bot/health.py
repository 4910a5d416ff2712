"""The bot's health over HTTP: always on a socket in its state directory, with the metrics on an address if one is set."""

from __future__ import annotations

import contextlib
import math
import socket
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

import discord
from aiohttp import web
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from pydantic import ValidationError

from agents.config import Address, SettingsError
from agents.health import SOCKET, Backlog, Gateway, Health, Host, Limits, Measured, judged, reachable
from bot import metrics
from bot.feed import Feed
from vps.relay import Relay

VERSION = metadata.version("agentflow")
_STATES = ("queued", "starting", "running", "finished")


class Pulse:
    """What discord.py tells of the gateway."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._since = time.monotonic()
        self._connected = False
        self._ever = False
        self._event_at: float | None = None
        # discord.py has one handler for an event.
        self._also_on_connect: Callable[[], Awaitable[None]] | None = getattr(client, "on_connect", None)
        for listener in (self.on_connect, self.on_resumed, self.on_disconnect, self.on_socket_event_type):
            client.event(listener)

    async def on_connect(self) -> None:
        """A session has begun."""
        self._up()
        if self._also_on_connect is not None:
            await self._also_on_connect()

    async def on_resumed(self) -> None:
        """A session goes on."""
        self._up()

    async def on_disconnect(self) -> None:
        """Told of every attempt that failed too."""
        if self._connected:
            self._connected, self._since = False, time.monotonic()

    async def on_socket_event_type(self, _kind: str) -> None:
        """Anything at all came."""
        self._event_at = time.monotonic()

    def _up(self) -> None:
        if self._ever and not self._connected:
            metrics.RECONNECTS.inc()
        self._connected = self._ever = True

    def measure(self) -> Gateway:
        """How the connection is now."""
        now, latency = time.monotonic(), self._client.latency
        return Gateway(
            connected=self._connected,
            ever_connected=self._ever,
            away_s=0.0 if self._connected else now - self._since,
            latency_ms=latency * 1000 if self._connected and math.isfinite(latency) else None,
            last_event_s=None if self._event_at is None else now - self._event_at,
        )


class Vitals(Collector):
    """All that is measured, when it is asked for."""

    def __init__(self, pulse: Pulse, relay: Relay, feeds: Mapping[str, Feed]) -> None:
        self._pulse = pulse
        self._relay = relay
        self._feeds = feeds

    def measure(self) -> Measured:
        """How things are now."""
        since = self._relay.silent_since
        host = Host(answers=since is None, silent_s=0.0 if since is None else max(0.0, time.time() - since))
        return Measured(gateway=self._pulse.measure(), host=host, backlog=self._backlog(), version=VERSION)

    def _backlog(self) -> Backlog:
        waiting = [feed for feed in self._feeds.values() if feed.backlog.oldest_s > 0]
        oldest_s = max((feed.backlog.oldest_s for feed in waiting), default=0.0)
        return Backlog(runs=len(waiting), blocks=sum(feed.unsent for feed in waiting), oldest_unsent_s=oldest_s)

    def collect(self) -> Iterator[Metric]:
        """The same as Prometheus wants it."""
        now = self.measure()
        latency_ms = now.gateway.latency_ms
        gauge = GaugeMetricFamily
        yield gauge("agentflow_gateway_up", "Whether Discord's gateway is connected.", now.gateway.connected)
        yield gauge(
            "agentflow_gateway_latency_seconds",
            "Between a heartbeat and its answer.",
            math.nan if latency_ms is None else latency_ms / 1000,
        )
        yield gauge("agentflow_host_up", "Whether the VPS answers.", now.host.answers)
        yield gauge("agentflow_unsent_messages", "Messages that wait to be sent.", now.backlog.blocks)
        yield gauge("agentflow_oldest_unsent_seconds", "How long the oldest has waited.", now.backlog.oldest_unsent_s)
        runs = gauge("agentflow_runs", "Runs that are being shown, by their state.", labels=["state"])
        counted = Counter(feed.state for feed in self._feeds.values())
        for state in _STATES:
            runs.add_metric([state], counted[state])
        yield runs
        info = gauge("agentflow_build_info", "Always 1.", labels=["version"])
        info.add_metric([VERSION], 1)
        yield info


@contextlib.asynccontextmanager
async def served(vitals: Vitals, state: Path, address: Address | None) -> AsyncGenerator[None]:
    """Answer for the length of the block. Raises SettingsError where the address cannot be had."""
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(_listening(_app(vitals), _private(state)))
        stack.callback((state / SOCKET).unlink, missing_ok=True)
        if address is not None:
            await stack.enter_async_context(_listening(_app(vitals, with_metrics=True), _public(address)))
        yield


def _app(vitals: Vitals, *, with_metrics: bool = False) -> web.Application:
    async def health(request: web.Request) -> web.Response:
        try:
            limits = Limits.model_validate(dict(request.query))
        except ValidationError as error:
            return web.Response(status=400, text=f"{error}\n")
        found: Health = judged(vitals.measure(), limits)
        return web.json_response(text=found.model_dump_json(), status=200 if found.ok else 503)

    async def exposed(_request: web.Request) -> web.Response:
        here = CollectorRegistry()
        here.register(vitals)
        body = generate_latest(metrics.REGISTRY) + generate_latest(here)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    app = web.Application()
    app.router.add_get("/health", health)
    if with_metrics:
        app.router.add_get("/metrics", exposed)
    return app


@contextlib.asynccontextmanager
async def _listening(app: web.Application, at: socket.socket) -> AsyncGenerator[None]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    try:
        await runner.setup()
        await web.SockSite(runner, at).start()
        yield
    finally:
        await runner.cleanup()
        at.close()


def _private(state: Path) -> socket.socket:
    """Nobody can connect before it listens, and by then only its owner may."""
    (state / SOCKET).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    try:
        with reachable(state) as path:
            listener.bind(path)
        (state / SOCKET).chmod(0o600)
    except OSError as error:
        listener.close()
        raise SettingsError(f"AGENTFLOW_STATE_DIR: no socket can be made in {state}: {error.strerror}.") from error
    return listener


def _public(address: Address) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        return socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        message = f"AGENTFLOW_METRICS: cannot listen on {address.host} port {address.port}: {error.strerror}."
        raise SettingsError(message, remedy="Choose an address of this machine and a free port.") from error
