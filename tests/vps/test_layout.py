"""What an agent, its container's root and other users of the host reach of another run: nothing."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from tests.vps.conftest import KEY, RUN_S, Machine
from vps.events import types as t
from vps.outcome import Ending
from vps.testing.model import Conversation, Reply, ScriptedModel, bash, say

_AS_OTHERS = ["setpriv", "--reuid", "1001", "--regid", "1001", "--clear-groups", "--"]

# Whatever of the paths can be listed, read or written; through the supervisor's root too, and the engine's sockets.
_REACH = r"""
for root in "" /proc/1/root /proc/self/root; do
  for path in {paths}; do
    ls -d "$root$path" 2>/dev/null && echo "SEEN $root$path"
    (echo x >> "$root$path/planted") 2>/dev/null && echo "WRITTEN $root$path"
  done
done
for socket in /var/run/docker.sock /run/docker.sock /run/containerd/containerd.sock; do
  [ -e "$socket" ] && echo "SEEN $socket"
done
echo looked
"""
# What only root could: the host's files by handle (2 is the root directory of ext4), its disks, its processes.
_AS_ROOT = r"""
python3 - <<'END'
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
handle = ctypes.create_string_buffer(struct.pack("IiII", 8, 1, 2, 0))
print("OPENED" if libc.open_by_handle_at(os.open("/tmp", 0), handle, 0) >= 0 else "", os.strerror(ctypes.get_errno()))
print("MOUNTED" if libc.mount(b"proc", b"/tmp", b"proc", 0, None) == 0 else "")
END
mknod /tmp/disk b 254 0 2>/dev/null && echo MADE
kill -0 $(cat /proc/1/status | awk '/^NSpid/ {print $2 + 1000}') 2>/dev/null && echo SIGNALLED
"""


@pytest.fixture(scope="session")
def gateway() -> None:
    """None to share: one of its own for each."""


def act(conversation: Conversation) -> Reply:
    """Each does what its task says."""
    return say("Done.") if conversation.rounds else bash(f"({conversation.task})", "act")


async def test_neither_an_agent_nor_its_containers_root_reaches_another_run_and_no_other_user_of_the_host_any(
    machine: Machine,
) -> None:
    async with ScriptedModel(api_key=KEY, script=act) as model:
        machine.talk_to(model)
        theirs = await made(
            machine, "theirs", "echo secret > secret; echo secret > /var/cache/agent/secret; mkfifo w; cat w"
        )
        paths = " ".join(
            str(machine.root / part)
            for part in (
                *(
                    f"runs/{theirs}{below}"
                    for below in ("", "/in", "/key", "/out", "/out/out.jsonl", "/in/inbox.jsonl", "/attachments")
                ),
                *(f"sessions/{theirs}", "workspaces/theirs", "caches/theirs", "git", "audit.jsonl", "control"),
            )
        )
        reach = _REACH.replace("{paths}", paths)
        ours = await made(machine, "ours", f"{reach}\nmkfifo w; cat w")
        await machine.seen(theirs, b'"tool_use"')
        await machine.seen(ours, b'"tool_use"')
        as_root = await machine.docker("exec", "--user", "0:0", ours, "sh", "-c", reach + _AS_ROOT)
        for name in ("ours", "theirs"):
            await tell(machine.root / "workspaces" / name / "w", "go on")
        said = await machine.ended(ours)
        other = await machine.ended(theirs)

    assert said.outcome.ending is other.outcome.ending is Ending.SUCCEEDED
    (as_agent,) = [event.text for event in said.events if isinstance(event, t.ToolResult)]
    assert as_agent.strip().endswith("looked\ngo on")
    assert "looked\n Operation not permitted" in as_root, as_root
    for word in ("SEEN", "WRITTEN", "OPENED", "MOUNTED", "MADE", "SIGNALLED"):
        assert word not in as_agent + as_root, as_agent + as_root

    # A root directory that AgentFlow made is closed as a whole; one that was there stays as open as its owner has it.
    machine.root.chmod(0o750)
    assert readable_by_others(machine.root) == set()
    machine.root.chmod(0o755)
    private = {"runs", "sessions", "caches", "claims", "control", "transfer", "audit.jsonl", "lease.json"}
    assert not private & readable_by_others(machine.root)


async def made(machine: Machine, workspace: str, task: str) -> str:
    """A run that does that in a workspace of its own."""
    path = machine.root / "workspaces" / workspace
    path.mkdir(parents=True, exist_ok=True)
    return await machine.start(task, workspace=str(path))


async def tell(pipe: Path, words: str) -> None:
    """Once it is there: a call of a tool is told before the tool begins."""
    async with asyncio.timeout(RUN_S):
        while not pipe.is_fifo():
            await asyncio.sleep(0.05)
    pipe.write_text(words)


def readable_by_others(root: Path) -> set[str]:
    """What directly below it the agents' uid could read as a user of the host."""
    script = 'for path in "$1"/*; do [ -r "$path" ] && basename "$path"; done'
    done = subprocess.run(
        [*_AS_OTHERS, "sh", "-c", script, "look", str(root)], capture_output=True, text=True, check=False
    )
    return set(done.stdout.split())
