"""A run that has ended goes on: what of its life before may not count in the next one, and who comes second changes nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.host_figures import scarce
from tests.vps.host.test_starts import Host
from vps.commands.claude import user_message
from vps.host import ends, layout, starts, wakes

FIRST, SECOND = "a0000000-0000-4000-8000-000000000001", "a0000000-0000-4000-8000-000000000002"
CONTAINER = "c0ffee"
LONG_AGO = 1_700_000_000.0


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path)
    monkeypatch.setenv("PATH", f"{made.bin}:{os.environ['PATH']}")
    monkeypatch.setenv("AGENTFLOW_PROC", str(made.figures))
    return made


def ended(host: Host) -> str:
    """A run that was killed in the middle of a turn, long ago."""
    name = host.run(1)
    workspace = host.root / "workspaces" / "site"
    for directory in (workspace, host.root / "sessions" / name, host.file(name, "in")):
        directory.mkdir(parents=True)
    record = {"name": name, "workspace": str(workspace), "workspace_name": "site", "net": {"network": "none"}}
    host.file(name, "run.json").write_text(json.dumps(record))
    host.file(name, "in/inbox.jsonl").write_text(user_message("the task", "task"))
    assert host.admit(name)["exit_code"] == 0
    host.file(name, "out/out.jsonl").write_text("{}\n")
    host.file(name, "out/turn.json").write_text(json.dumps({"deadline": LONG_AGO, "idle": False, "read": 0}))
    for mark in ("exit.json", "inbox-shut"):
        host.file(name, f"out/{mark}").write_text("{}")
    ends.write(str(host.root), name, {"id": CONTAINER, "state": "exited", "exit_code": 137, "oom_killed": False})
    return name


def wake(host: Host, name: str, message_id: str = FIRST) -> None:
    line = user_message("Go on.", message_id).rstrip("\n")
    wakes.wake(str(host.root), name, {"name": name, "id": message_id, "line": line})


def test_the_turn_that_was_cut_off_has_no_deadline_in_the_next_life(host: Host) -> None:
    name = ended(host)
    wake(host, name)
    assert host.file(name, "started.json").exists()
    # The keeper looks at it from the moment the container is there; its supervisor needs a while until it writes its own.
    assert sorted(path.name for path in host.file(name, "out").iterdir()) == ["out.jsonl"]


def test_its_old_container_is_removed_and_none_that_was_made_since(host: Host) -> None:
    name = ended(host)
    wake(host, name)
    assert host.asked == ["run with-cache", f"rm --force --volumes {CONTAINER}", "run with-cache"]
    # Somebody else who found it ended, and is late.
    wake(host, name, SECOND)
    assert len(host.asked) == 3
    assert SECOND not in host.file(name, "in/inbox.jsonl").read_text(), (
        "whoever says it says it again, and finds it alive"
    )


def test_what_it_was_started_with_outlives_a_stop_while_it_waits(host: Host) -> None:
    name = ended(host)
    with scarce(host.figures):
        wake(host, name)
        assert starts.withdraw(str(host.root), {"name": name}) == {"withdrawn": [name]}
    assert starts.places(str(host.root)) == {}
    assert wakes.why_not(str(host.root), name) == ""
    wake(host, name, SECOND)
    assert host.file(name, "started.json").exists()


def test_who_is_told_of_it_while_it_has_not_happened_yet_is_told_again(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, rename, seen = ended(host), os.rename, list[int]()

    def looked_at(source: str, target: str) -> None:
        if source.endswith("docker.json"):
            # The relay tells its followers now, and they find it ended.
            seen.append(layout.lives(str(host.root))[name])
        rename(source, target)

    monkeypatch.setattr(os, "rename", looked_at)
    wake(host, name)
    assert len(seen) == 1
    assert layout.lives(str(host.root))[name] != seen[0]


def test_a_wake_that_was_cut_off_can_be_made_up_for(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    name, rename = ended(host), os.rename

    def cut_off(source: str, target: str) -> None:
        if source.endswith("docker.json"):
            raise KeyboardInterrupt
        rename(source, target)

    with monkeypatch.context() as killed:
        killed.setattr(os, "rename", cut_off)
        with pytest.raises(KeyboardInterrupt):
            wake(host, name)
    assert wakes.why_not(str(host.root), name) == ""
    wake(host, name)
    assert host.file(name, "started.json").exists()


def test_it_has_the_rights_at_the_gateway_that_it_began_with(host: Host) -> None:
    name = ended(host)
    spec = host.root / "gateway" / "specs" / f"{name}.json"
    # A host was allowed in the moment of its end.
    spec.write_text(json.dumps({"hosts": ["example.com"]}))
    wake(host, name)
    assert json.loads(spec.read_text()) == {"network": "none", "ancestors": {}}
