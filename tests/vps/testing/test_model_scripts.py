"""What the scripted model says: how it reads a conversation, and what each script does with it."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from vps.testing.model import SCENARIOS, Conversation, Reply, Text, ToolResult, ToolUse, next_answer
from vps.testing.model.conversation import MessagesRequest, read_conversation
from vps.testing.model.repair import find_fault, find_target

KEY = SecretStr("sk-ant-api03-for-tests")
MODEL = "claude-opus-4-8"


def conversation(*messages: dict[str, Any]) -> Conversation:
    return read_conversation(MessagesRequest.model_validate({"model": MODEL, "messages": list(messages)}))


def result(content: Any, call: str = "toolu_1") -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call, "content": content}


class TestConversation:
    def test_the_task_is_the_last_thing_a_person_wrote(self) -> None:
        reminder = "<system-reminder>\nscenario:error\n</system-reminder>"
        first = {"role": "user", "content": [text(reminder), text("first task")]}
        second = {
            "role": "user",
            "content": [result("done"), text("[Request interrupted by user]"), text("second task")],
        }
        assert conversation(first).task == "first task"
        assert conversation(first, second, {"role": "system", "content": "scenario:drop"}).task == "second task"
        assert conversation(first, second, {"role": "user", "content": reminder}).rounds == ()

    def test_results_notices_and_nudges_are_rounds(self) -> None:
        nudge = "[Your previous response had no visible output. Please continue.]"
        state = conversation(
            user_text("go"),
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "ls"}}],
            },
            {"role": "user", "content": [result([text("out"), text("put")])]},
            user_text("<task-notification>ended</task-notification>"),
            user_text(nudge),
        )
        assert len(state.rounds) == 3
        assert state.result(0).call == ToolUse("Bash", {"command": "ls"})
        assert state.result(0).text == "out\nput"
        assert state.result(1).text == state.result(9).text == ""

    @pytest.mark.parametrize("name", SCENARIOS)
    def test_every_scenario_begins(self, name: str) -> None:
        assert next_answer(Conversation(f"please run scenario:{name} now"))
        assert SCENARIOS[name].about

    def test_an_unknown_scenario_names_the_known_ones(self) -> None:
        assert "big-output" in spoken(next_answer(Conversation("scenario:nonsense")))

    def test_free_text_gets_an_honest_answer_about_the_workspace(self) -> None:
        state = conversation(user_text("write me a poem"), {"role": "user", "content": [result("README.md")]})
        answer = spoken(next_answer(state))
        assert "scripted model" in answer
        assert "README.md" in answer
        assert "scenario:" in answer


class TestRepair:
    LISTING = "/w\n./pkg/calc.py\n./pkg/test_calc.py\npkg/calc.py:1:def add(x: int, y: int = 0) -> int:"

    def test_the_target_is_read_from_the_tree(self) -> None:
        target = find_target(self.LISTING)
        assert target is not None
        assert (target.file, target.sum, target.test_path) == ("/w/pkg/calc.py", "x + y", "pkg/test_calc_add.py")

    @pytest.mark.parametrize("listing", ["", "/w\n./a.py", "/w\na.py:1:def add(x):", "/w\na.py:1:def add(x, y, z):"])
    def test_no_target_is_said_plainly(self, listing: str) -> None:
        state = conversation(user_text("fix add() and add a test"), {"role": "user", "content": [result(listing)]})
        assert "nothing to fix" in spoken(next_answer(state))

    @pytest.mark.parametrize(
        ("source", "value"),
        [
            ("1\tdef add(x, y):\n2\t    return x - y\n", "x - y"),
            ("     1→def add(x, y):\n     2→    '''Adds.'''\n     3→\n     4→    return x*y", "x*y"),
            ("1\tdef add(x, y):\n2\t    return x + y\n", None),
            ("1\tdef add(x, y):\n2\t    pass\n3\tdef sub(x, y):\n4\t    return x - y\n", None),
        ],
    )
    def test_the_fault_is_found_in_add_alone(self, source: str, value: str | None) -> None:
        target = find_target(self.LISTING)
        assert target is not None
        fault = find_fault(source, target)
        assert (fault.value if fault else None) == value


def test_who_talks_gets_tools_of_the_catalogue_called_and_an_agent_its_own() -> None:
    talking = Conversation("fix it", tools=frozenset({"spawn_claude_agent", "list_claude_agents"}))
    answer = next_answer(talking)
    assert isinstance(answer, Reply)
    assert [block.name for block in answer.blocks if isinstance(block, ToolUse)] == ["spawn_claude_agent"]
    looking = next_answer(replace(talking, task="how are you"))
    assert isinstance(looking, Reply)
    assert [block.name for block in looking.blocks if isinstance(block, ToolUse)] == ["list_claude_agents"]
    name = "claude-agent-1790000000000-abcdef"
    began = ToolResult(ToolUse("spawn_claude_agent", {}), f'{{"container_id": "{name}"}}', is_error=False)
    waiting = next_answer(replace(talking, rounds=((began,),)))
    assert isinstance(waiting, Reply)
    assert waiting.blocks == (ToolUse("wait_for_claude_agent", {"container_id": name}),)
    declined = ToolResult(ToolUse("spawn_claude_agent", {}), "declined", is_error=True)
    assert "declined" in spoken(next_answer(replace(talking, rounds=((declined,),))))


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def user_text(words: str) -> dict[str, Any]:
    return {"role": "user", "content": words}


def spoken(answer: object) -> str:
    assert isinstance(answer, Reply)
    return "".join(block.text for block in answer.blocks if isinstance(block, Text))
