"""Confirmation by a code, and calls that arrive twice, through the one path of every call and a real relay."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from agents import audit
from agents.crew import Crew
from agents.rights import Right, up_to
from agents.tools.confirm import CONFIRM
from agents.tools.core import Call, ConfirmationRequired, Input, NotConfirmed, NotPermitted, Output, Tool
from agents.tools.once import OutcomeUnknown, StillRunning
from vps.config import HostConfig
from vps.errors import BadInput, HostUnreachable, VpsError
from vps.mask import Mask
from vps.models import Origin
from vps.provision import provision
from vps.relay import Relay
from vps.ssh import SshHost


class Target(Input):
    name: str
    force: bool = False


class Gone(Output):
    name: str
    number: int

    def summary(self) -> str:
        return f"{self.name} is gone"


@dataclass
class Room:
    """A host's relay, and a tool that counts how often it was really done."""

    crew: Crew
    done: list[str] = field(default_factory=list[str])
    failures: list[BaseException] = field(default_factory=list[BaseException])
    began: asyncio.Event = field(default_factory=asyncio.Event)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def tool(self) -> Tool[Target, Gone]:
        return Tool("remove_it", "remove", "Remove it", Right.MANAGE, Target, Gone, self._remove, confirm=question)

    async def _remove(self, _crew: Crew, given: Target, _call: Call) -> Gone:
        self.began.set()
        await self.goes_on.wait()
        if self.failures:
            raise self.failures.pop()
        self.done.append(given.name)
        return Gone(name=given.name, number=len(self.done))

    async def outcomes(self) -> list[str]:
        return [call.outcome.split(":")[0] for call in await audit.read(self.crew.relay, 100, {})]


async def question(_crew: Crew, given: Target) -> str | None:
    return f"Remove {given.name} for good?" if given.force else None


@asynccontextmanager
async def opened(host_config: HostConfig, root: Path) -> AsyncGenerator[Room]:
    async with SshHost(host_config) as host, Relay(host, await provision(host, str(root)), str(root)) as relay:
        found = Room(cast("Crew", SimpleNamespace(relay=relay, mask=Mask(()))))
        found.goes_on.set()
        yield found


@pytest.fixture
async def room(host_config: HostConfig, tmp_path: Path) -> AsyncIterator[Room]:
    async with opened(host_config, tmp_path) as found:
        yield found


@pytest.fixture
async def full_room(host_config: HostConfig, tmp_path: Path) -> AsyncIterator[Room]:
    """On a file system of 8 MiB where no byte is left."""
    root = tmp_path / "small"
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(root)], check=True)
    try:
        async with opened(host_config, root) as found:
            await audit.note(found.crew.relay, audit.entry(ADA.origin, "first", {}, "ok", at=1, ms=1, mask=Mask(())))
            with pytest.raises(OSError, match="No space left"):
                (root / "ballast").write_bytes(bytes(9 << 20))
            yield found
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)


async def yes(_question: str) -> bool:
    return True


AGENT = Call(Origin(caller="run:claude-agent-1", surface="mcp"), up_to(Right.MANAGE))
ADA = Call(Origin(caller="discord:1", surface="discord"), up_to(Right.MANAGE))
ASKED = replace(ADA, confirm=yes)


async def code_of(room: Room, call: Call, **given: object) -> str:
    with pytest.raises(ConfirmationRequired) as refused:
        await room.tool.invoke(room.crew, {"name": "api", "force": True, **given}, call)
    assert str(refused.value).startswith("confirmation_required: Remove ")
    assert f"agentflow confirm {refused.value.code}" in str(refused.value)
    return refused.value.code


async def test_where_nobody_can_be_asked_a_person_says_yes_by_code_to_that_very_call_once(room: Room) -> None:
    code = await code_of(room, AGENT)
    with pytest.raises(NotPermitted, match="Nobody can be asked here"):
        await CONFIRM.invoke(room.crew, {"code": code}, ADA)
    answer = await CONFIRM.invoke(room.crew, {"code": f" {code.upper().replace('-', '')} "}, ASKED)
    assert "Remove api for good?" in answer.summary()

    await code_of(room, AGENT, name="other")
    await code_of(room, ADA)
    assert room.done == []
    await room.tool.invoke(room.crew, {"name": "api", "force": True}, AGENT)
    await code_of(room, AGENT)
    assert room.done == ["api"]
    required = "ConfirmationRequired"
    assert await room.outcomes() == [required, "NotPermitted", "ok", required, required, "ok", required]


async def test_an_agent_never_confirms_and_a_person_only_what_that_person_may_do(room: Room) -> None:
    code = await code_of(room, AGENT)
    with pytest.raises(NotPermitted, match="Only a person may confirm"):
        await CONFIRM.invoke(room.crew, {"code": code}, AGENT)
    with pytest.raises(NotPermitted, match="it takes the right to manage"):
        await CONFIRM.invoke(room.crew, {"code": code}, replace(ASKED, rights=up_to(Right.RUN)))
    with pytest.raises(BadInput, match="no call waits for it"):
        await CONFIRM.invoke(room.crew, {"code": "aaaaa-aaaaa"}, ASKED)
    await code_of(room, AGENT)


async def test_the_one_who_redeems_a_code_is_asked_what_it_is_for(room: Room) -> None:
    asked: list[str] = []

    async def no(text: str) -> bool:
        asked.append(text)
        return False

    code = await code_of(room, AGENT)
    with pytest.raises(NotConfirmed):
        await CONFIRM.invoke(room.crew, {"code": code}, replace(ADA, confirm=no))
    assert asked == ["Remove api for good? Asked for by run:claude-agent-1."]
    assert await code_of(room, AGENT) == code


async def test_a_call_that_arrives_twice_is_done_once_and_answered_twice(room: Room) -> None:
    call = replace(ADA, id="1")
    first = await room.tool.invoke(room.crew, {"name": "api"}, call)
    assert await room.tool.invoke(room.crew, {"name": "api", "force": False}, call) == first
    assert room.done == ["api"]
    assert await room.outcomes() == ["ok", "ok, as answered before"]

    with pytest.raises(BadInput, match="request_id: belongs to another call"):
        await room.tool.invoke(room.crew, {"name": "other"}, call)
    await room.tool.invoke(room.crew, {"name": "other"}, replace(ADA, id="2"))
    await room.tool.invoke(room.crew, {"name": "theirs"}, replace(AGENT, id="1"))
    await room.tool.invoke(room.crew, {"name": "api"}, ADA)
    assert room.done == ["api", "other", "theirs", "api"]


async def test_a_call_that_still_runs_is_told_so_and_one_that_was_cut_off_is_not_done_again(room: Room) -> None:
    call = replace(ADA, id="1")
    room.goes_on.clear()
    running = asyncio.create_task(room.tool.invoke(room.crew, {"name": "api"}, call))
    await room.began.wait()
    with pytest.raises(StillRunning):
        await room.tool.invoke(room.crew, {"name": "api"}, call)

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    room.goes_on.set()
    with pytest.raises(OutcomeUnknown, match="Look whether it was"):
        await room.tool.invoke(room.crew, {"name": "api"}, call)
    assert room.done == []


@pytest.mark.parametrize(
    ("failure", "may_be_repeated"),
    [
        (VpsError("it was locked"), True),
        (HostUnreachable("the connection broke"), False),
        (RuntimeError("a bug"), False),
    ],
)
async def test_a_failed_call_may_be_repeated_unless_it_may_have_been_done(
    room: Room, failure: Exception, may_be_repeated: bool
) -> None:
    call = replace(ADA, id="1")
    room.failures.append(failure)
    with pytest.raises(type(failure)):
        await room.tool.invoke(room.crew, {"name": "api"}, call)
    if may_be_repeated:
        await room.tool.invoke(room.crew, {"name": "api"}, call)
    else:
        with pytest.raises(OutcomeUnknown):
            await room.tool.invoke(room.crew, {"name": "api"}, call)
    assert room.done == (["api"] if may_be_repeated else [])


async def test_a_confirmation_that_is_missing_keeps_no_id(room: Room) -> None:
    call = replace(AGENT, id="1")
    await CONFIRM.invoke(room.crew, {"code": await code_of(room, call)}, ASKED)
    first = await room.tool.invoke(room.crew, {"name": "api", "force": True}, call)
    assert await room.tool.invoke(room.crew, {"name": "api", "force": True}, call) == first


@pytest.mark.parametrize("call_id", ["", "x" * 201])
async def test_an_id_that_is_none_is_refused(room: Room, call_id: str) -> None:
    with pytest.raises(BadInput, match="request_id"):
        await room.tool.invoke(room.crew, {"name": "api"}, replace(ADA, id=call_id))
    assert room.done == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
async def test_on_a_full_disk_calls_are_done_still_and_no_audit_line_is_torn(full_room: Room) -> None:
    for number in range(40):
        await full_room.tool.invoke(full_room.crew, {"name": "api"}, replace(ADA, id=str(number)))
    assert len(full_room.done) == 40

    root = Path(full_room.crew.relay.root)
    (root / "ballast").unlink()
    await full_room.tool.invoke(full_room.crew, {"name": "last"}, ADA)
    lines = [json.loads(line) for line in (root / "audit.jsonl").read_text().splitlines()]
    assert lines[0]["tool"] == "first"
    assert lines[-1]["arguments"] == {"name": "last"}
    assert len(lines) < 42
