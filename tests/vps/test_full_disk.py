"""A host whose disk is full, or becomes so in the middle of a run: a file system of a few hundred megabytes."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.vps.conftest import KEY, Machine, machine_at
from vps.config import HostConfig
from vps.errors import DiskFull
from vps.outcome import Ending
from vps.testing.model import ScriptedModel, bash, say, steps

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")


@pytest.fixture
async def small(host_config: HostConfig, image: str, model: ScriptedModel) -> AsyncIterator[Machine]:
    """The machine with a root directory on a file system of 300 MiB."""
    root = Path(tempfile.mkdtemp(prefix="agentflow-small-", dir="/tmp"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m,mode=755", "tmpfs", str(root)], check=True)
    try:
        async with machine_at(root, host_config, model) as machine:
            yield machine
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)
        await asyncio.to_thread(shutil.rmtree, root, ignore_errors=True)


async def test_a_disk_with_too_little_room_is_refused_before_anything_starts(small: Machine) -> None:
    (small.root / "ballast").write_bytes(bytes(100 << 20))

    with pytest.raises(DiskFull, match=r"MiB of disk left.*prune"):
        await small.start("scenario:ok")

    assert not (small.root / "runs").exists() or not list((small.root / "runs").iterdir())


async def test_an_agent_that_fills_the_disk_ends_and_is_told_while_it_is_full(small: Machine) -> None:
    script = steps(bash("head -c 400M /dev/zero > ballast; df . | tail -1", "fill"), say("it is full"))
    async with ScriptedModel(api_key=KEY, script=lambda conversation: script(conversation, 0)) as model:
        small.talk_to(model)
        name = await small.start("fill the disk")
        ended = await small.ended(name)

    errors = (small.root / "runs" / name / "out" / "err.log").read_text()
    assert ended.outcome.ending is Ending.FAILED
    assert "disk is full" in ended.outcome.reason, (errors, ended.text[-1500:])
    assert os.statvfs(small.root).f_bavail * os.statvfs(small.root).f_bsize < 1 << 20, (
        "it was told while there was no room"
    )
    assert ended.end.docker.state == "exited"
    assert ended.data == (small.root / "runs" / name / "out" / "out.jsonl").read_bytes()
    assert not (await small.runs.describe(name)).alive
