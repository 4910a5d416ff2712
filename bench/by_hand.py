"""What a person would type instead: `ssh HOST docker run … claude …`, with the same image, limits and workspace.

By hand there is no gateway: the key is in the container, and the host's network is its own, so that it reaches the model on the
host's loopback.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from pathlib import Path

from bot.demo.stage import Stage
from vps.shell import cmd

OUTPUT = ("--output-format", "stream-json", "--verbose", "--dangerously-skip-permissions")


def argv(stage: Stage, *claude: str, keeps_stdin: bool = False, sessions: Path | None = None) -> list[str]:
    """The command for `claude` with these words. Its transcripts lie in `sessions`, where they are to outlive the container."""
    settings = stage.bot.crew.settings
    key, url = settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL
    assert key is not None
    place = f"type=bind,src={sessions},dst=/home/claude/.claude/projects"
    container = cmd(
        "docker", "run", "--rm", "--init", "--interactive" if keeps_stdin else None, "--network", "host",
        "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
        "--memory", 4 << 30, "--memory-swap", 4 << 30, "--cpus", 2, "--pids-limit", 200,
        "--mount", f"type=bind,src={stage.workspace},dst={stage.workspace}", "--workdir", str(stage.workspace),
        ("--mount", place) if sessions else None,
        "--env", "ANTHROPIC_API_KEY", ("--env", f"ANTHROPIC_BASE_URL={url}") if url else None, settings.AGENTFLOW_IMAGE,
        "claude", "-p", claude, OUTPUT,
    )  # fmt: skip
    # The embedded model's key is no secret; by hand it would stand in the remote user's profile.
    line = f"ANTHROPIC_API_KEY={key.get_secret_value()} {container.render()}"
    return [*_ssh(stage), line if keeps_stdin else f"{line} </dev/null"]


def _ssh(stage: Stage) -> list[str]:
    settings = stage.bot.crew.settings
    options = (f"UserKnownHostsFile={settings.HETZNER_KNOWN_HOSTS}", "BatchMode=yes", "SendEnv=none")
    words = ["ssh", *(word for option in options for word in ("-o", option))]
    words += ["-i", str(settings.HETZNER_SSH_KEY), "-p", str(settings.HETZNER_SSH_PORT)]
    return [*words, f"{getpass.getuser()}@127.0.0.1"]


def environ() -> Mapping[str, str]:
    """That of the person's shell, without a key of the real model's."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("ANTHROPIC_", "CLAUDE_"))}
