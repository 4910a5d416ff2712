"""Whatever a log holds, its blocks keep the limits and are the same in every replay."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.render.blocks import FILES_LIMIT, TEXT_LIMIT, Block
from bot.render.text import blank, width
from bot.render.timeline import Timeline
from vps.events.types import (
    ApiRetry,
    Event,
    Init,
    Line,
    Malformed,
    RateLimit,
    Result,
    Supervisor,
    Task,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
)

IDS = st.sampled_from(["a", "b", "c", "d", "e"])
PARENTS = st.none() | IDS
NAMES = st.sampled_from(["Bash", "Edit", "Agent", "TaskCreate", "TodoWrite", "Read", "x"])
WORDS = st.text(max_size=60) | st.sampled_from(
    ["word " * 500, "```py\n" + "x\n" * 1500, "| a |\n|---|\n| b |", "y" * 9000]
)
INPUTS = st.fixed_dictionaries(
    {},
    optional={
        "command": WORDS,
        "file_path": st.just("/w/a.py"),
        "new_string": WORDS,
        "todos": st.lists(st.fixed_dictionaries({"content": WORDS, "status": st.just("pending")}), max_size=3),
    },
)
DETAILS = st.none() | st.sampled_from(
    [
        {"backgroundTaskId": "t"},
        {"structuredPatch": [{"lines": ["+" + "z" * 30] * 12}]},
        {"structuredPatch": [{"lines": ["+z"] * 40}]},
        {"task": {"id": "1", "subject": "A"}},
    ]
)
NUMBERS: st.SearchStrategy[Any] = st.sampled_from([10**400, -(10**4000), float("inf"), float("nan"), -1, 0.5])
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Text, WORDS, parent=PARENTS),
    st.builds(ToolUse, IDS, NAMES, INPUTS, PARENTS),
    st.builds(ToolUse, IDS, NAMES, INPUTS, PARENTS),
    st.builds(ToolResult, IDS, WORDS, st.booleans(), DETAILS),
    st.builds(ToolResult, IDS, WORDS, st.booleans(), DETAILS),
    st.builds(
        Task, st.sampled_from(["started", "updated"]), st.just("t"), status=st.just("failed"), tool_use_id=PARENTS
    ),
    st.builds(
        ApiRetry, st.integers(1, 9), st.just(10), st.floats(0, 9e4), st.none() | st.just(529), st.just("overloaded")
    ),
    st.builds(ApiRetry, NUMBERS, NUMBERS, NUMBERS, NUMBERS, WORDS),
    st.builds(RateLimit, st.just("rejected"), NUMBERS, WORDS, NUMBERS),
    st.builds(Result, st.just("success"), st.booleans(), WORDS),
    st.builds(Malformed, WORDS),
    st.builds(Thinking, st.just("")),
    st.just(Init("s", "m", "p", "/w", "v", "none")),
    st.builds(Supervisor, st.sampled_from(["timeout", "ended"]), st.just(1.0)),
)
LOGS = st.lists(st.lists(EVENTS, max_size=3).map(tuple), max_size=60).map(
    lambda logs: [Line(at, at + 1, events) for at, events in enumerate(logs)]
)


@given(LOGS)
def test_every_block_keeps_discords_limits(log: list[Line]) -> None:
    timeline = Timeline("/w")
    for line in log:
        timeline.feed(line)
        for block in timeline.blocks:
            assert not blank(block.text)
            assert width(block.text) <= TEXT_LIMIT
            assert block.text.count("```") % 2 == 0
            assert len(block.files) <= FILES_LIMIT
            assert 0 <= block.start < block.end <= line.end


@given(LOGS, st.sets(st.integers(0, 59)))
def test_a_sealed_block_never_changes_and_may_be_dropped_at_any_time(log: list[Line], drops: set[int]) -> None:
    whole, dropping = Timeline("/w"), Timeline("/w")
    settled: dict[int, Block] = {}
    dropped: list[Block] = []
    for at, line in enumerate(log):
        whole.feed(line)
        dropping.feed(line)
        for block in whole.blocks:
            assert settled.get(block.index, block) == block
            if block.sealed:
                settled[block.index] = block
        if at in drops:
            sealed = [block for block in dropping.blocks if block.sealed]
            dropping.drop({block.index for block in sealed})
            dropped += sealed
    assert sorted([*dropped, *dropping.blocks], key=lambda block: block.index) == whole.blocks
    assert [block.index for block in whole.blocks] == list(range(len(whole.blocks)))


@given(LOGS)
def test_finishing_seals_every_block(log: list[Line]) -> None:
    timeline = Timeline("/w")
    for line in log:
        timeline.feed(line)
    timeline.finish()
    assert all(block.sealed for block in timeline.blocks)
