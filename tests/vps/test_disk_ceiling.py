"""What a run may add to the disk: it is told when it comes near, and ended beyond, whatever it hides."""

from __future__ import annotations

import pytest

from tests.vps.conftest import KEY, Machine
from vps.events import types as t
from vps.models import Limits
from vps.outcome import Ending
from vps.testing.model import ScriptedModel, bash, say, steps

_MIB = 1 << 20
_TINY = Limits(timeout_s=200, disk=64 * _MIB)
_WAIT = "mkfifo wait; cat wait"

HARMLESS = f"""
truncate -s 60M hole; truncate -s 80M /tmp/larger || echo refused
head -c 8M /dev/urandom > file; for n in 1 2 3 4 5 6 7 8 9; do ln file link$n; done
head -c 40M /dev/urandom > /var/tmp/gone; rm /var/tmp/gone
head -c 46M /dev/urandom > ~/much; {_WAIT}
"""
"""Under the ceiling, and much by other counts: apparent sizes, names, what was written in all."""

PASSED = {
    "in a workspace": "head -c 60M /dev/zero > one & head -c 60M /dev/zero > two & wait",
    "where nobody may look": "mkdir ~/a; head -c 60M /dev/zero > ~/a/b; head -c 20M /dev/zero > ~/a/c; chmod 000 ~/a",
    "deleted and open": "exec 3> /tmp/a 4> /tmp/b; rm /tmp/a /tmp/b; head -c 60M /dev/zero >&3; head -c 60M /dev/zero >&4",
    "below a place that was renamed": "mv ~/.claude ~/b; for n in 1 2; do head -c 60M /dev/zero > ~/b/projects/$n; done",
    "with no process left": """python3 -c '
import os, signal
if os.fork():
    signal.pause()
os.setsid()
try:
    while os.fork():
        pass
    signal.pause()
except BlockingIOError:
    for name in "ab":
        open(f"/tmp/{name}", "wb").write(bytes(60 << 20))
    signal.pause()'""",
    "as files without content": """python3 -c 'for n in range(60000): open(f"/var/tmp/{n}", "x").close()'""",
}


async def test_a_run_is_warned_near_its_ceiling_and_goes_on_and_no_file_of_its_is_larger(machine: Machine) -> None:
    script = steps(bash(f"({HARMLESS})", "nearly"), say("done"))
    async with ScriptedModel(api_key=KEY, script=lambda conversation: script(conversation, 0)) as model:
        machine.talk_to(model)
        name = await machine.start("scenario:ok", limits=_TINY)
        await machine.seen(name, b'"disk_low"')
        (machine.workspace / "wait").write_text("go on")
        ended = await machine.ended(name)

    assert ended.outcome.ending is Ending.SUCCEEDED, ended.text
    (warning,) = [event for event in ended.events if isinstance(event, t.Supervisor) and event.subtype == "disk_low"]
    assert warning.detail.endswith(" MiB of 64 MiB")
    assert "refused" in next(event.text for event in ended.events if isinstance(event, t.ToolResult))


@pytest.mark.parametrize("how", PASSED)
async def test_a_run_that_passes_its_ceiling_is_interrupted_and_told_so_wherever_it_hides_it(
    machine: Machine, how: str
) -> None:
    script = steps(bash(f"({PASSED[how]}; {_WAIT})", "fill"), say("done"))
    async with ScriptedModel(api_key=KEY, script=lambda conversation: script(conversation, 0)) as model:
        machine.talk_to(model)
        ended = await machine.run("fill", limits=_TINY)

    assert ended.outcome.ending is Ending.LIMITED, (ended.outcome, ended.text[-2000:])
    assert "disk ceiling" in ended.outcome.reason
    assert ("of 50,000 files" if "files" in how else "of 64 MiB") in ended.outcome.reason
    assert "`disk`" in ended.outcome.remedy
    assert ended.end.exit is not None
    assert ended.end.exit.reason == "disk_ceiling"
    assert [event for event in ended.events if isinstance(event, t.Result)], "the interrupted turn wrote no result"
    if how == "in a workspace":
        assert (machine.workspace / "two").stat().st_size == 60 * _MIB, "something was removed"
