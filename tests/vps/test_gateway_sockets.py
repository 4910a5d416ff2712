"""The sockets by which a run reaches the gateway: while it lives, and however soon it is woken."""

from __future__ import annotations

import asyncio
import socket
import uuid
from pathlib import Path

import pytest

from tests.vps.conftest import RUN_S, Machine
from vps import inbox
from vps.commands import gateway as commands
from vps.outcome import Ending


@pytest.fixture(scope="session")
def gateway() -> None:
    """None to share: one of its own for each."""


async def test_a_run_s_sockets_lead_nowhere_once_it_has_ended(machine: Machine) -> None:
    name = await machine.start("scenario:ok")
    assert (await machine.ended(name)).outcome.ending is Ending.SUCCEEDED

    sockets = machine.root / "gateway" / "runs" / name
    assert {"model.sock", "egress.sock"} <= {path.name for path in sockets.iterdir()}
    async with asyncio.timeout(RUN_S):
        while _leads_on(sockets / "model.sock") or _leads_on(sockets / "egress.sock"):
            await asyncio.sleep(0.05)
    listeners = (machine.root / "gateway" / "envoy" / "lds.json").read_text()
    assert name not in listeners


def _leads_on(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except ConnectionRefusedError:
            return False
        return True


async def _lists(machine: Machine, name: str, *, there: bool) -> None:
    listeners = machine.root / "gateway" / "envoy" / "lds.json"
    async with asyncio.timeout(RUN_S):
        while (name in listeners.read_text()) is not there:
            await asyncio.sleep(0.02)


async def test_who_is_woken_at_once_gets_through_although_the_proxy_was_too_slow_to_see_it_gone(
    machine: Machine,
) -> None:
    machine.use(idle_s=60)
    name = await machine.start("scenario:ok")
    await machine.seen(name, b'"turn_ended"')
    container = commands.name(str(machine.root))
    proxy = await machine.docker("exec", container, "pgrep", "-x", "envoy")
    await machine.docker("exec", container, "kill", "-STOP", proxy.strip())
    try:
        await machine.relay.ask("order", {"name": name, "order": {"op": "sleep"}})
        await _lists(machine, name, there=False)
        assert not await inbox.say(machine.relay, name, "scenario:ok woken", str(uuid.uuid4()))
        await _lists(machine, name, there=True)
    finally:
        await machine.docker("exec", container, "kill", "-CONT", proxy.strip())

    await machine.seen(name, b"ok woken")
    async with asyncio.timeout(RUN_S):
        while (machine.root / "runs" / name / "out" / "out.jsonl").read_bytes().count(b'"turn_ended"') < 2:
            await asyncio.sleep(0.05)
