"""A log becomes blocks, each one message, edited in place until it is sealed."""

from collections.abc import Iterable
from typing import Any

from bot.render.blocks import FILES_LIMIT, TEXT_LIMIT, Block
from bot.render.text import width
from bot.render.timeline import Timeline
from vps.events.types import (
    ApiRetry,
    Changes,
    Compacted,
    ControlResponse,
    Event,
    Hook,
    Init,
    Line,
    Malformed,
    ModelFallback,
    Partial,
    RateLimit,
    Refusal,
    Result,
    Status,
    Supervisor,
    Task,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Unknown,
    UserMessage,
)

INIT = Init("s", "opus", "bypassPermissions", "/w", "2.1.197", "none")


def lines(*events: Event) -> list[Line]:
    """One line of ten bytes per event."""
    return [Line(at * 10, at * 10 + 10, (event,)) for at, event in enumerate(events)]


def fed(*events: Event) -> Timeline:
    timeline = Timeline("/w")
    for line in lines(*events):
        timeline.feed(line)
    return timeline


def shown(blocks: Iterable[Block]) -> list[str]:
    return [block.text for block in blocks]


def bash(tool_id: str, command: str, parent: str | None = None) -> ToolUse:
    return ToolUse(tool_id, "Bash", {"command": command}, parent)


def ok(tool_id: str, text: str = "", detail: Any = None) -> ToolResult:
    return ToolResult(tool_id, text, is_error=False, detail=detail)


def result(text: str = "", *, is_error: bool = False) -> Result:
    return Result("success", is_error, text)


def edit(tool_id: str, size: int) -> list[Event]:
    """An edit of `size` added lines and its result."""
    added = "\n".join("x" * 40 for _ in range(size))
    patch = {
        "oldStart": 1,
        "oldLines": 0,
        "newStart": 1,
        "newLines": size,
        "lines": [f"+{line}" for line in added.split("\n")],
    }
    use = ToolUse(tool_id, "Edit", {"file_path": f"/w/{tool_id}.py", "old_string": "", "new_string": added})
    return [use, ok(tool_id, "", {"structuredPatch": [patch]})]


class TestWords:
    def test_each_text_is_a_sealed_block_of_its_line(self) -> None:
        assert fed(INIT, Text("Hello.")).blocks == [Block(0, 10, 20, "Hello.", "text", (), sealed=True)]

    def test_the_result_does_not_repeat_the_last_text(self) -> None:
        assert shown(fed(Text("Done."), result("Done.")).blocks) == ["Done."]

    def test_a_result_that_was_not_said_is_shown(self) -> None:
        assert shown(fed(Text("Hm."), result('{"ok":true}')).blocks) == ["Hm.", '{"ok":true}']
        assert [block.kind for block in fed(result("Unknown model", is_error=True)).blocks] == ["error"]

    def test_a_text_may_be_said_again_in_the_next_turn(self) -> None:
        assert shown(fed(Text("ok"), result("ok"), INIT, result("ok")).blocks) == ["ok", "ok"]

    def test_the_cli_speaking_for_the_agent_is_an_error(self) -> None:
        (block,) = fed(Text("API Error: no", error="server_error"), result("API Error: no", is_error=True)).blocks
        assert (block.kind, block.text) == ("error", "❌ API Error: no")

    def test_a_long_text_is_several_blocks_of_the_same_line(self) -> None:
        blocks = fed(Text("word " * 900)).blocks
        assert [block.index for block in blocks] == [0, 1, 2]
        assert {(block.start, block.end) for block in blocks} == {(0, 10)}
        assert all(width(block.text) <= TEXT_LIMIT for block in blocks)

    def test_a_very_long_text_is_a_file_with_its_beginning(self) -> None:
        text = "paragraph of words\n\n" * 2000
        (block,) = fed(Text(text)).blocks
        assert block.text.startswith("paragraph of words\n\nparagraph")
        assert width(block.text) < 1700
        assert [(file.name, file.content.decode()) for file in block.files] == [("answer.md", text)]

    def test_nothing_visible_makes_no_block(self) -> None:
        assert fed(Text(" \n\u200b"), Text("```\n```"), result("")).blocks == []

    def test_pings_are_defused(self) -> None:
        assert shown(fed(Text("@everyone \x1b[31mlook")).blocks) == ["@\u200beveryone look"]


class TestTools:
    def test_consecutive_tools_share_a_block_that_is_edited_in_place(self) -> None:
        timeline = fed(bash("1", "ls"), ok("1", "a.py"), bash("2", "pytest"))
        (block,) = timeline.blocks
        assert block.text == "✅ **Bash** `ls` · `a.py`\n⏳ **Bash** `pytest`"
        assert (block.start, block.end, block.sealed) == (0, 30, False)

    def test_words_end_a_block(self) -> None:
        blocks = fed(bash("1", "ls"), ok("1"), Text("So."), bash("2", "ls")).blocks
        assert shown(blocks) == ["✅ **Bash** `ls`", "So.", "⏳ **Bash** `ls`"]
        assert [block.sealed for block in blocks] == [True, True, False]

    def test_a_late_result_updates_its_own_block(self) -> None:
        events = (bash("1", "a"), bash("2", "b"), Text("meanwhile"), bash("3", "c"), ok("2"), ok("1"))
        before, after = fed(*events[:-1]).blocks, fed(*events).blocks
        assert before[0].text == "⏳ **Bash** `a`\n✅ **Bash** `b`"
        assert not before[0].sealed
        assert after[0].text == "✅ **Bash** `a`\n✅ **Bash** `b`"
        assert (after[0].end, after[0].sealed) == (60, True)

    def test_a_full_block_is_followed_by_another(self) -> None:
        events = [event for n in range(60) for event in (bash(str(n), f"echo {n} {'x' * 40}"), ok(str(n), "done"))]
        blocks = fed(*events).blocks
        assert len(blocks) > 2
        assert all(width(block.text) <= TEXT_LIMIT for block in blocks)
        assert sum(block.text.count("✅") for block in blocks) == 60
        assert [block.sealed for block in blocks] == [True] * (len(blocks) - 1) + [False]

    def test_diffs_stand_below_their_line(self) -> None:
        (block,) = fed(*edit("a", 2)).blocks
        assert block.text == "\n".join(
            ["✅ **Edit** `a.py` · +2 −0", "```diff", "@@ -1,0 +1,2 @@", *("+" + "x" * 40,) * 2, "```"]
        )
        assert block.files == ()

    def test_many_edits_keep_every_limit_and_lose_no_diff(self) -> None:
        blocks = fed(*(event for n in range(40) for event in edit(f"f{n}", n))).blocks
        assert all(width(block.text) <= TEXT_LIMIT and len(block.files) <= FILES_LIMIT for block in blocks)
        assert sum(block.text.count("```diff") + len(block.files) for block in blocks) == 40

    def test_parallel_failures_that_do_not_fit_become_files(self) -> None:
        uses = [bash(str(n), "x" * 30) for n in range(10)]
        ends = [ToolResult(str(n), "Exit code 1\n" + "y" * 400, is_error=True) for n in range(10)]
        blocks = fed(*uses, *ends).blocks
        assert all(width(block.text) <= TEXT_LIMIT for block in blocks)
        assert sum(block.text.count("exit 1") for block in blocks) == 10
        assert sum(block.text.count("```") // 2 + len(block.files) for block in blocks) == 10

    def test_a_turn_that_ends_leaves_no_tool_open(self) -> None:
        (block,) = fed(bash("1", "sleep 9"), result()).blocks
        assert (block.text, block.sealed) == ("⏹️ **Bash** `sleep 9` · no result", True)

    def test_a_background_command_stays_open_until_it_ends(self) -> None:
        events = (
            bash("1", "srv"),
            Task("started", "b", tool_use_id="1"),
            ok("1", "", {"backgroundTaskId": "b"}),
            result(),
            Task("updated", "b", status="completed"),
        )
        (before,), (after,) = fed(*events[:-1]).blocks, fed(*events).blocks
        assert (before.text, before.sealed) == ("⏳ **Bash** `srv` · in background", False)
        assert (after.text, after.sealed) == ("✅ **Bash** `srv` · finished", True)

    def test_a_result_without_its_use_is_ignored(self) -> None:
        assert fed(ok("nobody")).blocks == []


class TestSubagents:
    AGENT = ToolUse("A", "Agent", {"description": "Look"})

    def test_their_tools_and_words_stand_below_them(self) -> None:
        other = ToolUse("B", "Agent", {"description": "Find"})
        events = (self.AGENT, other, bash("1", "ls", "A"), bash("2", "pwd", "B"), Text("hm", parent="A"), ok("1"))
        assert shown(fed(*events).blocks) == [
            "⏳ **Agent** `Look`\n↳ ✅ **Bash** `ls`\n↳ 💬 hm\n⏳ **Agent** `Find`\n↳ ⏳ **Bash** `pwd`"
        ]

    def test_in_a_later_block_they_stand_below_a_heading(self) -> None:
        blocks = fed(self.AGENT, bash("1", "ls", "A"), Text("Meanwhile."), bash("2", "pwd", "A"), ok("2")).blocks
        assert blocks[2].text == "▸ **Agent** `Look`, continued\n↳ ✅ **Bash** `pwd`"

    def test_their_open_tools_end_with_them(self) -> None:
        (block,) = fed(self.AGENT, bash("1", "ls", "A"), ok("A")).blocks
        assert block.text == "✅ **Agent** `Look`\n↳ ⏹️ **Bash** `ls` · no result"

    def test_their_words_are_not_the_answer(self) -> None:
        assert shown(fed(self.AGENT, Text("x", parent="A"), ok("A"), result("x")).blocks)[-1] == "x"


class TestTodo:
    def create(self, task_id: str, subject: str) -> list[Event]:
        use = ToolUse(f"c{task_id}", "TaskCreate", {"subject": subject})
        return [use, ok(use.id, "", {"task": {"id": task_id, "subject": subject}})]

    def update(self, task_id: str, status: str) -> list[Event]:
        return [ToolUse("u", "TaskUpdate", {"taskId": task_id, "status": status}), ok("u", "", {"success": True})]

    def test_one_checklist_is_edited_in_place(self) -> None:
        events = [*self.create("1", "Read"), Text("Now."), *self.create("2", "Fix @everyone")]
        blocks = fed(*events, *self.update("1", "completed"), *self.update("2", "in_progress")).blocks
        assert [block.kind for block in blocks] == ["todo", "text"]
        assert blocks[0].text == "**To do** · 1 of 2 done\n☑️ Read\n▶️ **Fix @\u200beveryone**"
        assert (blocks[0].start, blocks[0].end) == (10, 90)

    def test_the_checklist_does_not_interrupt_the_tools(self) -> None:
        blocks = fed(bash("1", "a"), *self.create("1", "Read"), bash("2", "b")).blocks
        assert shown(blocks) == ["⏳ **Bash** `a`\n⏳ **Bash** `b`", "**To do** · 0 of 1 done\n⬜ Read"]

    def test_todo_write_replaces_the_list(self) -> None:
        todos = [{"content": "A", "status": "completed"}, {"content": "B", "status": "pending"}, "junk"]
        use = ToolUse("1", "TodoWrite", {"todos": todos})
        assert shown(fed(use, ok("1", "", {"newTodos": todos[:2]})).blocks) == ["**To do** · 1 of 2 done\n☑️ A\n⬜ B"]

    def test_a_list_that_is_done_is_followed_by_a_new_one(self) -> None:
        timeline = fed(*self.create("1", "A"), *self.update("1", "completed"), *self.create("2", "B"))
        assert [block.sealed for block in timeline.blocks] == [True, False]
        assert shown(timeline.blocks) == ["**To do** · 1 of 1 done\n☑️ A", "**To do** · 0 of 1 done\n⬜ B"]

    def test_task_list_corrects_the_list_and_deleted_tasks_go(self) -> None:
        tasks = [
            {"id": "1", "subject": "A", "status": "in_progress"},
            {"id": "7", "subject": "G", "status": "completed"},
        ]
        use = ToolUse("l", "TaskList", {})
        timeline = fed(*self.create("1", "A"), use, ok("l", "", {"tasks": tasks}), *self.update("1", "deleted"))
        assert shown(timeline.blocks) == ["**To do** · 1 of 1 done\n☑️ G"]

    def test_a_long_list_keeps_what_is_left_to_do(self) -> None:
        todos = [{"content": f"T{n} {'x' * 200}", "status": "completed" if n < 40 else "pending"} for n in range(50)]
        (block,) = fed(ToolUse("1", "TodoWrite", {"todos": todos}), ok("1")).blocks
        assert width(block.text) <= TEXT_LIMIT
        assert block.text.count("⬜") == 10
        assert block.text.endswith("… and 30 more")

    def test_a_failed_todo_tool_is_a_line(self) -> None:
        use = ToolUse("1", "TaskCreate", {"subject": "A"})
        assert shown(fed(use, ToolResult("1", "No.", is_error=True)).blocks) == ["❌ **TaskCreate** `A` · `No.`"]

    def test_a_subagents_own_list_is_not_shown(self) -> None:
        use = ToolUse("1", "TodoWrite", {"todos": [{"content": "A", "status": "pending"}]}, parent="A")
        assert fed(use, ok("1")).blocks == []


class TestNotices:
    def test_retries_are_one_line_edited_in_place(self) -> None:
        events = (ApiRetry(1, 10, 550.0, 529, "overloaded"), ApiRetry(2, 10, 4012.3, 529, "overloaded"))
        (waiting,) = fed(*events).blocks
        assert (waiting.text, waiting.sealed) == ("🔁 API overloaded (529), retry 2/10 in 4.0 s", False)
        over, words = fed(*events, Text("Hi.")).blocks
        assert (over.text, over.sealed, over.end) == ("🔁 API overloaded (529), retried 2 times", True, 30)
        assert words.text == "Hi."

    def test_an_unreachable_api_has_no_status(self) -> None:
        assert shown(fed(ApiRetry(1, 10, 500, None, "unknown")).blocks) == [
            "🔁 API not reachable, retry 1/10 in 500 ms"
        ]

    def test_the_limit_shows_its_reset_once(self) -> None:
        near = RateLimit("allowed_warning", 1795300000, "five_hour", 0.82)
        blocks = fed(near, near, RateLimit("rejected", 1795300000, "five_hour", None)).blocks
        assert shown(blocks) == [
            "⚠️ 5-hour usage limit near · 82% used · resets <t:1795300000:R>",
            "⛔ 5-hour usage limit reached · resets <t:1795300000:R>",
        ]
        assert fed(RateLimit("allowed", 1795300000, "five_hour", None)).blocks == []

    def test_model_changes_refusals_and_compaction_are_told(self) -> None:
        events = (ModelFallback("opus", "haiku", "Busy."), Refusal("cyber", None, ""), Compacted("auto"))
        blocks = fed(*events).blocks
        assert shown(blocks) == [
            "↪️ Model `opus` → `haiku` · Busy.",
            "🚫 The model declined · cyber",
            "🗜️ Conversation compacted (auto)",
        ]
        assert [block.kind for block in blocks] == ["notice", "error", "notice"]

    def test_unreadable_lines_are_counted(self) -> None:
        (block,) = fed(Malformed("{bad"), Malformed("{wor`se")).blocks
        assert block.text == "⚠️ 2 lines of the log could not be read: `` {wor`se ``"

    def test_the_supervisor_tells_of_time_stops_and_the_disk(self) -> None:
        events = (
            Supervisor("timeout", 1.0),
            Supervisor("stopping", 2.0),
            Supervisor("bad_input", 3.0, detail="no JSON"),
            Supervisor("disk_low", 4.0, detail="17.0 GiB of 20.0 GiB"),
        )
        assert shown(fed(*events).blocks) == [
            "⏱️ The time is up, the agent is being interrupted",
            "⏹️ Stopping",
            "⚠️ A message could not be delivered: no JSON",
            "⚠️ It has added 17.0 GiB of 20.0 GiB to the disk. Beyond that it is ended",
        ]

    def test_an_interruption_is_told(self) -> None:
        assert shown(fed(UserMessage("[Request interrupted by user]")).blocks) == ["⏹️ Interrupted"]

    def test_the_rest_is_not_shown(self) -> None:
        silent = (
            *(INIT, Thinking("hm"), Status("requesting"), Hook("hook_started", "x", "Stop"), Unknown("new")),
            *(Partial({}), ControlResponse("r", ok=True), UserMessage("hi", is_replay=True), UserMessage("prompt")),
            *(UserMessage("nudge", is_synthetic=True), Supervisor("started", 1.0), Supervisor("turn_started", 1.0)),
            Supervisor("ended", 2.0, "completed", 0, changes=Changes("", 0, 0, 0)),
        )
        assert fed(*silent).blocks == []


class TestSealing:
    EVENTS = (Text("a"), bash("1", "x"), Text("b"), bash("2", "y"), ok("2"), Text("c"))

    def test_dropped_blocks_are_gone_and_the_others_keep_their_index(self) -> None:
        timeline = fed(*self.EVENTS)
        timeline.drop({0, 1, 2, 3, 4})
        assert [block.index for block in timeline.blocks] == [1]
        timeline.feed(Line(60, 70, (ok("1"), Text("d"))))
        assert [(block.index, block.text) for block in timeline.blocks] == [(1, "✅ **Bash** `x`"), (5, "d")]

    def test_the_end_of_the_process_seals_everything(self) -> None:
        use = ToolUse("t", "TodoWrite", {"todos": [{"content": "A", "status": "pending"}]})
        ending = Supervisor("ended", 1.0, "stopped", 143)
        assert all(block.sealed for block in fed(use, ok("t"), bash("1", "x"), ending).blocks)
        timeline = fed(use, ok("t"), bash("1", "x"))
        timeline.finish()
        assert all(block.sealed for block in timeline.blocks)


class TestLastAction:
    def test_it_follows_thoughts_and_tools(self) -> None:
        assert fed(Thinking("hm")).last_action == "thinking…"
        assert fed(Thinking("hm"), bash("1", "ls")).last_action == "**Bash** `ls`"
        assert fed(Status("compacting")).last_action == "compacting the conversation…"
        assert fed(bash("1", "ls"), ok("1"), result("ok")).last_action == ""
