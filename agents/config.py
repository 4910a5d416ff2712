"""Settings from the environment or `.env`. A wrong or missing one is named with its remedy before anything connects."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from agents.github import PUBLIC_API, git_host
from agents.rights import Grants, parse_grants
from vps import hosts
from vps.config import AgentConfig, HostConfig
from vps.errors import VpsError
from vps.git_containers import GitCredential
from vps.mask import Mask
from vps.model_url import check_base_url, is_loopback


class SettingsError(VpsError):
    """One or more settings are missing or wrong."""


def _ids(value: object) -> object:
    return _listed(value) if isinstance(value, str) else value


Ids = Annotated[frozenset[int], BeforeValidator(_ids)]


def _grants(value: object) -> object:
    return parse_grants(value) if isinstance(value, str) else value


Granted = Annotated[Grants, BeforeValidator(_grants)]


@dataclass(frozen=True, slots=True)
class Address:
    """Where something listens."""

    host: str
    port: int


def address(value: object) -> object:
    """HOST:PORT, or a port of loopback; an IPv6 address stands in brackets."""
    if not isinstance(value, str):
        return value
    host, _, port = value.rpartition(":")
    if not (port.isdecimal() and 0 < int(port) < 65_536):
        raise ValueError("not HOST:PORT, such as 127.0.0.1:9187")
    return Address(host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port))


def _hosts(value: object) -> object:
    return tuple(map(hosts.host, _listed(value))) if isinstance(value, str) else value


def _networks(value: object) -> object:
    return tuple(map(hosts.network, _listed(value))) if isinstance(value, str) else value


def _listed(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


Hosts = Annotated[tuple[str, ...], BeforeValidator(_hosts)]
Networks = Annotated[tuple[str, ...], BeforeValidator(_networks)]
Budget = Annotated[float | None, Field(default=None, gt=0, allow_inf_nan=False)]


def _token(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]{24,512}", value.get_secret_value()):
        raise ValueError("takes 24 to 512 printable ASCII characters, such as `openssl rand -hex 32` prints")
    return value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class Settings(BaseModel):
    """Every setting, under the name of its variable. Empty values count as absent."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    DISCORD_BOT_TOKEN: SecretStr | None = None
    DISCORD_GUILD_ID: int | None = None
    DISCORD_CHANNEL_ID: int | None = None
    DISCORD_ALLOWED_USER_IDS: Ids = frozenset()
    DISCORD_ALLOWED_ROLE_IDS: Ids = frozenset()
    DISCORD_RIGHTS: Granted = Grants()
    DISCORD_API_URL: str | None = None
    DISCORD_GATEWAY_URL: str | None = None
    HETZNER_SERVER_IP: str | None = None
    HETZNER_SSH_USER: str = Field(default="root", min_length=1)
    HETZNER_SSH_PORT: int = Field(default=22, ge=1, le=65535)
    HETZNER_SSH_KEY: Path | None = None
    HETZNER_KNOWN_HOSTS: Path = Path("~/.ssh/known_hosts")
    ANTHROPIC_API_KEY: SecretStr | None = None
    CLAUDE_CODE_OAUTH_TOKEN: SecretStr | None = None
    CLAUDE_CODE_OAUTH_REFRESH_TOKEN: SecretStr | None = None
    ANTHROPIC_BASE_URL: str | None = None
    GITHUB_TOKEN: SecretStr | None = None
    GH_TOKEN: SecretStr | None = None
    GITHUB_API_URL: str | None = None
    AGENTFLOW_DEPLOY_KEY: Path | None = None
    AGENTFLOW_GIT_KNOWN_HOSTS: Path = Path("~/.ssh/known_hosts")
    ELEVENLABS_API_KEY: SecretStr | None = None
    ELEVENLABS_AGENT_ID: str | None = None
    ELEVENLABS_BASE_URL: str | None = None
    ELEVENLABS_VOICE_ID: str = Field(default="JBFqnCBsd6RMkjVDRZzb", pattern=r"^[A-Za-z0-9]{1,64}$")
    CLAUDE_CODE_VERSION: str = Field(default="2.1.197", pattern=r"^\d+\.\d+\.\d+$")
    AGENTFLOW_STATE_DIR: Path | None = None
    AGENTFLOW_ROOT: str = Field(default="/opt/agentflow", pattern=r"^/[A-Za-z0-9._/-]*[A-Za-z0-9._-]$")
    AGENTFLOW_IMAGE: str = Field(default="agentflow-claude-code:latest", pattern=r"^[a-z0-9][A-Za-z0-9._/:-]*$")
    AGENTFLOW_BASE_IMAGE: str | None = None
    AGENTFLOW_MAX_AGENTS: int | None = Field(default=None, ge=1)
    AGENTFLOW_CHILDREN_DEPTH: int = Field(default=2, ge=0)
    AGENTFLOW_CHILDREN_ALIVE: int = Field(default=5, ge=1)
    AGENTFLOW_CHILDREN: int = Field(default=20, ge=1)
    AGENTFLOW_RUNTIME: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    AGENTFLOW_IDLE_S: float = Field(default=300.0, ge=0, le=86_400, allow_inf_nan=False)
    AGENTFLOW_DISK_GB: float = Field(default=20.0, ge=0.0625, le=1 << 20, allow_inf_nan=False)
    AGENTFLOW_ALLOWED_HOSTS: Hosts = ()
    AGENTFLOW_ALLOWED_NETWORKS: Networks = ()
    AGENTFLOW_BUDGET_RUN: Budget
    AGENTFLOW_BUDGET_PERSON: Budget
    AGENTFLOW_BUDGET_DAY: Budget
    AGENTFLOW_ATTACHMENT_MB: float = Field(default=25.0, gt=0, le=50, allow_inf_nan=False)
    AGENTFLOW_QUESTION_HOURS: float = Field(default=24.0, gt=0, le=24 * 365, allow_inf_nan=False)
    AGENTFLOW_REQUESTS_PER_MINUTE: int = Field(default=120, ge=1)
    AGENTFLOW_TALK_MODEL: str = Field(default="claude-sonnet-5", pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$")
    AGENTFLOW_TALK_TURNS: int = Field(default=30, ge=1, le=1000)
    AGENTFLOW_TALK_BUDGET: float = Field(default=2.0, gt=0, allow_inf_nan=False)
    AGENTFLOW_LOG_LEVEL: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = "info"
    AGENTFLOW_MCP_TOKEN: Annotated[SecretStr, AfterValidator(_token)] | None = None
    AGENTFLOW_METRICS: Annotated[Address | None, BeforeValidator(address)] = None
    AGENTFLOW_VOICE_ANSWERS: Annotated[Literal["always", "never", "short"], BeforeValidator(_lower)] = "short"

    @property
    def host(self) -> HostConfig:
        """Where the VPS is. Raises SettingsError without HETZNER_SERVER_IP."""
        if self.HETZNER_SERVER_IP is None:
            raise SettingsError(
                "HETZNER_SERVER_IP is not set.", remedy="Set it to the VPS's address, in .env or the environment."
            )
        return HostConfig(
            address=self.HETZNER_SERVER_IP,
            user=self.HETZNER_SSH_USER,
            port=self.HETZNER_SSH_PORT,
            key=self.HETZNER_SSH_KEY,
            known_hosts=self.HETZNER_KNOWN_HOSTS,
        )

    @property
    def agents(self) -> AgentConfig:
        """What agents run with."""
        return AgentConfig(
            root=self.AGENTFLOW_ROOT,
            image=self.AGENTFLOW_IMAGE,
            base_image=self.AGENTFLOW_BASE_IMAGE,
            cli_version=self.CLAUDE_CODE_VERSION,
            api_key=self.ANTHROPIC_API_KEY,
            oauth_token=self.CLAUDE_CODE_OAUTH_TOKEN,
            refresh_token=self.CLAUDE_CODE_OAUTH_REFRESH_TOKEN,
            base_url=self.ANTHROPIC_BASE_URL,
            runtime=self.AGENTFLOW_RUNTIME,
            idle_s=self.AGENTFLOW_IDLE_S,
            hosts=self.allowed_hosts,
            networks=self.AGENTFLOW_ALLOWED_NETWORKS,
            budget_run=self.AGENTFLOW_BUDGET_RUN,
            budget_person=self.AGENTFLOW_BUDGET_PERSON,
            budget_day=self.AGENTFLOW_BUDGET_DAY,
            question_s=self.AGENTFLOW_QUESTION_HOURS * 3600,
            requests_per_minute=self.AGENTFLOW_REQUESTS_PER_MINUTE,
            max_agents=self.AGENTFLOW_MAX_AGENTS,
        )

    @property
    def attachment_bytes(self) -> int:
        """The largest file that goes with a message."""
        return round(self.AGENTFLOW_ATTACHMENT_MB * (1 << 20))

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """What every agent with a restricted network reaches: the usual hosts, the git host of ours, and those set."""
        forge = hosts.of_forge(self.GITHUB_API_URL) if self.GITHUB_API_URL else ()
        return tuple(dict.fromkeys((*hosts.USUAL, *forge, *self.AGENTFLOW_ALLOWED_HOSTS)))

    @property
    def github_token(self) -> SecretStr | None:
        """GITHUB_TOKEN, or GH_TOKEN as GitHub's own tools call it."""
        return self.GITHUB_TOKEN or self.GH_TOKEN

    def git_credential(self) -> GitCredential:
        """What opens remote repositories; reads the deploy key's file. Raises SettingsError if that cannot be read."""
        known = self.AGENTFLOW_GIT_KNOWN_HOSTS.expanduser()
        return GitCredential(
            token=self.github_token,
            token_host=git_host(self.GITHUB_API_URL or PUBLIC_API),
            key=_private_key(self.AGENTFLOW_DEPLOY_KEY),
            known_hosts=known.read_text(encoding="utf-8") if known.is_file() else "",
        )

    @property
    def state_dir(self) -> Path:
        """Where the bot keeps its own state (XDG Base Directory Specification)."""
        if self.AGENTFLOW_STATE_DIR is not None:
            return self.AGENTFLOW_STATE_DIR.expanduser()
        base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        return Path(base).expanduser() / "agentflow"

    @cached_property
    def mask(self) -> Mask:
        """Hides every secret of ours in whatever is shown, stored or answered; one for the whole process, as it learns more."""
        return Mask(value for _, value in self if isinstance(value, SecretStr))

    @property
    def has_credential(self) -> bool:
        """Whether agents can reach the model at all."""
        return self.ANTHROPIC_API_KEY is not None or self.CLAUDE_CODE_OAUTH_TOKEN is not None

    def require_credential(self) -> None:
        """Raises SettingsError where agents could not reach the model."""
        if not self.has_credential:
            remedy = "Set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN in .env."
            raise SettingsError("There is no credential for the model.", remedy=remedy)


def load(environ: Mapping[str, str] | None = None, dotenv: Path | None = Path(".env")) -> Settings:
    """The settings of this process; the environment wins over `.env`. Raises SettingsError, naming each wrong one."""
    values: dict[str, Any] = {}
    if dotenv is not None and dotenv.is_file():
        values |= dotenv_values(dotenv)
    values |= os.environ if environ is None else environ
    given = {name: value for name, value in values.items() if value and name in Settings.model_fields}
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        raise SettingsError(
            _explained(error), remedy="Correct it in .env or the environment; .env.example explains each."
        ) from error
    _check_urls(settings)
    _check_refresh(settings)
    return settings


def _private_key(path: Path | None) -> SecretStr | None:
    if path is None:
        return None
    try:
        text = path.expanduser().read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise SettingsError(f"AGENTFLOW_DEPLOY_KEY: cannot read {path}.", remedy="Name a private key file.") from error
    return SecretStr(text if text.endswith("\n") else text + "\n")


def _explained(error: ValidationError) -> str:
    # The value itself stays out: it may be a secret that ended up under the wrong name.
    return " ".join(
        f"{item['loc'][0]}: {item['msg']}." for item in error.errors(include_input=False, include_url=False)
    )


def _check_refresh(settings: Settings) -> None:
    if settings.CLAUDE_CODE_OAUTH_REFRESH_TOKEN is not None and settings.CLAUDE_CODE_OAUTH_TOKEN is None:
        remedy = "Set CLAUDE_CODE_OAUTH_TOKEN too, from the same login."
        raise SettingsError("CLAUDE_CODE_OAUTH_REFRESH_TOKEN renews a token that is not set.", remedy=remedy)


def _check_urls(settings: Settings) -> None:
    check_base_url(settings.ANTHROPIC_BASE_URL)
    carriers = (
        ("DISCORD_API_URL", settings.DISCORD_API_URL, "http", "https"),
        ("DISCORD_GATEWAY_URL", settings.DISCORD_GATEWAY_URL, "ws", "wss"),
        ("GITHUB_API_URL", settings.GITHUB_API_URL, "http", "https"),
        ("ELEVENLABS_BASE_URL", settings.ELEVENLABS_BASE_URL, "http", "https"),
    )
    for name, value, plain, safe in carriers:
        if value is None:
            continue
        parts = urlsplit(value)
        if parts.scheme == safe and parts.hostname:
            continue
        if not (parts.scheme == plain and parts.hostname and is_loopback(parts.hostname)):
            remedy = f"It carries a token: use {safe}://, or {plain}:// to loopback."
            raise SettingsError(f"{name} is not safe.", remedy=remedy)
    _check_forge(settings.GITHUB_API_URL)


def _check_forge(url: str | None) -> None:
    try:
        _ = hosts.of_forge(url) if url else ()
    except ValueError as error:
        remedy = "Give it as https://HOST/api/v3, or leave it out for GitHub's own."
        raise SettingsError(f"GITHUB_API_URL: {error}.", remedy=remedy) from error
