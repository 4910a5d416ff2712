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
    base_url: str | None = None
    max_agents: int | None = None
    """How many may run at once at most, however much room the host has."""
