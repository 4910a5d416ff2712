"""Each tool use is one line: what, on what, outcome."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.render.text import FENCE, width
from bot.render.tool_outcomes import OUTCOME
from bot.render.tool_subjects import SUBJECT, relative, subject
from bot.render.tools import ToolLine, finished, opened
from vps.events.types import Json, ToolResult, ToolUse

ROOT = "/opt/agentflow/workspaces/calc"


def use(name: str, **arguments: Any) -> ToolUse:
    return ToolUse("t1", name, arguments)


def done(tool: ToolUse, text: str = "", detail: Json | str | None = None) -> ToolLine:
    return finished(tool, ToolResult("t1", text, is_error=False, detail=detail), ROOT)


def failed(tool: ToolUse, text: str) -> ToolLine:
    return finished(tool, ToolResult("t1", text, is_error=True), ROOT)


def hunk(*lines: str) -> Json:
    return {"structuredPatch": [{"oldStart": 3, "oldLines": 2, "newStart": 3, "newLines": 2, "lines": list(lines)}]}


@pytest.mark.parametrize(
    ("tool", "line"),
    [
        (use("Bash", command="pytest -q"), "⏳ **Bash** `pytest -q`"),
        (use("Bash", command="cat <<E\nx\nE"), "⏳ **Bash** `cat <<E …`"),
        (use("Read", file_path=f"{ROOT}/src/a.py"), "⏳ **Read** `src/a.py`"),
        (use("Read", file_path="/etc/hosts"), "⏳ **Read** `/etc/hosts`"),
        (use("NotebookEdit", notebook_path=f"{ROOT}/n.ipynb"), "⏳ **NotebookEdit** `n.ipynb`"),
        (use("Grep", pattern="def add", path="src"), "⏳ **Grep** `def add in src`"),
        (use("Glob", pattern="**/*.py"), "⏳ **Glob** `**/*.py`"),
        (use("WebFetch", url="https://docs.python.org/3/?q=1", prompt="x"), "⏳ **WebFetch** `docs.python.org/3`"),
        (use("WebFetch", url="http://[bad"), "⏳ **WebFetch** `http://[bad`"),
        (use("WebSearch", query="pep 8"), "⏳ **WebSearch** `pep 8`"),
        (use("Agent", description="Look", subagent_type="Explore"), "⏳ **Agent** `Look (Explore)`"),
        (use("Task", description="Look", subagent_type="general-purpose"), "⏳ **Agent** `Look`"),
        (use("Skill", skill="verify"), "⏳ **Skill** `verify`"),
        (use("mcp__git_hub__list_prs", repo="a/b", limit=3), "⏳ **git-hub · list-prs** `a/b, 3`"),
        (use("Brand_New", a="x", b=[1], c=2), "⏳ **Brand-New** `x, 2`"),
        (use("**@everyone**"), "⏳ **@\u200beveryone**".replace("@\u200b", "")),
        (use("Bash"), "⏳ **Bash**"),
        (use("Read", file_path=7), "⏳ **Read**"),
    ],
)
def test_an_open_tool_says_what_it_works_on(tool: ToolUse, line: str) -> None:
    assert opened(tool, ROOT).text == line


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (
            done(
                use("Bash", command="pytest -q"), "", {"stdout": "..\n\x1b[32m2 passed\x1b[0m in 0.1s\n", "stderr": ""}
            ),
            "✅ **Bash** `pytest -q` · `2 passed in 0.1s`",
        ),
        (done(use("Bash", command="true"), "(no output)", {"stdout": "", "stderr": ""}), "✅ **Bash** `true`"),
        (
            done(use("Bash", command="srv"), "Running", {"backgroundTaskId": "b1"}),
            "⏳ **Bash** `srv` · in background",
        ),
        (
            done(use("Read", file_path="a"), "x", {"file": {"numLines": 6, "startLine": 1, "totalLines": 6}}),
            "✅ **Read** `a` · 6 lines",
        ),
        (
            done(use("Read", file_path="a"), "x", {"file": {"numLines": 10, "startLine": 5, "totalLines": 60}}),
            "✅ **Read** `a` · lines 5–14 of 60",
        ),
        (done(use("Read", file_path="a.png"), "", {"type": "image"}), "✅ **Read** `a.png` · image"),
        (done(use("Glob", pattern="*"), "a\nb", {"numFiles": 2}), "✅ **Glob** `*` · 2 files"),
        (done(use("Grep", pattern="x"), "a:1:x"), "✅ **Grep** `x` · 1 line"),
        (
            done(use("Agent", description="Look"), "r", {"totalToolUseCount": 1, "totalDurationMs": 1447}),
            "✅ **Agent** `Look` · 1 tool use · 1.4 s",
        ),
        (done(use("WebFetch", url="http://x"), "", {"code": 200, "bytes": 4096}), "✅ **WebFetch** `x` · 200 · 4 KB"),
        (done(use("mcp__e__echo", text="hi"), "echo: hi"), "✅ **e · echo** `hi` · `echo: hi`"),
        (done(use("Write", file_path="e"), "", {"type": "create", "content": ""}), "✅ **Write** `e` · new, empty"),
        (
            done(use("AskUserQuestion", questions=[{"question": "Which DB?"}]), "", {"answers": {"Which DB?": "pg"}}),
            "✅ **AskUserQuestion** `Which DB?` · `pg`",
        ),
        (failed(use("Read", file_path="a"), "Error: File does not exist."), "❌ **Read** `a` · `File does not exist.`"),
        (failed(use("Edit", file_path="a"), "<tool_use_error>No.</tool_use_error>"), "❌ **Edit** `a` · `No.`"),
        (failed(use("Bash", command="x"), ""), "❌ **Bash** `x` · failed"),
        (
            failed(use("Bash", command="x"), "The user doesn't want to proceed with this tool use."),
            "⏹️ **Bash** `x` · stopped",
        ),
    ],
)
def test_a_finished_tool_says_how_it_went(line: ToolLine, text: str) -> None:
    assert line.text == text
    assert line.detail is None


def test_a_failed_command_shows_its_code_and_the_end_of_its_output() -> None:
    line = failed(use("Bash", command="pytest"), "Exit code 1\n" + "\n".join(f"line {n}" for n in range(30)))
    assert line.text == "❌ **Bash** `pytest` · exit 1"
    assert line.detail is not None
    assert line.detail.block == fence_of("\n".join(f"line {n}" for n in range(22, 30)))
    assert not line.detail.attach


def fence_of(text: str, language: str = "") -> str:
    return f"{FENCE}{language}\n{text}\n{FENCE}"


def test_a_long_failure_is_also_attached_whole() -> None:
    output = "\n".join(f"{n} {'x' * 90}" for n in range(40))
    line = failed(use("Bash", command="make"), f"Exit code 2\n{output}")
    assert line.detail is not None
    assert line.detail.attach
    assert line.detail.file.name == "bash-output.txt"
    assert line.detail.file.content.decode() == output


def test_a_short_edit_shows_its_diff() -> None:
    line = done(use("Edit", file_path=f"{ROOT}/calc.py"), "ok", hunk(" x", "-a", "+b", "+c"))
    assert line.text == "✅ **Edit** `calc.py` · +2 −1"
    assert line.detail is not None
    assert line.detail.block == fence_of("@@ -3,2 +3,2 @@\n x\n-a\n+b\n+c", "diff")
    assert not line.detail.attach


def test_a_new_file_is_shown_as_added_lines() -> None:
    line = done(use("Write", file_path="t.py"), "", {"type": "create", "content": "a\n\nb\n", "structuredPatch": []})
    assert line.text == "✅ **Write** `t.py` · new, 3 lines"
    assert line.detail is not None
    assert line.detail.block == fence_of("+a\n+\n+b", "diff")


def test_a_long_diff_is_a_file() -> None:
    line = done(use("Edit", file_path=f"{ROOT}/src/my calc.py"), "ok", hunk(*(f"+{n}" for n in range(30))))
    assert line.text == "✅ **Edit** `src/my calc.py` · +30 −0"
    assert line.detail is not None
    assert line.detail.block == ""
    assert line.detail.attach
    assert line.detail.file.name == "my_calc.py.diff"
    assert line.detail.file.content.decode().count("\n+") == 30


def test_code_fences_in_a_diff_do_not_end_its_block() -> None:
    line = done(use("Edit", file_path="README.md"), "ok", hunk("+```sh", "+ls", "+```"))
    assert line.detail is not None
    assert line.detail.block.count(FENCE) == 2


def test_paths_are_relative_to_the_workspace_only_inside_it() -> None:
    assert relative(f"{ROOT}/a/b", ROOT + "/") == "a/b"
    assert relative(ROOT, ROOT) == "."
    assert relative(f"{ROOT}2/a", ROOT) == f"{ROOT}2/a"


def test_a_long_path_keeps_its_end() -> None:
    shown = subject(use("Read", file_path="/very" * 60 + "/name.py"), ROOT)
    assert shown.startswith("**Read** `…")
    assert shown.endswith("/name.py`")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        *("command", "file_path", "pattern", "url", "questions", "todos", "description", "subagent_type", "content"),
        *("structuredPatch", "file", "stdout", "answers", "type", "status", "numFiles", "totalDurationMs", "code"),
    ]
)
OBJECTS = st.dictionaries(FIELDS, JSON, max_size=5)
NAMES = st.sampled_from(
    [*("Bash", "Edit", "Write", "Read", "Grep", "WebFetch", "Agent", "AskUserQuestion", "mcp__a__b", "mcp__")]
) | st.text(max_size=80)


@given(NAMES, OBJECTS, st.text(max_size=3000), OBJECTS | st.text(max_size=50) | st.none(), st.booleans())
def test_whatever_a_tool_is_given_or_says_its_line_keeps_the_limits(
    name: str, arguments: Json, text: str, detail: Json | str | None, is_error: bool
) -> None:
    tool = ToolUse("t", name, arguments)
    start, end = opened(tool, ROOT), finished(tool, ToolResult("t", text, is_error, detail), ROOT)
    for line in (start, end):
        assert width(line.subject) <= SUBJECT
        assert width(line.outcome) <= OUTCOME
        assert "\n" not in line.text
        assert FENCE not in line.text
    assert width(end.text) <= width(start.text) + start.reserve + 1
    if end.detail is not None and end.detail.block:
        assert width(end.detail.block) <= 1400
        assert end.detail.block.count(FENCE) == 2
