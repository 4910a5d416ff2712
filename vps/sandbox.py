"""What the host's engine puts around a container besides namespaces: its runtimes and security options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from vps.errors import BadInput


class Sandbox(BaseModel):
    """Of `docker info`, what matters here."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    runtimes: Mapping[str, Any] = Field(default={}, alias="Runtimes")
    default_runtime: str = Field(default="runc", alias="DefaultRuntime")
    options: tuple[str, ...] = Field(default=(), alias="SecurityOptions")
    """As `name=seccomp,profile=default`; newer engines say `builtin` for `default`."""

    def require(self, runtime: str | None) -> None:
        """Raises BadInput where the engine has no runtime of that name."""
        if runtime is None or runtime in self.runtimes:
            return
        # The two others are containerd's own names for runc.
        known = ", ".join(sorted(name for name in self.runtimes if not name.startswith("io.containerd")))
        remedy = (
            "Register it under `runtimes` in /etc/docker/daemon.json and restart Docker, or leave the setting empty."
        )
        raise BadInput(
            "AGENTFLOW_RUNTIME", f"Docker on the host has no runtime {runtime}; it has {known}.", remedy=remedy
        )

    @property
    def weakness(self) -> str:
        """Why agents should not run there, and the remedy; empty where there is nothing."""
        if not any(_named(option)[0] == "seccomp" and _named(option)[1] != "unconfined" for option in self.options):
            remedy = (
                "Take `seccomp-profile` out of /etc/docker/daemon.json, or use a kernel with seccomp; restart Docker."
            )
            return f"Docker starts containers without a seccomp profile. {remedy}"
        if "userns" in self.names:
            remedy = "Take `userns-remap` out of /etc/docker/daemon.json and restart Docker."
            return f"Docker maps the ids of containers to others, so that they cannot use AgentFlow's directories. {remedy}"
        return ""

    @property
    def names(self) -> list[str]:
        """Of the security options."""
        return [_named(option)[0] for option in self.options]


def _named(option: str) -> tuple[str, str]:
    """The name of a security option, and its profile."""
    found = {key: value for key, _, value in (part.partition("=") for part in option.split(","))}
    return found.get("name", ""), found.get("profile", "")
