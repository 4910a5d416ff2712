"""Where the host is and what is put there."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr


class HostConfig(BaseModel):
    """How to reach the VPS. `key` and `known_hosts` are local files; None means OpenSSH's own defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str
    user: str = "root"
    port: int = 22
    key: Path | None = None
    known_hosts: Path = Path("~/.ssh/known_hosts")

    def __str__(self) -> str:
        return f"{self.user}@{self.address}:{self.port}"


class AgentConfig(BaseModel):
    """What agents run with: the root directory on the host, the image, the model's address and credential."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: str = "/opt/agentflow"
    image: str = "agentflow-claude-code:latest"
    base_image: str | None = None
    """None: a public slim image, or one made from the distribution's packages where no registry answers."""
    cli_version: str = "2.1.197"
    api_key: SecretStr | None = None
    oauth_token: SecretStr | None = None
    refresh_token: SecretStr | None = None
    """Renews the token above; the gateway does that, and keeps what it was given instead."""
    token_url: str | None = None
    base_url: str | None = None
    hosts: tuple[str, ...] = ()
    """What agents with a restricted network may reach: `name`, `*.name`, `name:port`."""
    networks: tuple[str, ...] = ()
    """Inward networks (CIDR) that a host's name may lead into."""
    budget_run: float | None = None
    """USD; None is no limit. Those of a person and of the day begin anew at midnight UTC."""
    budget_person: float | None = None
    budget_day: float | None = None
    requests_per_minute: int | None = None
    question_s: float = 86_400
    """How long a question of an agent's waits for a person, in seconds."""
    runtime: str | None = None
    """The OCI runtime of agents' containers, by its name in Docker's configuration; None is the engine's default."""
    idle_s: float = 0.0
    """How long a CLI that is done stays warm for its next message; then its container ends, and the message wakes it."""
    max_agents: int | None = None
    """How many may run at once at most, however much room the host has."""
