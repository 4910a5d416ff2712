"""The record of calls on the host."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from agents import audit
from vps.config import HostConfig
from vps.host.audit import ROTATE_BYTES
from vps.mask import Mask
from vps.models import Origin
from vps.provision import provision
from vps.relay import Relay
from vps.ssh import SshHost

SECRET = "sk-ant-a-secret-of-ours-0123456789"
ADA = Origin(caller="discord:1", caller_name="Ada", surface="discord")


@pytest.fixture
async def relay(host_config: HostConfig, tmp_path: Path) -> AsyncIterator[Relay]:
    async with (
        SshHost(host_config) as host,
        Relay(host, await provision(host, str(tmp_path)), str(tmp_path)) as started,
    ):
        yield started


def line(tool: str, **arguments: object) -> audit.Entry:
    return audit.entry(ADA, tool, arguments, "ok", at=1.0, ms=2, mask=Mask([SecretStr(SECRET)]))


async def test_calls_at_once_leave_a_line_each_and_secrets_are_masked(relay: Relay, tmp_path: Path) -> None:
    task = f"use {SECRET}\n" + "x" * 1000
    await asyncio.gather(*(audit.note(relay, line("spawn", task=task, workspace_path=f"/w/{n}")) for n in range(50)))

    lines = [json.loads(each) for each in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert {each["on"] for each in lines} == {f"/w/{n}" for n in range(50)}
    assert SECRET not in (tmp_path / "audit.jsonl").read_text()
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600
    assert max(len(each["arguments"]["task"]) for each in lines) == 200


async def test_what_people_put_credentials_into_is_not_written_down() -> None:
    told = line("spawn", env="DATABASE_PASSWORD=correct horse", mcp_config='{"token": "battery"}')
    assert told.arguments == {"env": "(31 characters)", "mcp_config": "(20 characters)"}


async def test_a_password_typed_into_an_address_is_not_written_down() -> None:
    url = "https://ada:glpat-0123456789@gitlab.example/o/r.git"
    written = line("clone_repo", repo_url=url).model_dump_json()
    assert "glpat" not in written
    assert "https://***@gitlab.example/o/r.git" in written
    for password in (SECRET, "correct-h0rse"):
        told = line("clone_repo", repo_url=f"https://ada:{password}@git.example/o/r.git")
        assert told.on == "https://***@git.example/o/r.git"


async def test_it_is_read_by_caller_and_tool_the_last_ones(relay: Relay) -> None:
    for number in range(5):
        await audit.note(relay, line("stop", container_id=f"c{number}"))
    await audit.note(relay, line("list"))

    assert [call.on for call in await audit.read(relay, 2, {"tool": "stop"})] == ["c3", "c4"]
    assert await audit.read(relay, 2, {"caller": "discord:2"}) == []
    assert (
        (await audit.read(relay, 1, {}))[0]
        .summary()
        .startswith("1970-01-01 00:00:01 · Ada (discord:1) · discord · list")
    )


async def test_a_record_that_grew_large_is_kept_once(relay: Relay, tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").write_bytes(b"x" * ROTATE_BYTES + b"\n")
    await asyncio.gather(*(audit.note(relay, line("list")) for _ in range(20)))

    assert (tmp_path / "audit.jsonl.1").stat().st_size > ROTATE_BYTES
    assert len(await audit.read(relay, 100, {})) == 20


async def test_a_host_that_does_not_answer_hides_no_answer(relay: Relay) -> None:
    await relay.__aexit__(None, None, None)
    async with asyncio.timeout(60):
        await audit.note(relay, line("list"))
