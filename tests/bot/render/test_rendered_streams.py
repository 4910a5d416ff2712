"""Real streams of the CLI render within the limits; some of them as text to read.

Set AGENTFLOW_REGENERATE=1 to write the texts in tests/data/rendered anew.
"""

import os
from pathlib import Path

import pytest

from bot.render.blocks import FILES_LIMIT, TEXT_LIMIT, Block
from bot.render.text import blank, width
from bot.render.timeline import Timeline
from vps.events.framing import Framer
from vps.events.parse import parse
from vps.events.types import Line

DATA = Path(__file__).parents[2] / "data"
STREAMS = sorted(path.stem for path in (DATA / "claude-stream").glob("*.jsonl"))
RENDERED = (
    *("02_edit", "03_todo", "06_bash_fail", "08_unicode", "09c_529_repeated_r3", "15k_bg_task"),
    *("18f_oauth_429_limit", "24f_parallel_subagents"),
)


def log(name: str) -> list[Line]:
    framed = Framer().feed((DATA / "claude-stream" / f"{name}.jsonl").read_bytes())
    return [parse(*line) for line in framed]


def thread(name: str) -> list[Block]:
    timeline = Timeline("/workspace")
    for line in log(name):
        timeline.feed(line)
    timeline.finish()
    return timeline.blocks


def as_text(block: Block) -> str:
    files = "".join(f"\n[file {file.name}, {len(file.content)} bytes]" for file in block.files)
    return f"──── {block.kind}\n{block.text}{files}\n"


def test_there_are_streams() -> None:
    assert set(RENDERED) <= set(STREAMS)


@pytest.mark.parametrize("name", STREAMS)
def test_a_real_stream_renders_within_the_limits(name: str) -> None:
    for block in thread(name):
        assert not blank(block.text)
        assert width(block.text) <= TEXT_LIMIT
        assert block.text.count("```") % 2 == 0
        assert len(block.files) <= FILES_LIMIT
        assert block.sealed


@pytest.mark.parametrize("name", STREAMS)
def test_blocks_grow_as_the_stream_does_and_sealed_ones_stay(name: str) -> None:
    timeline = Timeline("/workspace")
    settled: dict[int, Block] = {}
    for line in log(name):
        timeline.feed(line)
        for block in timeline.blocks:
            assert settled.get(block.index, block) == block
            if block.sealed:
                settled[block.index] = block


@pytest.mark.parametrize("name", RENDERED)
def test_a_thread_reads_as_it_should(name: str) -> None:
    shown = "".join(map(as_text, thread(name)))
    expected = DATA / "rendered" / f"{name}.txt"
    if os.environ.get("AGENTFLOW_REGENERATE"):
        expected.parent.mkdir(exist_ok=True)
        expected.write_text(shown, encoding="utf-8")
    assert shown == expected.read_text(encoding="utf-8")
