"""The MCP server that every agent has: what the supervisor makes of its CLI's requests. Those are as CLI 2.1.197 writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vps.container.inside import LONGEST, MOST_OPEN, Inside
from vps.container.toolbox import TOOLS

_IDLE = b'{"type":"system","subtype":"session_state_changed","state":"idle"}'


class Rig:
    """The CLI's end. `log` holds what the supervisor wrote."""

    def __init__(self, **limits: float) -> None:
        self.log: list[dict[str, Any]] = []
        self.inside = Inside(self.say, self.give, limits)
        self._answers: dict[str, dict[str, Any]] = {}
        self._number = 0

    def say(self, subtype: str, **fields: Any) -> None:
        line = {"type": "agentflow", "subtype": subtype, **fields}
        self.log.append(line)
        self.inside.note(json.dumps(line).encode())

    def give(self, data: bytes) -> None:
        response = json.loads(data)["response"]
        self._answers[response["request_id"]] = response["response"]["mcp_response"]

    def logged(self, subtype: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["subtype"] == subtype]

    def ask(self, method: str, *, server: str = "agentflow", **params: Any) -> str:
        self._number += 1
        message = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        if method.startswith("notifications/"):
            del message["id"]
        request = {"subtype": "mcp_message", "server_name": server, "message": message}
        line = {"type": "control_request", "request_id": f"r{self._number}", "request": request}
        self.inside.note(json.dumps(line, separators=(",", ":")).encode())
        self.inside.step()
        return f"r{self._number}"

    def call(self, tool: str, **arguments: Any) -> str:
        return self.ask("tools/call", name=tool, arguments=arguments)

    def answer(self, request: str) -> dict[str, Any]:
        self.inside.step()
        return self._answers.pop(request)

    def told(self, request: str) -> tuple[bool, str]:
        """Whether a call went well, and its text."""
        result = self.answer(request)["result"]
        return not result["isError"], result["content"][0]["text"]

    def result(self, call: dict[str, Any], text: str, **more: Any) -> None:
        self.inside.obey({"op": "result", "id": call["id"], "result": {"ok": True, "text": text, **more}})


@pytest.fixture
def rig() -> Rig:
    return Rig(ask_s=60, ask_tries=2)


def test_the_server_tells_its_tools(rig: Rig) -> None:
    answer = rig.answer(rig.ask("initialize", protocolVersion="2025-11-25"))
    assert (answer["id"], answer["result"]["protocolVersion"]) == (1, "2025-11-25")
    assert rig.answer(rig.ask("notifications/initialized"))["result"] == {}
    assert rig.answer(rig.ask("tools/list"))["result"]["tools"] == list(TOOLS)
    assert rig.answer(rig.ask("resources/list"))["error"]["code"] == -32601
    assert "no such server" in rig.answer(rig.ask("tools/list", server="another"))["error"]["message"]
    assert rig.log == []


def test_calls_become_log_lines_and_results_come_back_in_any_order(rig: Rig) -> None:
    first, second = rig.call("list_children"), rig.call("stop_child", child="abc", parent="claude-agent-1-other")
    assert rig.inside.holds
    assert [(line["tool"], line["arguments"]) for line in rig.log] == [
        ("list_children", {}),
        # Whoever says who calls is refused by the control plane: no tool has such a field.
        ("stop_child", {"child": "abc", "parent": "claude-agent-1-other"}),
    ]
    rig.result(rig.log[1], "stopped", child="c")
    rig.result(rig.log[0], "none")
    rig.result(rig.log[0], "again")
    assert rig.told(second) == (True, "stopped")
    assert rig.told(first) == (True, "none")
    assert [line["id"] for line in rig.logged("called")] == [rig.log[1]["id"], rig.log[0]["id"]]
    assert rig.logged("called")[0]["child"] == "c"
    assert not rig.inside.holds


def test_what_is_too_large_or_wrong_is_for_the_control_plane_to_refuse(rig: Rig) -> None:
    rig.call("spawn_child", task="x" * LONGEST)
    rig.call("notify_user", message="")
    rig.call("ask_user", question="Which?", options=[1])
    wrong = [line["wrong"] for line in rig.logged("call")]
    assert [text.split(" ")[0] for text in wrong] == ["The", "message:", "options:"]
    assert all(line["arguments"] == {} for line in rig.log)


def test_no_more_calls_than_allowed_are_open_and_none_once_the_run_stops(rig: Rig) -> None:
    last = [rig.call("list_children") for _ in range(MOST_OPEN)][-1]
    assert "calls are open" in rig.told(rig.call("list_children"))[1]
    rig.inside.close()
    assert "being stopped" in rig.told(last)[1]
    assert "being stopped" in rig.told(rig.call("list_children"))[1]
    assert len(rig.logged("call")) == len(rig.logged("called")) == MOST_OPEN


def test_a_person_is_told_a_few_times_at_once(rig: Rig) -> None:
    told = [rig.told(rig.call("notify_user", message=f"number {number}")) for number in range(6)]
    assert told[:5] == [(True, "Told.")] * 5
    assert not told[5][0]
    assert "too often" in told[5][1]
    assert [line["text"] for line in rig.logged("notify")] == [f"number {number}" for number in range(5)]


def test_a_question_is_asked_anew_and_at_last_given_up(rig: Rig) -> None:
    call = rig.call("ask_user", question="Which?", options=["a", "b"])
    rig.say("answered", id=rig.log[0]["id"], how="expired")
    first, second = rig.logged("question")
    assert (first["attempt"], second["attempt"], second["attempts"], second["options"]) == (1, 2, 2, ["a", "b"])
    rig.say("answered", id=first["id"], how="answered", answer={"text": "too late"})
    rig.say("answered", id=second["id"], how="expired")
    ok, text = rig.told(call)
    assert (ok, text[:31]) == (False, "Nobody answered: asked 2 times,")


def test_an_answer_is_the_tools_result_and_a_withdrawn_question_takes_none(rig: Rig) -> None:
    call = rig.call("ask_user", question="Which?", options=["a", "b"])
    rig.call("ask_user", question="And who?")
    rig.call("ask_user", question="And when?")
    first, second, third = (line["id"] for line in rig.log)
    rig.say("answered", id=first, how="answered", by="discord:1", answer={"choices": ["b"], "text": "please"})
    assert rig.told(call) == (True, "b, please")
    rig.ask("notifications/cancelled", requestId=2)
    assert rig.log[-1] == {"type": "agentflow", "subtype": "answered", "id": second, "how": "withdrawn"}
    rig.inside.note(_IDLE)
    assert (rig.log[-1]["id"], rig.log[-1]["how"]) == (third, "withdrawn"), "an idle CLI waits for nothing"
    assert not rig.inside.holds
