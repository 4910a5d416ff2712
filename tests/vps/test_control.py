"""What several surfaces agree on, over a real SSH server: a person's yes to one call, and calls seen already."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from vps import control
from vps.config import HostConfig
from vps.control import Confirmable
from vps.errors import BadInput, CommandFailed
from vps.host.control import CALLS_KEPT_S
from vps.provision import provision
from vps.relay import Relay
from vps.ssh import SshHost

DELETE = Confirmable(
    caller="run:claude-agent-1", tool="delete_workspace", arguments="d" * 64, right="manage", question="Delete api?"
)
KEY, CALL = "a" * 64, "c" * 64


@pytest.fixture
async def relays(host_config: HostConfig, tmp_path: Path) -> AsyncIterator[tuple[Relay, Relay]]:
    """Two control planes of one host."""
    async with AsyncExitStack() as stack:
        hosts = [await stack.enter_async_context(SshHost(host_config)) for _ in range(2)]
        library = await provision(hosts[0], str(tmp_path))
        first, second = [await stack.enter_async_context(Relay(host, library, str(tmp_path))) for host in hosts]
        yield first, second


@pytest.fixture
def relay(relays: tuple[Relay, Relay]) -> Relay:
    return relays[0]


def change(root: Path, kind: str, **fields: Any) -> None:
    """Change the only record there is."""
    (path,) = (root / "control" / kind).glob("*.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


async def test_a_yes_given_through_one_control_plane_passes_once_through_another(relays: tuple[Relay, Relay]) -> None:
    here, there = relays
    code = await control.code_for(here, DELETE)
    assert await control.code_for(there, DELETE) == code
    assert await control.waiting(there, code) == DELETE

    assert await control.agree(there, code, "discord:1") == DELETE
    assert await control.code_for(here, DELETE) == ""
    again = await control.code_for(here, DELETE)
    assert again not in ("", code)


@pytest.mark.parametrize("changed", ["caller", "tool", "arguments", "question"])
async def test_a_yes_is_for_the_very_call_it_was_asked_for(relay: Relay, changed: str) -> None:
    await control.agree(relay, await control.code_for(relay, DELETE), "discord:1")
    other = DELETE.model_copy(update={changed: "another"})
    assert await control.code_for(relay, other) != ""
    assert await control.code_for(relay, DELETE) == ""


async def test_of_many_repetitions_at_once_one_passes(relays: tuple[Relay, Relay]) -> None:
    await control.agree(relays[0], await control.code_for(relays[0], DELETE), "discord:1")
    codes = await asyncio.gather(*(control.code_for(relays[number % 2], DELETE) for number in range(20)))
    assert codes.count("") == 1
    assert len(set(codes)) == 2


async def test_a_wrong_a_used_and_an_expired_code_are_told_apart(relay: Relay, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="code: no call waits for it"):
        await control.agree(relay, "../../etc/passwd", "discord:1")
    code = await control.code_for(relay, DELETE)
    change(tmp_path, "confirmations", until=time.time() - 1)
    with pytest.raises(BadInput, match="code: has expired"):
        await control.waiting(relay, code)
    change(tmp_path, "confirmations", until=time.time() + 9)
    await control.agree(relay, code, "discord:1")
    with pytest.raises(BadInput, match="code: was used already"):
        await control.agree(relay, code, "discord:1")


async def test_a_yes_that_was_not_taken_up_in_time_is_none(relay: Relay, tmp_path: Path) -> None:
    await control.agree(relay, await control.code_for(relay, DELETE), "discord:1")
    change(tmp_path, "confirmations", until=time.time() - 1)
    assert await control.code_for(relay, DELETE) != ""


async def test_of_many_claims_of_an_id_one_gets_it_and_the_others_its_output(relays: tuple[Relay, Relay]) -> None:
    claims = await asyncio.gather(*(control.claim(relays[n % 2], KEY, CALL, 60) for n in range(20)))
    assert sorted(claim.state for claim in claims) == ["claimed", *["running"] * 19]

    await control.settle(relays[0], KEY, "done", {"text": "hi"})
    seen = await control.claim(relays[1], KEY, CALL, 60)
    assert (seen.state, seen.same, seen.output) == ("done", True, {"text": "hi"})
    assert not (await control.claim(relays[1], KEY, "another", 60)).same


async def test_a_failure_gives_the_id_back_and_a_call_that_broke_off_does_not(relay: Relay, tmp_path: Path) -> None:
    await control.claim(relay, KEY, CALL, 60)
    await control.settle(relay, KEY, "failed")
    assert (await control.claim(relay, KEY, CALL, 60)).state == "claimed"
    await control.settle(relay, KEY, "open")
    assert (await control.claim(relay, KEY, CALL, 60)).state == "open"

    change(tmp_path, "calls", state="running", until=time.time() - 1)
    assert (await control.claim(relay, KEY, CALL, 60)).state == "open"
    (tmp_path / "control" / "calls" / f"{KEY}.json").write_text("{")
    assert (await control.claim(relay, KEY, CALL, 60)).state == "open"


async def test_old_claims_go(relay: Relay, tmp_path: Path) -> None:
    await control.claim(relay, KEY, CALL, 60)
    path = tmp_path / "control" / "calls" / f"{KEY}.json"
    os.utime(path, (0, time.time() - CALLS_KEPT_S - 60))
    await control.claim(relay, "b" * 64, CALL, 60)
    assert not path.exists()


async def test_nobody_else_on_the_host_reads_it_and_a_key_leads_nowhere_else(relay: Relay, tmp_path: Path) -> None:
    await control.code_for(relay, DELETE)
    assert (tmp_path / "control").stat().st_mode & 0o777 == 0o700
    with pytest.raises(CommandFailed, match="not a call's key"):
        await control.claim(relay, "../../x", CALL, 60)
