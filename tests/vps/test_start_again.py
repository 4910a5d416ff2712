"""A start that is asked for again, by a bot that does not know how far it came: on directories, with a stand-in for `docker`."""

from __future__ import annotations

import asyncio
import base64
import shutil
import time
import uuid
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from tests.vps.host.test_starts import Host, host_at
from vps.config import AgentConfig
from vps.errors import DiskFull, HostTimeout
from vps.host import ends, gateway, keeper, starts
from vps.host.answers import answer
from vps.models import RunRequest, new_name
from vps.relay import Relay, _refusal  # pyright: ignore[reportPrivateUsage]  this one is without a connection
from vps.runner import Done
from vps.runs import Runs
from vps.shell import Cmd


class Line:
    """What a relay is to `Runs`, without a connection; the answers to the questions in `lost` do not arrive in time."""

    library = "/lib"

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.lost: set[str] = set()

    async def ask(self, verb: str, request: dict[str, Any] | None = None, *, timeout: float = 60.0) -> dict[str, Any]:
        found = await asyncio.to_thread(answer, self.root, verb, request or {})
        if "refused" in found:
            raise _refusal(found["refused"])
        if verb in self.lost:
            raise HostTimeout(f"no answer to {verb} within {timeout} s")
        return found

    async def run(self, command: Cmd, *, stdin: bytes = b"", timeout: float = 60.0) -> Done:
        request = {"argv": list(command.argv), "stdin": base64.b64encode(stdin).decode(), "timeout_s": timeout}
        return Done((await self.ask("run", request))["exit_code"], b"", b"")


class Site(NamedTuple):
    host: Host
    line: Line
    runs: Runs

    def request(self) -> RunRequest:
        now = time.time()
        return RunRequest(
            name=new_name(round(now * 1000)),
            session_id=str(uuid.uuid4()),
            message_id=str(uuid.uuid4()),
            task="a task",
            workspace=str(self.host.root / "workspace"),
            created_at=now,
        )


def no_keeper(_root: str) -> None:
    return


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    host = host_at(tmp_path, monkeypatch)
    monkeypatch.setattr(keeper, "ensure", no_keeper)
    line = Line(host.root)
    return Site(host, line, Runs(cast("Relay", line), AgentConfig(root=str(host.root))))


def fill_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage("/")._replace(free=1 << 20)

    def usage(_path: str) -> object:
        return full

    monkeypatch.setattr(shutil, "disk_usage", usage)


async def test_a_run_that_is_there_goes_on_whatever_room_the_disk_has_by_now(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = site.request()
    await site.runs.start(request, goes_on=True)
    fill_disk(monkeypatch)
    with pytest.raises(DiskFull):
        await site.runs.start(site.request(), goes_on=True)
    assert (await site.runs.start(request, goes_on=True)).name == request.name
    assert [path.name for path in (site.host.root / "runs").iterdir()] == [request.name]
    assert not [asked for asked in site.host.asked if asked.startswith("rm ")]


async def test_an_answer_that_does_not_come_undoes_what_was_prepared_and_nothing_that_was_started(site: Site) -> None:
    started, unstarted = site.request(), site.request()
    await site.runs.start(started, goes_on=True)
    site.line.lost.add("prepare")
    for request in (started, unstarted):
        with pytest.raises(HostTimeout):
            await site.runs.start(request, goes_on=True)
    assert [path.name for path in (site.host.root / "runs").iterdir()] == [started.name]
    assert not [asked for asked in site.host.asked if asked.startswith("rm ")]


async def test_what_a_host_that_went_away_left_half_made_is_made_anew(site: Site) -> None:
    request = site.request()
    (site.host.root / "runs" / f"{request.name}.new" / "in").mkdir(parents=True)
    await site.runs.start(request, goes_on=True)
    assert [path.name for path in (site.host.root / "runs").iterdir()] == [request.name]


async def test_a_run_that_has_ended_meanwhile_is_not_let_in_at_the_gateway_again(site: Site) -> None:
    request = site.request()
    await site.runs.start(request, goes_on=True)
    root = str(site.host.root)
    ends.write(root, request.name, {"state": "exited", "exit_code": 0, "oom_killed": False})
    await site.runs.start(request, goes_on=True)
    assert not gateway.is_admitted(root, request.name)


async def test_one_that_is_stopped_before_it_was_let_in_does_not_start(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, admit = site.request(), starts.admit

    def stopped_before(root: str, asked: dict[str, Any]) -> dict[str, Any]:
        assert starts.withdraw(root, {"name": request.name}) == {"withdrawn": [request.name]}
        return admit(root, asked)

    monkeypatch.setitem(answer.__globals__["_VERBS"], "admit", stopped_before)
    await site.runs.start(request)
    assert not [asked for asked in site.host.asked if request.name in asked and asked.startswith("run --detach")]
    assert site.host.ending(request.name)["state"] == "withdrawn"
