"""The relay process where its surroundings are against it: nobody reads it, or the kernel has no inotify left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

NAME = "claude-agent-1790000000000-abc123"
REMOTE = Path(__file__).parents[3] / "vps" / "remote.py"
BOUND_S = 60.0


@contextmanager
def started(root: Path, *before: str) -> Generator[subprocess.Popen[bytes]]:
    argv = [*before, sys.executable, str(REMOTE), "relay", str(root)]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


def tell(process: subprocess.Popen[bytes], **order: Any) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(order).encode() + b"\n")
    process.stdin.flush()


def frames(process: subprocess.Popen[bytes]) -> Iterator[tuple[dict[str, Any], bytes]]:
    stdout: IO[bytes] | None = process.stdout
    assert stdout is not None
    for line in stdout:
        head = json.loads(line)
        yield head, stdout.read(head["size"]) if head["t"] in ("data", "answer") else b""


def a_run(root: Path) -> Path:
    log = root / "runs" / NAME / "out" / "out.jsonl"
    log.parent.mkdir(parents=True)
    log.touch()
    return log


def test_a_relay_that_nobody_reads_still_ends_with_its_connection(tmp_path: Path) -> None:
    a_run(tmp_path).write_bytes(b"x" * (32 << 20))
    with started(tmp_path) as process:
        tell(process, op="follow", run=NAME, offset=0)
        for number in range(20):
            tell(process, op="ask", id=number, verb="describe", request={"name": NAME, "tail": 1 << 20})
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(BOUND_S) == 0


def test_what_waited_for_a_slow_reader_comes_whole_and_in_order(tmp_path: Path) -> None:
    data = os.urandom(24 << 20)
    a_run(tmp_path).write_bytes(data)
    with started(tmp_path) as process:
        tell(process, op="follow", run=NAME, offset=0)
        seen = b""
        for head, body in frames(process):
            if head["t"] == "data":
                assert head["offset"] == len(seen)
                seen += body
            if len(seen) == len(data):
                break
        assert seen == data


def test_without_inotify_logs_are_followed_and_new_runs_announced(tmp_path: Path) -> None:
    limit = 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"'
    with started(tmp_path, "unshare", "--user", "--map-root-user", "sh", "-c", limit, "sh") as process:
        seen = frames(process)
        assert next(seen)[0]["t"] == "hello"
        log = a_run(tmp_path)
        assert next(seen)[0] == {"t": "run", "run": NAME}
        tell(process, op="follow", run=NAME, offset=0)
        log.write_bytes(b"line\n")
        assert next(seen)[1] == b"line\n"


def test_a_name_that_is_no_runs_ends_nothing(tmp_path: Path) -> None:
    with started(tmp_path) as process:
        seen = frames(process)
        next(seen)
        tell(process, op="follow", run="../../etc", offset=0)
        assert next(seen)[0] == {"t": "fault", "run": "../../etc", "what": "missing"}
        tell(process, op="ping")
        assert next(seen)[0] == {"t": "pong"}
