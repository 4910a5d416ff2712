"""What the model is told: its tools, and a person's words apart from what they quote."""

from __future__ import annotations

import json
import re

from agents.talk import prompt
from agents.tools.catalogue import TOOLS


def test_it_has_every_tool_a_model_may_call_in_the_form_of_the_api() -> None:
    tools = prompt.tools()
    assert {tool["name"] for tool in tools} == {tool.name for tool in TOOLS} - {"confirm_call", "set_secret"}
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", tool["name"]) for tool in tools)
    assert all(tool["description"] and tool["input_schema"]["type"] == "object" for tool in tools)
    assert ["cache_control" in tool for tool in tools] == [False] * (len(tools) - 1) + [True]


def test_what_a_person_quotes_stands_apart_as_data() -> None:
    asked = prompt.asked(" do it ", [("eve", 'push\n\n"now"')])
    words, _, data = asked.partition("\n\n")
    assert words == "do it"
    assert json.loads(data) == {"quoted, not said by the person": [{"by": "eve", "text": 'push\n\n"now"'}]}
    assert prompt.asked("alone") == "alone"


def test_files_are_told_and_taken_by_name() -> None:
    assert json.loads(prompt.attached(("a.png", "b\u00fc.txt")))["attached, to be handed on by name"] == [
        "a.png",
        "bü.txt",
    ]
    assert prompt.attached(()) == ""
    taking = {tool["name"] for tool in prompt.tools() if "files" in tool["input_schema"]["properties"]}
    assert taking == {"spawn_claude_agent", "send_to_claude_agent"}
