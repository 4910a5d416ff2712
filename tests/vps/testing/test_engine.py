"""The Docker engine for demo and tests: found, started, shared, and stopped by the last one to leave."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from vps.errors import DockerUnavailable
from vps.testing.engine import engine, server_version
from vps.testing.packages import find_program

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start an engine")


def silent(text: str) -> None:
    del text


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory for sockets, whose paths may have 107 bytes (unix(7)); pytest's own is too deep."""
    directory = Path(tempfile.mkdtemp(prefix="af", dir="/tmp"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def arguments(tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch) -> Sequence[str]:
    """An engine apart from the machine's own, in a network namespace of its own: it would take away docker0."""
    program = find_program("dockerd")
    if program is None:
        pytest.skip("dockerd is not installed yet")
    wrapper = tmp_path / "bin" / "dockerd"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec unshare --net {program} "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    address = f"unix://{tmp_path}/docker.sock"
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_HOST", address)
    return (
        f"--host={address}",
        f"--data-root={tmp_path}/data",
        f"--exec-root={short}",
        f"--pidfile={tmp_path}/docker.pid",
        "--bridge=none",
        "--iptables=false",
    )


async def test_it_starts_one_for_all_and_the_last_to_leave_stops_it(arguments: Sequence[str], tmp_path: Path) -> None:
    said: list[str] = []
    async with AsyncExitStack() as second:
        async with engine(said.append, state=tmp_path / "state", arguments=arguments) as first:
            other = await second.enter_async_context(engine(said.append, state=tmp_path / "state", arguments=arguments))
            assert (first.started_here, other.started_here) == (True, False)
            assert first.version == other.version
        assert await server_version() == first.version
    assert await server_version() is None
    assert said[-1] == "stopping the Docker engine that was started for this"
    assert not (tmp_path / "docker.pid").exists()


async def test_a_record_of_a_process_that_is_gone_is_nobodys(arguments: Sequence[str], tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "dockerd.json").write_text(f'{{"pid": {os.getpid()}, "started": 1}}', encoding="utf-8")
    async with engine(silent, state=state, arguments=arguments) as found:
        assert found.started_here
    assert await server_version() is None


async def test_one_that_does_not_come_up_is_reported_with_its_log(arguments: Sequence[str], tmp_path: Path) -> None:
    with pytest.raises(DockerUnavailable, match="no-such-flag"):
        async with engine(silent, state=tmp_path / "state", arguments=(*arguments, "--no-such-flag")):
            pass


async def test_an_engine_that_runs_already_is_left_alone(tmp_path: Path) -> None:
    if find_program("docker") is None or (version := await server_version()) is None:
        pytest.skip("no engine runs on this machine")
    async with engine(silent, state=tmp_path / "state") as found:
        assert (found.version, found.started_here, found.log) == (version, False, None)
    assert await server_version() == version
