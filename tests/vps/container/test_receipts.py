"""An idle CLI that was given a message is waited for, for a while."""

from __future__ import annotations

import json
import time

import pytest

from vps.commands.claude import user_message
from vps.container.receipts import Receipts

LINE = user_message("mind the gap", "u1").encode()
ECHO = json.dumps(
    {"type": "user", "message": {"role": "user", "content": []}, "uuid": "u1", "isReplay": True}, separators=(",", ":")
).encode()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_what_was_given_is_awaited_until_the_cli_says_it_took_it(clock: list[float]) -> None:
    receipts = Receipts()
    assert not receipts.are_due(idle=True)
    receipts.gave([LINE])
    clock[0] += 3600
    assert receipts.are_due(idle=False)
    assert receipts.are_due(idle=True)
    receipts.note(ECHO.replace(b"u1", b"u2"))
    receipts.note(ECHO.replace(b'"isReplay":true', b'"isReplay":false'))
    receipts.note(ECHO[:-1])
    assert receipts.are_due(idle=True)
    receipts.note(ECHO)
    assert not receipts.are_due(idle=True)


def test_an_idle_cli_that_never_says_so_does_not_keep_the_run_open(clock: list[float]) -> None:
    receipts = Receipts()
    receipts.gave([LINE])
    assert receipts.are_due(idle=True)
    clock[0] += 9
    assert receipts.are_due(idle=True)
    assert receipts.are_due(idle=False)
    clock[0] += 9
    assert receipts.are_due(idle=True)
    clock[0] += 11
    assert not receipts.are_due(idle=True)
