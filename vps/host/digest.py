"""What a log says of its whole run, for whoever reads only its tail: its turns, and the last line of each kind that tells of it.

A log is an agent's: it is opened as a regular file only, a line that is no JSON counts for nothing, and what is kept is bounded.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from typing import Any

from vps.host import layout
from vps.host.files import open_regular

_PIECE = 1 << 20
_LONGEST = 1 << 20
"""Bytes of a line that is looked at; the rest is passed over. The CLI's longest in 1,031 captured events had 231,603."""
_ASSISTANT = b'{"type":"assistant"'
_ASKED, _ANSWERED = b'{"type": "agentflow", "subtype": "question"', b'{"type": "agentflow", "subtype": "answered"'
_LIVES = (b'{"type": "agentflow", "subtype": "started"', b'{"type": "agentflow", "subtype": "ended"')
_MOST_QUESTIONS = 30
_KEPT = (b'{"type":"system","subtype":"init"', b'{"type":"result"', b'{"type": "agentflow", "subtype": "started"')


class Digest:
    """One log's, as far as it was read: reading goes on where it stopped."""

    def __init__(self, inode: int) -> None:
        self.turns = 0
        self.kept: dict[bytes, tuple[int, int]] = {}
        """Where the last line of each kind begins, and its length."""
        self.questions: dict[str, tuple[int, int]] = {}
        """The same of the last questions: of one that is open its own line, else how it ended. Open ones end with the container."""
        self._open = set[str]()
        self._inode = inode
        self._begin = 0
        self._length = 0
        self._line = bytearray()
        self._answer = ""

    def read(self, descriptor: int) -> None:
        """Take in what was added since the last time."""
        while data := os.pread(descriptor, _PIECE, self._begin + self._length):
            *ends, rest = data.split(b"\n")
            for end in ends:
                self._hold(end)
                self._take(bytes(self._line))
                self._begin, self._length = self._begin + self._length + 1, 0
                self._line.clear()
            self._hold(rest)

    def is_of(self, status: os.stat_result) -> bool:
        """Whether this is the file that was read, and it did not become shorter."""
        return self._inode == status.st_ino and self._begin + self._length <= status.st_size

    def _hold(self, part: bytes) -> None:
        self._length += len(part)
        self._line += part[: _LONGEST - len(self._line)]

    def _take(self, line: bytes) -> None:
        if line.startswith(_ASSISTANT):
            self._count(line)
            return
        if line.startswith(_LIVES):
            self.questions = {each: place for each, place in self.questions.items() if each not in self._open}
            self._open.clear()
        elif line.startswith((_ASKED, _ANSWERED)) and self._length <= _LONGEST:
            self._keep(line)
        for kind in _KEPT:
            if line.startswith(kind) and self._length <= _LONGEST:
                self.kept[kind] = (self._begin, self._length)

    def _keep(self, line: bytes) -> None:
        try:
            asked = str(json.loads(line)["id"])
        except (ValueError, RecursionError, KeyError, TypeError):
            return
        self.questions.pop(asked, None)
        (self._open.add if line.startswith(_ASKED) else self._open.discard)(asked)
        self.questions[asked] = (self._begin, self._length)
        while len(self.questions) > _MOST_QUESTIONS:
            del self.questions[next(iter(self.questions))]

    def _count(self, line: bytes) -> None:
        """A turn is an API message of the main agent; the CLI writes each of its blocks as a line."""
        try:
            record = json.loads(line)
            message = record["message"]
            answer = "" if record.get("parent_tool_use_id") or message["model"] == "<synthetic>" else message["id"]
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
            return
        if isinstance(answer, str) and answer and answer != self._answer:
            self._answer = answer
            self.turns += 1


_known: dict[str, Digest] = {}
_reading = threading.Lock()


def of(root: str, name: str) -> dict[str, Any]:
    """`turns`, and `kept` lines with the offsets where they begin, of a run's whole log."""
    with _reading:
        try:
            descriptor = open_regular(os.path.join(layout.run(root, name), "out", "out.jsonl"))
        except OSError:
            return {"turns": 0, "kept": []}
        try:
            status = os.fstat(descriptor)
            digest = _known.get(name)
            if digest is None or not digest.is_of(status):
                digest = _known[name] = Digest(status.st_ino)
            digest.read(descriptor)
            found = [*digest.kept.values(), *digest.questions.values()]
            lines = [(begin, os.pread(descriptor, length, begin)) for begin, length in found]
        finally:
            os.close(descriptor)
        kept = [[begin, base64.b64encode(line).decode("ascii")] for begin, line in sorted(lines)]
        return {"turns": digest.turns, "kept": kept}
