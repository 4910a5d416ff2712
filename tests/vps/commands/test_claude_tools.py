"""What keeps an agent to the tools it was given, as the CLI's flags."""

from __future__ import annotations

import pytest

from agents.tools.rules import rules
from vps.commands.claude import argv, restrictions
from vps.commands.home import servers
from vps.models import CliOptions

MCP = '{"mcpServers": {"docs": {"command": "x"}, "web": {"command": "y"}}}'


@pytest.mark.parametrize(
    ("allowed", "mode", "flags"),
    [
        (("Read", "Bash"), "--dangerously-skip-permissions", ["--tools=Read,Bash", "--allowedTools=Read,Bash"]),
        (("Bash(git *)", "Read"), "dontAsk", ["--tools=Bash,Read", "--allowedTools=Bash(git *),Read"]),
        (("mcp__docs",), "--dangerously-skip-permissions", ["--tools=", "--allowedTools=mcp__docs"]),
        (("mcp__docs__find",), "dontAsk", ["--tools=", "--allowedTools=mcp__docs__find"]),
        ((), "--dangerously-skip-permissions", ["--tools="]),
    ],
)
def test_what_is_not_allowed_is_neither_offered_nor_let_through(
    allowed: tuple[str, ...], mode: str, flags: list[str]
) -> None:
    options = CliOptions(allowed_tools=allowed, disallowed_tools=("WebFetch",), mcp_config=MCP)
    words = argv(options, "session")
    assert mode in words
    assert [word for word in words if word in flags] == flags
    assert "--disallowedTools=WebFetch" in words
    assert servers(options).keys() == {tool.split("__")[1] for tool in allowed if tool.startswith("mcp__")}


def test_without_a_restriction_nothing_is_denied() -> None:
    assert restrictions(CliOptions(mcp_config=MCP)) == []
    assert servers(CliOptions(mcp_config=MCP)).keys() >= {"docs", "web"}
    assert restrictions(CliOptions(disallowed_tools=("Bash(rm *)",))) == ["--disallowedTools=Bash(rm *)"]


def test_rules_keep_the_commas_in_their_parentheses() -> None:
    text = " Read, Bash(git log, x), mcp__docs__find,Read ,Edit(src/(a)/**)"
    assert rules(text) == ("Read", "Bash(git log, x)", "mcp__docs__find", "Edit(src/(a)/**)")


def test_what_is_attached_is_read_without_a_permission() -> None:
    """Measured: in a mode that asks, the CLI asks for every file outside its directories."""
    words = argv(CliOptions(permission_mode="default"), "session")
    assert words[words.index("--add-dir") + 1 :][:2] == ["{workspace}", "/attachments"]
