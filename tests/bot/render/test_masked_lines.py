"""A key is masked before its text is cut into messages, shortened to a line or freed of colours."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from agents.tools.views import transcript
from bot.render.timeline import Timeline
from tests.vps.keys import KEYS, pem
from vps.events.parse import parse
from vps.mask import Mask
from vps.run import Container, run_of


def shown(*records: dict[str, Any]) -> str:
    """All text and files of the messages that a log of these lines makes."""
    timeline, mask, at = Timeline("/w"), Mask(), 0
    for record in records:
        raw = json.dumps(record).encode()
        timeline.feed(parse(at, at + len(raw) + 1, mask.line(raw)))
        at += len(raw) + 1
    timeline.finish()
    return "\n".join(str((block.text, *(file.content.decode() for file in block.files))) for block in timeline.blocks)


def said(text: str) -> dict[str, Any]:
    return {"type": "assistant", "message": {"id": "m", "content": [{"type": "text", "text": text}]}}


def called(command: str) -> dict[str, Any]:
    use = {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": command}}
    return {"type": "assistant", "message": {"id": "m", "content": [use]}}


def test_no_cut_leaves_a_part_of_a_key() -> None:
    (key,) = KEYS["pypi token"]
    for before in range(1700, 1900, 7):
        assert key[5:25] not in shown(said("x" * before + " " + key))
        assert key[-20:] not in shown(said("x" * before + " " + key))
    for before in range(0, 120, 5):
        assert key[5:15] not in shown(called("x" * before + " " + key))
    block = pem()
    for before in range(20, 32):
        text = shown(said("line\n" * before * 10 + block))
        assert not [line for line in block.split("\n")[1:-1] if line in text]


def test_a_key_that_colours_break_up_is_not_put_together_again() -> None:
    key = KEYS["github token"][0]
    result = {
        "type": "tool_result",
        "tool_use_id": "t",
        "is_error": True,
        "content": f"{key[:9]}\x1b[31m{key[9:]}\x1b[m",
    }
    text = shown(called("grep"), {"type": "user", "message": {"content": [result]}})

    assert "[masked github token]" in text
    assert key not in text


def test_the_last_lines_of_a_transcript_hold_no_rest_of_a_key() -> None:
    block, (key,) = pem(), KEYS["pypi token"]
    log = b"".join(json.dumps(said(text)).encode() + b"\n" for text in (f"It is\n{block}\nand that is all", "Bye."))
    item: dict[str, Any] = {
        "name": "claude-agent-1-abcdef",
        "run": None,
        "docker": None,
        "exit": None,
        "start": 0,
        "kept": [],
        "turns": 0,
        "log": base64.b64encode(log + f'{{"torn": "{key}'.encode()),
        "size": len(log),
        "errors": f"a\n{block}",
        "quiet_s": 0.0,
    }
    container = Container("1", "claude-agent-1-abcdef", "running", "", "", {})
    run = run_of(item, container, time.time(), Mask())

    secret = [*block.split("\n")[1:-1], key]
    for lines in range(1, 20):
        for raw in (False, True):
            assert not [each for each in secret if each in transcript(run, lines, raw=raw)]
    assert transcript(run, 4, raw=False) == "and that is all\nBye.\n[stderr] a\n[masked private key]"
    assert transcript(run, 1, raw=True) == '{"torn": "[masked pypi token]'
