"""`agentflow` on the command line: the verbs against a real host."""

from __future__ import annotations

import asyncio
import os
import re
import sys

import pytest

from agents.surfaces.cli_exit import ExitCode
from agents.tools.catalogue import TOOLS
from tests.agents.conftest import REPOSITORY, Station
from tests.agents.terminal import on_terminal

NOBODY = "claude-agent-1795300000000-a1b2c3"


async def test_help_lists_every_verb(station: Station) -> None:
    done = await station.agentflow("--help")
    own = ["bot", "watch", "mcp", "completion", "trust", "doctor", "credential", "prune", "uninstall"]
    verbs = [*own, *(tool.verb.split()[0] for tool in TOOLS)]
    assert done.code == 0
    assert [verb for verb in verbs if f"\n    {verb}" not in done.out] == []


async def test_help_tells_every_exit_code(station: Station) -> None:
    done = await station.agentflow("--help")
    told = re.findall(r"^  (\d+) +\S", done.out.partition("\nexit codes:\n")[2], re.MULTILINE)
    assert told == [str(code.value) for code in ExitCode] == ["0", "1", "2", "3", "4", "5", "130"]


async def test_discords_library_is_not_imported_for_other_verbs(station: Station) -> None:
    done = await station.agentflow("--help", PYTHONPROFILEIMPORTTIME="1")
    assert "agents.surfaces.cli" in done.err
    assert " discord\n" not in done.err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["spawn"], "task: is required"),
        (["spawn", "  "], "task: is empty"),
        (["spawn", "x", "--task", "y"], "task: is given twice"),
        (["spawn", "x", "--colour", "red"], "unrecognized arguments: --colour"),
        (["spawn", "x", "--max-turns", "0"], "max_turns"),
        (["spawn", "x", "--max_turns", "many"], "max_turns"),
        (["spawn", "x", "--timeout=-5m"], "timeout"),
        (["spawn", "x", "--env", "PATH=/tmp"], "env"),
        (["spawn", "x", "--profile", "gpu"], "profile"),
        (["spawn", "x", "--workspace_path", "/etc"], "workspace_path"),
        (["status", "nobody"], "container_id: no agent is called 'nobody'"),
        (["send", NOBODY, "x", "--file", "/nonexistent"], "file: /nonexistent: No such file or directory"),
        (["send", NOBODY, "", "--file", "/etc/hostname"], f"container_id: no agent is called '{NOBODY}'"),
        (["prune", "--older", "soon"], "older"),
        (["dance"], "invalid choice: 'dance'"),
        (["workspace"], "required: VERB"),
        (["workspace", "clone", "ext::sh -c id"], "repo_url: names a transport helper"),
        (["workspace", "clone", "https://user:secret@github.com/a/b"], "repo_url: holds a credential"),
        (["workspace", "create", "../up"], "workspace_name"),
        (["workspace", "branch", "api", "a..b"], "branch_name"),
        (["workspace", "push", "nonesuch"], "workspace_name: there is no workspace nonesuch"),
        (["workspace", "pr", "api", "Title"], "GITHUB_TOKEN: is not set"),
    ],
)
async def test_wrong_input_is_named_and_ends_with_2(docked: Station, argv: list[str], said: str) -> None:
    done = await docked.agentflow(*argv)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.splitlines()[-1].startswith("error: ")
    runs = docked.root / "runs"
    assert not runs.exists() or list(runs.iterdir()) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"HETZNER_SERVER_IP": ""}, "HETZNER_SERVER_IP is not set"),
        ({"HETZNER_SSH_PORT": "0"}, "HETZNER_SSH_PORT"),
        ({"ANTHROPIC_API_KEY": ""}, "ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN"),
        ({"ANTHROPIC_BASE_URL": "ftp://model"}, "ANTHROPIC_BASE_URL"),
        ({"DISCORD_GATEWAY_URL": "ws://far.example"}, "DISCORD_GATEWAY_URL"),
    ],
)
async def test_a_wrong_setting_is_named_before_anything_connects(
    station: Station, changed: dict[str, str], said: str
) -> None:
    station.environ |= changed
    done = await station.agentflow("spawn", "x")
    assert done.code == 2
    assert said in done.err
    assert not station.root.exists()


async def test_an_unknown_host_key_is_refused_with_the_remedy(station: Station) -> None:
    station.server.known_hosts.write_text("")
    done = await station.agentflow("list")
    assert done.code == 1
    assert "agentflow trust" in done.err


async def test_a_run_from_spawn_to_prune(docked: Station) -> None:
    spawned = await docked.agentflow("spawn", "--json", "--", "-say hello", timeout=300)
    assert spawned.code == 0, spawned.err
    name = spawned.json["container_id"]

    waited = await docked.agentflow("wait", name, "--timeout", "4m", "--json", timeout=280)
    assert waited.code == 0, waited.out + waited.err
    assert waited.json["agent"]["task"] == "-say hello"
    assert waited.json["agent"]["caller"] != ""

    listed, status, output, stopped = await asyncio.gather(
        docked.agentflow("list"),
        docked.agentflow("status", name[:-3]),
        docked.agentflow("output", name, "--raw"),
        docked.agentflow("stop", name),
    )
    assert name in listed.out
    assert "succeeded" in status.out
    assert '"type":"result"' in output.out
    assert "had ended already" in stopped.out

    pruned = await docked.agentflow("prune", "--older", "0s")
    assert pruned.out == f"{name} removed\n"
    assert name not in (await docked.agentflow("list", "--all")).out


async def test_a_workspace_that_is_none_is_refused_before_an_image_is_built(docked: Station) -> None:
    image = f"agentflow-never-built:{docked.root.parent.name}"
    refused = await docked.agentflow("spawn", "x", "--workspace-path", "/etc", AGENTFLOW_IMAGE=image)
    assert refused.code == 2
    assert "workspace_path: /etc is not a workspace" in refused.err
    assert "Building" not in refused.err
    assert not (docked.root / "image").exists()


async def test_a_task_from_stdin_that_runs_into_its_limit_fails_the_wait(docked: Station) -> None:
    spawned = await docked.agentflow(
        "spawn", "--task", "-", "--model", "no-such-model", "--json", stdin=b"fix it\n", timeout=300
    )
    assert spawned.code == 0, spawned.err
    name = spawned.json["container_id"]
    short = await docked.agentflow("wait", name, "--timeout", "1ms")
    assert short.code in (3, 4)
    waited = await docked.agentflow("wait", name, "--json", timeout=280)
    assert waited.code == 4, waited.out
    assert waited.json["agent"]["task"] == "fix it"


async def test_what_wants_a_yes_waits_for_a_code_where_there_is_no_terminal(docked: Station) -> None:
    made = await docked.agentflow("workspace", "create", "draft", "--request-id", "1", timeout=300)
    assert made.code == 0, made.err
    again = await docked.agentflow("workspace", "create", "draft", "--request-id", "1")
    assert (again.code, again.out) == (0, made.out)
    other = await docked.agentflow("workspace", "create", "other", "--request-id", "1")
    assert (other.code, "request_id: belongs to another call" in other.err) == (2, True)

    delete = ("workspace", "delete", "draft", "--force")
    refused = await docked.agentflow(*delete)
    found = re.search(r"agentflow confirm ([a-z0-9-]{11})`", refused.err)
    assert refused.code == ExitCode.UNCONFIRMED == 5
    assert refused.err.startswith("error: confirmation_required: Delete draft")
    assert found
    alone = await docked.agentflow("confirm", found[1])
    assert (alone.code, "Confirm on a terminal" in alone.err) == (1, True)
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "HOME": str(docked.root.parent)}
    argv = [sys.executable, "-m", "bot", "confirm", found[1]]
    async with on_terminal(argv, environ | docked.environ, docked.root.parent) as terminal:
        await terminal.shows("Delete draft")
        terminal.press(b"y\n")
        assert await terminal.ended() == 0
    assert (await docked.agentflow(*delete)).out == "draft is deleted.\n"

    audited = await docked.agentflow("audit", "--json")
    assert [(call["tool"], call["outcome"].split(":")[0]) for call in audited.json["calls"]] == [
        ("create_workspace", "ok"),
        ("create_workspace", "ok, as answered before"),
        ("create_workspace", "BadInput"),
        ("delete_workspace", "ConfirmationRequired"),
        ("confirm_call", "NotPermitted"),
        ("confirm_call", "ok"),
        ("delete_workspace", "ok"),
    ]
