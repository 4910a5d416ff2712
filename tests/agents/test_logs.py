"""The bot's log: a JSON object a line, readable on a terminal, never with a secret."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import Any

SECRET = "sk-ant-secret-0123456789abcdef"
PROGRAM = f"""
import asyncio, logging, warnings
import structlog
from pydantic import SecretStr
from agents import logs
from vps.mask import Mask

class Thing:
    def __repr__(self): return "<{SECRET}>"

logs.configure("info", Mask([SecretStr("{SECRET}")]))
log = structlog.get_logger()

async def feed(name):
    structlog.contextvars.bind_contextvars(run=name)
    await asyncio.gather(asyncio.create_task(log.ainfo("shown", number=1)), asyncio.create_task(log.ainfo("read")))

async def main():
    await asyncio.gather(asyncio.create_task(feed("one")), asyncio.create_task(feed("two")))
    await log.ainfo("nobody's")

asyncio.run(main())
log.debug("not to be seen")
log.info("object", thing=Thing(), text="a {SECRET} b", umlaut="ä")
try:
    raise ValueError("{SECRET}")
except ValueError:
    log.exception("failed")
logging.getLogger("discord.client").warning("theirs: %s", "{SECRET}")
logging.getLogger("asyncssh").info("every command of a session")
warnings.warn("old", stacklevel=1)
log.info("not ours", text="\\n" + "gh" + "p_" + "aB3d" * 9 + "\\n")
raise RuntimeError("{SECRET}")
"""


def test_every_line_is_json_with_its_run_its_level_and_its_time() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=False, timeout=60)
    assert done.returncode == 1
    lines: list[dict[str, Any]] = [json.loads(line) for line in done.stderr.splitlines()]
    assert all({"event", "level", "timestamp"} <= set(line) for line in lines)
    told = {(line["event"], line.get("run")) for line in lines if line["event"] in ("shown", "read", "nobody's")}
    assert told == {("shown", "one"), ("read", "one"), ("shown", "two"), ("read", "two"), ("nobody's", None)}
    by_event = {line["event"]: line for line in lines}
    assert by_event["object"]["umlaut"] == "ä"
    assert "ValueError: [masked]" in by_event["failed"]["exception"]
    assert by_event["theirs: [masked]"] | {"timestamp": ""} == {
        "event": "theirs: [masked]", "logger": "discord.client", "level": "warning", "timestamp": "",
    }  # fmt: skip
    assert by_event["not ours"]["text"] == "\n[masked github token]\n"
    assert "RuntimeError: [masked]" in by_event["ended by an error"]["exception"]
    assert any(line.get("logger") == "py.warnings" for line in lines)
    assert "not to be seen" not in by_event
    assert "every command of a session" not in by_event
    assert SECRET.encode() not in done.stderr
    assert done.stdout == b""


def test_a_terminal_gets_lines_for_people() -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stderr=theirs) as process:
        os.close(theirs)
        seen = b"".join(iter(lambda: _read(ours), b""))
        assert process.wait(60) == 1
    os.close(ours)
    assert b"nobody's" in seen
    assert b'{"' not in seen
    assert b"[masked]" in seen
    assert SECRET.encode() not in seen


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the other end was closed
        return b""
