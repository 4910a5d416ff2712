"""How long the CLI may be silent, from the limits it is started with."""

from __future__ import annotations

from vps.commands.claude import silence


def test_the_longest_of_the_clis_own_limits_counts() -> None:
    assert silence({}) == {"silent_s": 660, "mcp_s": 100_060, "calm_s": 60}
    assert silence({"BASH_MAX_TIMEOUT_MS": "3600000"})["silent_s"] == 3660
    assert silence({"BASH_DEFAULT_TIMEOUT_MS": "1800000"})["silent_s"] == 1860
    assert silence({"API_TIMEOUT_MS": "900000"})["silent_s"] == 1260


def test_limits_that_the_cli_would_not_take_change_nothing() -> None:
    assert silence({"CLAUDE_STREAM_IDLE_TIMEOUT_MS": "1000"}) == silence({})  # its floor
    for given in ("", "soon", "-5", "0", "9" * 9000):
        assert silence({"BASH_MAX_TIMEOUT_MS": given}) == silence({})


def test_a_tool_of_an_mcp_server_has_its_own_limit() -> None:
    assert silence({"MCP_TOOL_TIMEOUT": "60000"})["mcp_s"] == 660
    assert silence({"MCP_TOOL_TIMEOUT": "7200000"})["mcp_s"] == 7260
