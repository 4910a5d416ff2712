"""The queue and the starts as the host keeps them, with a stand-in for the `docker` command that writes down what it was asked."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.host_figures import proc, scarce
from vps.host import gateway, starts, workspaces
from vps.host.refused import Refused
from vps.outcome import Ending, docker_exit, judge
from vps.tally import Tally

RUN, ALONE = ["docker", "run", "with-cache"], ["docker", "run", "alone"]
DOCKER = """#!/bin/sh
echo "$*" >> {place}/asked
[ -e {place}/away ] && echo 'Cannot connect to the Docker daemon' >&2 && exit 125
case "$*" in
  {refused}) echo '{error}' >&2; exit 125;;
esac
"""


class Host:
    """A root directory, a `docker` that can be away or refuse something, and memory that can be scarce."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "root"
        self.bin = directory / "bin"
        self.bin.mkdir()
        self.figures = proc(directory / "proc")
        self.refuse("nothing at all", "")

    def refuse(self, command: str, error: str) -> None:
        program = self.bin / "docker"
        program.write_text(DOCKER.format(place=self.bin, refused=command.replace(" ", r"\ "), error=error))
        program.chmod(0o755)

    @property
    def asked(self) -> list[str]:
        path = self.bin / "asked"
        return path.read_text().splitlines() if path.exists() else []

    def run(self, number: int) -> str:
        """A prepared run; the name's milliseconds say when its control plane thinks that it is."""
        name = f"claude-agent-{1_790_000_000_000 + number}-abcdef"
        (self.root / "runs" / name / "out").mkdir(parents=True)
        (self.root / "runs" / name / "out" / "out.jsonl").touch()
        gateway.admit(str(self.root), name, {"network": "restricted"})
        (self.root / "runs" / name / "run.json").write_text(json.dumps({"name": name, "boot_id": "another"}))
        return name

    def admit(self, name: str, *commands: list[str], ceiling: int | None = None) -> dict[str, Any]:
        return starts.admit(str(self.root), {"name": name, "commands": commands or (RUN,), "ceiling": ceiling})

    def queued(self, *numbers: int) -> list[str]:
        """Runs that came while there was no room."""
        names = [self.run(number) for number in numbers]
        with scarce(self.figures):
            for name in names:
                assert "place" in self.admit(name)
        return names

    def may_use_the_gateway(self, name: str) -> bool:
        return (self.root / "gateway" / "specs" / f"{name}.json").exists()

    def file(self, name: str, file: str) -> Path:
        return self.root / "runs" / name / file

    def ending(self, name: str) -> Any:
        return json.loads(self.file(name, "docker.json").read_text())


def host_at(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """The one that this process takes for the machine's for as long as a test takes."""
    made = Host(directory)
    made.root.mkdir()
    monkeypatch.setenv("PATH", f"{made.bin}:{os.environ['PATH']}")
    monkeypatch.setenv("AGENTFLOW_PROC", str(made.figures))
    return made


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return host_at(tmp_path, monkeypatch)


def places(host: Host) -> dict[str, int]:
    return {name: found["place"] for name, found in starts.places(str(host.root)).items()}


def test_with_room_it_starts_at_once(host: Host) -> None:
    name = host.run(1)
    assert host.admit(name)["exit_code"] == 0
    assert host.asked == ["run with-cache"]
    assert starts.places(str(host.root)) == {}
    assert starts.advance(str(host.root)) == []


def test_a_keeper_that_looks_while_a_run_is_let_in_sees_how_to_start_it(host: Host) -> None:
    name, over = host.run(1), threading.Event()

    def keeper() -> None:
        while not over.is_set():
            starts.launch_or_close(str(host.root), name)

    looking = threading.Thread(target=keeper)
    looking.start()
    try:
        # A command this long takes a while to be written down.
        assert host.admit(name, [*RUN, *["--label=x"] * 50_000])["exit_code"] == 0
    finally:
        over.set()
        looking.join()
    assert [asked.split(" --label")[0] for asked in host.asked] == ["run with-cache"]
    assert not host.file(name, "docker.json").exists()


def test_without_room_it_waits_and_says_for_what(host: Host) -> None:
    first, second = host.run(1), host.run(2)
    with scarce(host.figures):
        assert host.admit(first) == {"place": 1, "why": "memory (0.0 of 0.5 GiB free)"}
        assert host.admit(second) == {"place": 2, "why": "memory (0.0 of 0.5 GiB free)"}
        assert starts.advance(str(host.root)) == []
    assert host.asked == []
    assert host.file(first, "queue.json").stat().st_mode & 0o777 == 0o600


def test_who_comes_while_others_wait_waits_behind_them_though_there_is_room(host: Host) -> None:
    host.queued(1)
    assert host.admit(host.run(2)) == {"place": 2, "why": "its turn"}


def test_the_order_is_that_of_coming_and_not_of_the_control_planes_clocks(host: Host) -> None:
    names = host.queued(5, 3, 9)
    assert places(host) == {names[0]: 1, names[1]: 2, names[2]: 3}
    assert starts.advance(str(host.root)) == names


def test_only_as_many_are_let_in_as_have_room_with_what_the_young_will_use(host: Host) -> None:
    names = host.queued(1, 2, 3)
    for name in names:
        ticket = json.loads(host.file(name, "queue.json").read_text())
        host.file(name, "queue.json").write_text(json.dumps(ticket | {"ceiling": 2}))
    assert starts.advance(str(host.root)) == names[:2]
    assert starts.advance(str(host.root)) == []
    host.file(names[0], "docker.json").write_text("{}")
    assert starts.advance(str(host.root)) == names[2:]


def test_what_started_before_is_counted_by_its_log(host: Host) -> None:
    host.file(host.run(1), "out/out.jsonl").write_text("begun\n")
    assert host.admit(host.run(2), ceiling=1)["why"] == "another agent's end (1 of at most 1 run)"


def test_a_run_that_is_still_being_prepared_takes_nobodys_place(host: Host) -> None:
    host.run(1)
    assert host.admit(host.run(2), ceiling=1)["exit_code"] == 0


def test_one_that_waited_over_a_restart_of_the_machine_was_not_begun_before_it(host: Host) -> None:
    (name,) = host.queued(1)
    starts.advance(str(host.root))
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert json.loads(host.file(name, "run.json").read_text()) == {"name": name, "boot_id": boot}


def test_a_start_that_broke_off_is_made_once(host: Host) -> None:
    (name,) = host.queued(1)
    starts.advance(str(host.root))
    assert starts.is_starting(str(host.root), name)
    for _ in range(3):
        starts.launch_or_close(str(host.root), name)
    assert host.asked == ["run with-cache"]
    assert host.file(name, "started.json").exists()


def test_a_container_that_was_made_and_not_started_is_started(host: Host) -> None:
    (name,) = host.queued(1)
    starts.advance(str(host.root))
    starts.launch_or_close(str(host.root), name, made=True)
    assert host.asked == [f"start {name}"]
    assert not starts.is_starting(str(host.root), name)


@contextmanager
def somebody_starts(host: Host, name: str) -> Generator[None]:
    """A `docker run` of a control plane's that went away: the lock is that command's now."""
    with host.file(name, "start.json").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        process = subprocess.Popen(["sleep", "60"], pass_fds=(file.fileno(),))
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_while_a_start_goes_on_though_who_began_it_is_gone_nobody_else_starts_it(host: Host) -> None:
    (name,) = host.queued(1)
    starts.advance(str(host.root))
    with somebody_starts(host, name):
        starts.launch_or_close(str(host.root), name)
        assert host.asked == []
    starts.launch_or_close(str(host.root), name)
    assert host.asked == ["run with-cache"]


def test_a_run_whose_log_has_begun_is_never_started_again(host: Host) -> None:
    (name,) = host.queued(1)
    starts.advance(str(host.root))
    host.file(name, "out/out.jsonl").write_text("begun\n")
    starts.launch_or_close(str(host.root), name)
    assert host.asked == []
    assert not starts.is_starting(str(host.root), name)


def test_one_whose_engine_is_away_at_its_turn_keeps_its_place(host: Host) -> None:
    names = host.queued(1, 2)
    starts.advance(str(host.root))
    (host.bin / "away").touch()
    starts.launch_or_close(str(host.root), names[0])
    assert places(host) == {names[0]: 1}
    (host.bin / "away").unlink()
    assert starts.advance(str(host.root)) == [names[0]]


def test_a_first_start_that_broke_off_while_the_engine_went_away_waits_before_those_who_came_later(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks_off(*_: object) -> None:
        return

    first = host.run(9)
    with monkeypatch.context() as gone:
        gone.setattr(starts, "launch", breaks_off)
        host.admit(first)
    (second,) = host.queued(1)
    (host.bin / "away").touch()
    starts.launch_or_close(str(host.root), first)
    assert places(host) == {first: 1, second: 2}


def test_one_that_the_engine_refuses_at_its_turn_has_ended_with_the_reason(host: Host) -> None:
    (name,) = host.queued(1)
    host.refuse("run with-cache", "docker: no such image.")
    starts.advance(str(host.root))
    starts.launch_or_close(str(host.root), name)
    outcome = judge(Tally(), None, docker_exit(host.ending(name)))
    assert outcome.ending is Ending.FAILED
    assert "no such image" in outcome.reason
    assert "doctor" in outcome.remedy
    assert not host.may_use_the_gateway(name)
    assert starts.places(str(host.root)) == {}


def test_where_a_container_of_the_name_is_there_it_is_left_alone_and_looked_at_again(host: Host) -> None:
    (name,) = host.queued(1)
    host.refuse("run with-cache", f'The container name "/{name}" is already in use by container "f00".')
    starts.advance(str(host.root))
    starts.launch_or_close(str(host.root), name)
    assert host.asked == ["run with-cache"]
    assert starts.is_starting(str(host.root), name)


def test_where_the_engine_refuses_the_shared_cache_it_goes_without(host: Host) -> None:
    name = host.run(1)
    host.refuse("run with-cache", "cannot mount")
    done = host.admit(name, RUN, ALONE)
    assert (done["exit_code"], done["declined"]) == (0, "cannot mount\n")
    assert host.asked == ["run with-cache", f"rm --force --volumes {name}", "run alone"]


def test_a_first_start_that_is_refused_is_told_and_not_tried_again(host: Host) -> None:
    name = host.run(1)
    host.refuse("run *", "no")
    assert host.admit(name)["exit_code"] == 125
    assert not starts.is_starting(str(host.root), name)
    starts.launch_or_close(str(host.root), name)
    assert host.asked.count("run with-cache") == 1


def test_one_that_is_withdrawn_has_ended_and_those_behind_move_up(host: Host) -> None:
    names = host.queued(1, 2, 3)
    assert starts.withdraw(str(host.root), {"name": names[1]}) == {"withdrawn": [names[1]]}
    assert places(host) == {names[0]: 1, names[2]: 2}
    outcome = judge(Tally(), None, docker_exit(host.ending(names[1])))
    assert (outcome.ending, outcome.reason) == (Ending.STOPPED, "Stopped before it started.")
    assert [host.may_use_the_gateway(name) for name in names] == [True, False, True]
    assert starts.withdraw(str(host.root), {"name": names[1]}) == {"withdrawn": []}


def test_all_can_be_withdrawn_at_once(host: Host) -> None:
    names = host.queued(1, 2)
    assert starts.withdraw(str(host.root), {}) == {"withdrawn": names}
    assert starts.places(str(host.root)) == {}


def test_who_stops_one_that_is_being_started_waits_until_there_is_something_to_stop(host: Host) -> None:
    (name,) = host.queued(1)
    starts.advance(str(host.root))
    begun = time.monotonic()
    timer = threading.Timer(0.3, starts.settle, (str(host.root), name))
    timer.start()
    assert starts.withdraw(str(host.root), {"name": name}) == {"withdrawn": []}
    assert time.monotonic() - begun >= 0.3
    timer.join()


def test_who_stops_one_whose_start_takes_too_long_is_not_told_that_it_was_stopped(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    (name,) = host.queued(1)
    starts.advance(str(host.root))
    monkeypatch.setattr(starts, "_STOPPABLE_S", 0.1)
    with pytest.raises(Refused, match="is being started still"):
        starts.withdraw(str(host.root), {"name": name})


def test_a_withdrawal_and_a_start_decide_under_one_lock(host: Host) -> None:
    (name,) = host.queued(1)
    found: list[list[str]] = []
    with workspaces.one_at_a_time(str(host.root)):
        threads = [
            threading.Thread(target=lambda: found.append(starts.withdraw(str(host.root), {})["withdrawn"])),
            threading.Thread(target=lambda: found.append(starts.advance(str(host.root)))),
        ]
        for thread in threads:
            thread.start()
        assert places(host) == {name: 1}
    for thread in threads:
        thread.join()
    assert sorted(found) == [[], [name]]


def test_the_room_there_is_can_be_asked_for(host: Host) -> None:
    host.queued(1)
    assert starts.room(str(host.root), {"ceiling": 2}) == {
        "room": 2,
        "why": "another agent's end (2 of at most 2 run)",
        "queued": 1,
    }
