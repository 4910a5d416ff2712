"""A channel's settings and secrets from the shell."""

from __future__ import annotations

import pytest

from tests.agents.conftest import Station

SECRET = "npm_for-the-shells-tests-0123456789"


async def test_the_shell_sets_secrets_from_stdin_and_settings_of_any_channel(station: Station) -> None:
    short = await station.agentflow("secret", "set", "NPM_TOKEN", stdin=b"short\n")
    assert (short.code, "value: has less than 8" in short.err) == (2, True), short.err
    taken = await station.agentflow("secret", "set", "PATH", stdin=SECRET.encode())
    assert (taken.code, "name: may not set PATH" in taken.err) == (2, True), taken.err
    done = await station.agentflow("secret", "set", "NPM_TOKEN", stdin=f"{SECRET}\n".encode())
    assert (done.code, done.out.startswith("NPM_TOKEN set")) == (0, True), done.err
    assert (station.root / "secrets" / "NPM_TOKEN").read_text() == SECRET
    listed = await station.agentflow("secret", "list", "--json")
    assert [each["name"] for each in listed.json["secrets"]] == ["NPM_TOKEN"]
    assert SECRET not in listed.out + (station.root / "audit.jsonl").read_text()

    nowhere = await station.agentflow("settings", "show")
    assert (nowhere.code, "channel: is required" in nowhere.err) == (2, True), nowhere.err
    shown = await station.agentflow("settings", "set", "--channel", "5", "--max-turns", "9", "--json")
    assert [(each["name"], each["value"]) for each in shown.json["settings"]] == [("max_turns", "9")]
    wrong = await station.agentflow("settings", "set", "--channel", "5", "--workspace-path", "/etc")
    assert (wrong.code, "workspace_path: /etc is not a workspace" in wrong.err) == (2, True), wrong.err
    reset = await station.agentflow("settings", "reset", "max_turns", DISCORD_CHANNEL_ID="5")
    assert "Channel 5 has no settings." in reset.out, reset.err


@pytest.mark.parametrize("verb", [("settings", "show", "--channel", "../5"), ("settings", "set", "--channel", "5")])
async def test_what_says_nothing_or_names_no_channel_is_refused(station: Station, verb: tuple[str, ...]) -> None:
    assert (await station.agentflow(*verb)).code == 2
