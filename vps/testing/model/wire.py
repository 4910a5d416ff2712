"""Encodes a `Reply` the way the Messages API sends it: as one JSON message or as server-sent events.

The order of events is that of https://docs.anthropic.com/en/docs/build-with-claude/streaming.
"""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vps.testing.model.reply import Block, Fault, Reply, Text, Thinking

Json = dict[str, Any]

_DELTA_CHARS = 40
_MAX_DELTAS = 50
_SIGNATURE = "c2NyaXB0ZWQ="


def new_id(prefix: str) -> str:
    """A fresh identifier in the API's form, such as `msg_01…`."""
    return f"{prefix}_01{secrets.token_hex(11)}"


def tokens(text: str) -> int:
    """A rough count, at four characters per token; never zero."""
    return len(text) // 4 + 1


@dataclass(frozen=True)
class Prompt:
    """What was asked, as far as the answer repeats it: the model, and tokens counted anew and read from the cache."""

    model: str
    fresh_tokens: int
    cached_tokens: int


def message(reply: Reply, prompt: Prompt) -> Json:
    """The answer to a request without `stream`."""
    return {
        **_envelope(prompt),
        "content": [_whole(block) for block in reply.blocks],
        **_stop(reply),
        "usage": _usage(prompt, _output_tokens(reply)),
    }


def events(reply: Reply, prompt: Prompt) -> Iterator[Json]:
    """The events of a complete stream, `message_start` to `message_stop`."""
    yield {"type": "message_start", "message": _envelope(prompt)}
    yield {"type": "ping"}
    for index, block in enumerate(reply.blocks):
        yield {"type": "content_block_start", "index": index, "content_block": _opening(block)}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {"type": "message_delta", "delta": _stop(reply), "usage": {"output_tokens": _output_tokens(reply)}}
    yield {"type": "message_stop"}


def sse(event: Json) -> bytes:
    """One server-sent event."""
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def error(fault: Fault) -> Json:
    """The error envelope, as a body or as the `error` event of a stream."""
    return {"type": "error", "error": {"type": fault.type, "message": fault.message}, "request_id": new_id("req")}


def _envelope(prompt: Prompt) -> Json:
    return {
        "id": new_id("msg"),
        "type": "message",
        "role": "assistant",
        "model": prompt.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _usage(prompt, 1),
    }


def _usage(prompt: Prompt, output_tokens: int) -> Json:
    return {
        "input_tokens": prompt.fresh_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": prompt.cached_tokens,
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }


def _stop(reply: Reply) -> Json:
    stop: Json = {"stop_reason": reply.stopped_for, "stop_sequence": None}
    if reply.explanation is not None:
        stop["stop_details"] = {"type": reply.stopped_for, "category": None, "explanation": reply.explanation}
    return stop


def _output_tokens(reply: Reply) -> int:
    return sum(tokens(_streamed(block)) for block in reply.blocks)


def _opening(block: Block) -> Json:
    if isinstance(block, Text):
        return {"type": "text", "text": ""}
    if isinstance(block, Thinking):
        return {"type": "thinking", "thinking": "", "signature": ""}
    return {"type": "tool_use", "id": new_id("toolu"), "name": block.name, "input": {}}


def _whole(block: Block) -> Json:
    if isinstance(block, Text):
        return {"type": "text", "text": block.text}
    if isinstance(block, Thinking):
        return {"type": "thinking", "thinking": block.text, "signature": _SIGNATURE}
    return {**_opening(block), "input": dict(block.input)}


def _deltas(block: Block) -> Iterator[Json]:
    kind, key = _delta_names(block)
    for piece in _pieces(_streamed(block)):
        yield {"type": kind, key: piece}
    if isinstance(block, Thinking):
        yield {"type": "signature_delta", "signature": _SIGNATURE}


def _delta_names(block: Block) -> tuple[str, str]:
    if isinstance(block, Text):
        return "text_delta", "text"
    if isinstance(block, Thinking):
        return "thinking_delta", "thinking"
    return "input_json_delta", "partial_json"


def _streamed(block: Block) -> str:
    return block.text if isinstance(block, Text | Thinking) else json.dumps(dict(block.input))


def _pieces(text: str) -> Iterator[str]:
    size = max(_DELTA_CHARS, -(-len(text) // _MAX_DELTAS))
    return (text[start : start + size] for start in range(0, len(text), size))
