"""Settings: where they come from, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agents.config import Address, Settings, SettingsError, load
from vps.errors import VpsError
from vps.hosts import USUAL

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("HETZNER_SERVER_IP=192.0.2.1\nHETZNER_SSH_USER=ops\n")
    settings = load({"HETZNER_SERVER_IP": "192.0.2.2"}, path)
    assert str(settings.host) == "ops@192.0.2.2:22"


def test_an_empty_value_counts_as_absent() -> None:
    settings = load({"HETZNER_SSH_PORT": "", "DISCORD_ALLOWED_USER_IDS": ""}, None)
    assert settings.HETZNER_SSH_PORT == 22
    assert frozenset() == settings.DISCORD_ALLOWED_USER_IDS


def test_ids_are_separated_by_commas() -> None:
    assert {1, 22, 333} == load({"DISCORD_ALLOWED_ROLE_IDS": "1, 22,,333"}, None).DISCORD_ALLOWED_ROLE_IDS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HETZNER_SSH_PORT", "70000"),
        ("HETZNER_SSH_PORT", "ssh"),
        ("DISCORD_GUILD_ID", "my guild"),
        ("DISCORD_ALLOWED_USER_IDS", "1,ann"),
        ("CLAUDE_CODE_VERSION", "latest"),
        ("AGENTFLOW_ROOT", "relative"),
        ("AGENTFLOW_ROOT", "/opt/a b"),
        ("AGENTFLOW_IMAGE", "--privileged"),
        ("ANTHROPIC_BASE_URL", "model.example"),
        ("DISCORD_API_URL", "http://discord.example/api/v10"),
        ("DISCORD_GATEWAY_URL", "ws://gateway.example"),
        ("DISCORD_GATEWAY_URL", "https://gateway.example"),
        ("GITHUB_API_URL", "https://git_hub.example/api/v3"),
        ("ELEVENLABS_BASE_URL", "http://eleven.example"),
        ("ELEVENLABS_VOICE_ID", "../agents"),
        ("AGENTFLOW_VOICE_ANSWERS", "loud"),
        ("CLAUDE_CODE_OAUTH_REFRESH_TOKEN", "of-no-token"),
        ("AGENTFLOW_ALLOWED_HOSTS", "example.com, https://example.com/path"),
        ("AGENTFLOW_ALLOWED_HOSTS", "*"),
        ("AGENTFLOW_ALLOWED_NETWORKS", "10.0.0.1/8"),
        ("AGENTFLOW_ALLOWED_NETWORKS", "10.0.0.0/8,::/0"),
        ("AGENTFLOW_BUDGET_RUN", "0"),
        ("AGENTFLOW_BUDGET_PERSON", "-1"),
        ("AGENTFLOW_BUDGET_DAY", "nan"),
        ("AGENTFLOW_BUDGET_DAY", "ten"),
        ("AGENTFLOW_REQUESTS_PER_MINUTE", "0"),
        ("AGENTFLOW_LOG_LEVEL", "loud"),
        ("AGENTFLOW_DISK_GB", "0"),
        ("AGENTFLOW_DISK_GB", "nan"),
        ("AGENTFLOW_DISK_GB", "20g"),
        ("AGENTFLOW_RUNTIME", "--privileged"),
        ("AGENTFLOW_MCP_TOKEN", "x" * 23),
        ("AGENTFLOW_MCP_TOKEN", "twenty-four characters with spaces"),
        ("AGENTFLOW_METRICS", "on"),
        ("AGENTFLOW_METRICS", "127.0.0.1:0"),
        ("AGENTFLOW_METRICS", "127.0.0.1:99999"),
    ],
)
def test_a_wrong_setting_is_named_with_a_remedy(name: str, value: str) -> None:
    with pytest.raises(VpsError, match=name) as refused:
        load({name: value}, None)
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("given", "host"),
    [("9187", "127.0.0.1"), (":9187", "127.0.0.1"), ("0.0.0.0:9187", "0.0.0.0"), ("[::1]:9187", "::1")],
)
def test_metrics_listen_on_loopback_unless_told_otherwise(given: str, host: str) -> None:
    assert Address(host, 9187) == load({"AGENTFLOW_METRICS": given}, None).AGENTFLOW_METRICS


def test_hosts_and_networks_are_added_to_the_usual_ones() -> None:
    given = {
        "AGENTFLOW_ALLOWED_HOSTS": "Registry.Example.com:8443, *.bücher.example,",
        "AGENTFLOW_ALLOWED_NETWORKS": "10.1.0.0/16, fd00::/8",
        "GITHUB_API_URL": "https://git.example.com/api/v3",
    }
    agents = load(given, None).agents
    further = ("git.example.com:443", "*.git.example.com:443", "registry.example.com:8443", "*.xn--bcher-kva.example")
    assert agents.hosts == (*USUAL, *further)
    assert agents.networks == ("10.1.0.0/16", "fd00::/8")
    assert load({}, None).agents.hosts == USUAL
    assert (load({}, None).agents.networks, load({}, None).agents.requests_per_minute) == ((), 120)


def test_budgets_and_the_token_that_renews_reach_the_agents_settings() -> None:
    given = {"AGENTFLOW_BUDGET_RUN": "0.5", "AGENTFLOW_BUDGET_PERSON": "10", "AGENTFLOW_BUDGET_DAY": "50"}
    secrets = {"CLAUDE_CODE_OAUTH_TOKEN": "access-0123456789", "CLAUDE_CODE_OAUTH_REFRESH_TOKEN": "refresh-0123456789"}
    settings = load({**given, **secrets}, None)
    agents = settings.agents
    assert (agents.budget_run, agents.budget_person, agents.budget_day) == (0.5, 10.0, 50.0)
    assert agents.refresh_token is not None
    assert settings.mask.text("refresh-0123456789") == "[masked]"
    assert load({}, None).agents.budget_run is None


def test_stand_ins_on_loopback_need_no_tls() -> None:
    settings = load({"DISCORD_API_URL": "http://127.0.0.1:1/api/v10", "DISCORD_GATEWAY_URL": "ws://localhost:2"}, None)
    assert settings.DISCORD_GATEWAY_URL == "ws://localhost:2"


def test_a_refusal_does_not_repeat_the_value() -> None:
    with pytest.raises(SettingsError) as refused:
        load({"HETZNER_SSH_PORT": "sk-ant-put-here-by-mistake"}, None)
    assert "mistake" not in str(refused.value)


def test_secrets_are_not_shown_and_are_masked() -> None:
    settings = load({"ANTHROPIC_API_KEY": "sk-ant-secret-0123456789"}, None)
    assert "0123456789" not in repr(settings)
    assert settings.mask.text("key sk-ant-secret-0123456789!") == "key [masked]!"


def test_missing_ones_are_named_when_they_are_needed() -> None:
    settings = load({}, None)
    with pytest.raises(SettingsError, match="HETZNER_SERVER_IP"):
        _ = settings.host
    with pytest.raises(SettingsError, match="ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN"):
        settings.require_credential()


def test_the_example_names_every_setting_and_loads() -> None:
    names = re.findall(r"^([A-Z_]+)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(names) == sorted(Settings.model_fields)
    assert load({}, EXAMPLE) == load({}, None)
