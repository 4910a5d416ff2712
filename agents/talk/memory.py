"""What a conversation remembers, purely: turns, each a list of messages of the Messages API that begins with a person's words.

What goes out always has a `tool_result` for each `tool_use`, which the API insists on, also after a turn that was broken off.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from agents.surfaces.options import sendable

Message = dict[str, Any]
Turn = list[Message]

RESULT = 12_000
"""Characters of a tool's result that the model reads."""
MOST = 160_000
"""Characters of a conversation that are kept, as JSON."""
_STUB = "[An old result, no longer kept.]"
_BROKEN_OFF = "It was broken off: it may have been done. Look before you do it again."
_STOPPED = "[This turn was broken off here.]"
_WORDLESS = "(no words)"
"""The API takes no empty text."""
_HEAD = 0.7


def said(text: str) -> Message:
    """A person's message."""
    return {"role": "user", "content": [{"type": "text", "text": text if text.strip() else _WORDLESS}]}


def result(call: str, text: str, *, error: bool = False) -> dict[str, Any]:
    """What came of a call of that id. Inside of JSON it cannot be taken for anything but data."""
    content = json.dumps({"error" if error else "result": cut(text, RESULT)}, ensure_ascii=False)
    return {"type": "tool_result", "tool_use_id": call, "content": content, **({"is_error": True} if error else {})}


def cut(text: str, most: int) -> str:
    """Its beginning and its end, where it is longer than that."""
    if len(text) <= most:
        return text
    head = round(most * _HEAD)
    return f"{text[:head]}\n[{len(text) - most} characters left out]\n{text[head - most :]}"


def calls(message: Message) -> list[str]:
    """The ids of the tool calls in a message."""
    return [block["id"] for block in message["content"] if block["type"] == "tool_use"]


def mended(turn: Turn) -> Turn:
    """One that may have been broken off anywhere, so that another can follow it."""
    found = [message for message in turn if message["content"]]
    for number in range(
        len(found) - 1, -1, -1
    ):  # from the end: what is put in between moves nothing that is still to come
        there = _answered(found[number + 1]) if number + 1 < len(found) else []
        missing = [result(each, _BROKEN_OFF, error=True) for each in calls(found[number]) if each not in there]
        if missing and there:
            found[number + 1] = {"role": "user", "content": [*found[number + 1]["content"], *missing]}
        elif missing:
            found.insert(number + 1, {"role": "user", "content": missing})
    if found and found[-1]["role"] == "user":
        found.append({"role": "assistant", "content": [{"type": "text", "text": _STOPPED}]})
    return found


def _answered(message: Message) -> list[str]:
    return [block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"]


def fitted(turns: Sequence[Turn], most: int = MOST) -> list[Turn]:
    """The last turns that have room together, whole ones; of the very last one old results go where even that is too long."""
    kept = list[Turn]()
    for turn in reversed(turns):
        if kept and _size([turn, *kept]) > most:
            break
        kept.insert(0, turn)
    return kept if _size(kept) <= most else [_shortened(kept[-1], most)] if kept else []


def _shortened(turn: Turn, most: int) -> Turn:
    turn = [{**message, "content": [dict(block) for block in message["content"]]} for message in turn]
    results = [block for message in turn for block in message["content"] if block["type"] == "tool_result"]
    for block in results[:-1]:
        if _size([turn]) <= most:
            break
        block["content"] = json.dumps({"result": _STUB})
    return turn


def outgoing(turns: Sequence[Turn]) -> list[Message]:
    """The messages of a request. What stands up to the last one is read from the cache by the next."""
    messages = [message for turn in turns for message in turn]
    *before, last = messages
    content = [*last["content"][:-1], {**last["content"][-1], "cache_control": {"type": "ephemeral"}}]
    return sendable([*before, {**last, "content": content}])


def _size(turns: Sequence[Turn]) -> int:
    return len(json.dumps(turns, ensure_ascii=False))
