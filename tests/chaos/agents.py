"""Agents that write a numbered script into real run directories: as many as wanted, without a container each."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import random
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from vps.models import Origin, RunRecord, new_name

_FAR = 4_000_000_000
"""The keeper takes a run directory of that time for one whose container is on its way, and leaves its end to us."""
_LINE = re.compile(r"line (\d{6})\b")
_SHELL = Origin(caller="operator:chaos", caller_name="chaos", surface="cli")


class ScriptedAgent:
    """A run that says `line 000001`, `line 000002`, … into its log, a few a second, and ends well."""

    def __init__(
        self,
        root: Path,
        number: int,
        lines: int,
        pause_s: float,
        chance: random.Random,
        origin: Origin = _SHELL,
    ) -> None:
        self.lines = lines
        self._origin = origin
        self.written = 0
        self.written_at = list[float]()
        """Of each line, epoch seconds."""
        self._pause_s = pause_s
        self._chance = chance
        self._directory = root / "runs" / new_name(round(time.time() * 1000) + number)
        self._log = self._directory / "out" / "out.jsonl"
        self._inbox = self._directory / "in" / "inbox.jsonl"
        self._number = number

    @property
    def name(self) -> str:
        return self._directory.name

    @property
    def task(self) -> str:
        return f"count, number {self._number}"

    def prepare(self) -> None:
        """Make the run directory as the host makes it: whole or not at all."""
        building = self._directory.with_name(self.name + ".new")
        for part in ("in", "key", "out"):
            (building / part).mkdir(parents=True)
        record = RunRecord(name=self.name, task=self.task, workspace="/w", origin=self._origin, created_at=time.time())
        (building / "run.json").write_text(record.model_dump_json())
        for empty in ("out/err.log", "in/inbox.jsonl"):
            (building / empty).touch()
        (building / "out" / "out.jsonl").touch()
        os.utime(building, (_FAR, _FAR))
        building.rename(self._directory)

    async def run(self) -> None:
        """Write all of it, in bursts, and then the end."""
        with self._log.open("ab", buffering=0) as log, self._inbox.open("rb") as inbox:
            for record in self._records():
                for each in (*_taken(inbox), record):
                    data = json.dumps(each).encode() + b"\n"
                    # A reader must not mind where a line is torn.
                    cut = self._chance.randrange(len(data))
                    log.write(data[:cut])
                    if self._chance.random() < 0.1:
                        await asyncio.sleep(0)
                    log.write(data[cut:])
                if self.written > len(self.written_at):
                    self.written_at.append(time.time())
                await asyncio.sleep(self._pause_s * self._chance.expovariate(1.0))
            # As the supervisor does: what was appended before is taken, and nothing is from then on.
            fcntl.flock(inbox, fcntl.LOCK_EX)
            log.writelines(json.dumps(each).encode() + b"\n" for each in _taken(inbox))
            self._end()

    def inbox(self) -> list[str]:
        """What was said to it."""
        return [json.loads(line)["message"]["content"] for line in self._inbox.read_bytes().splitlines()]

    def _records(self) -> Iterator[dict[str, object]]:
        yield {"type": "agentflow", "subtype": "started", "at": time.time()}
        yield {"type": "system", "subtype": "init", "session_id": "s", "model": "scripted", "cwd": "/w", "tools": []}
        for number in range(1, self.lines + 1):
            self.written = number
            text = f"line {number:06} " + "word " * self._chance.randrange(60)
            yield _assistant(number, {"type": "text", "text": text})
            if self._chance.random() < 0.2:
                use = {"type": "tool_use", "id": f"t{number}", "name": "Bash", "input": {"command": f"echo {number}"}}
                yield _assistant(number, use)
                yield _user({"type": "tool_result", "tool_use_id": f"t{number}", "content": "ok", "is_error": False})
        yield {
            "type": "result",
            "subtype": "success",
            "is_error": False,
            "result": "",
            "num_turns": 1,
            "total_cost_usd": 0.1,
        }

    def _end(self) -> None:
        ended = {"reason": "completed", "exit_code": 0, "started_at": 0, "ended_at": time.time()}
        (self._directory / "out" / "exit.json").write_text(json.dumps(ended))
        temporary = self._directory / "docker.json.tmp"
        temporary.write_text(json.dumps({"state": "exited", "exit_code": 0}))
        temporary.rename(self._directory / "docker.json")


def _taken(inbox: IO[bytes]) -> Iterator[dict[str, object]]:
    """The messages that came meanwhile, as the CLI says that it takes them."""
    while line := inbox.readline():
        if not line.endswith(b"\n"):
            inbox.seek(-len(line), os.SEEK_CUR)
            return
        yield {**json.loads(line), "isReplay": True}


def _assistant(number: int, block: Mapping[str, object]) -> dict[str, object]:
    message = {"id": f"m{number}", "model": "scripted", "role": "assistant", "content": [block]}
    return {"type": "assistant", "message": message, "parent_tool_use_id": None}


def _user(block: Mapping[str, object]) -> dict[str, object]:
    return {"type": "user", "message": {"role": "user", "content": [block]}, "parent_tool_use_id": None}


def numbers(text: str) -> list[int]:
    """The lines of the script that a text holds, in its order."""
    return [int(number) for number in _LINE.findall(text)]
