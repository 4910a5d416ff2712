"""How an agent reaches the model: directly, or through a socket when the model listens on the host's own loopback."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from vps.commands.claude import MODEL_SOCKET
from vps.errors import BadInput


@dataclass(frozen=True, slots=True)
class ModelRoute:
    """`base_url` and `environ` are the CLI's; `target` is the host:port on the host's loopback the socket leads to, if any."""

    base_url: str | None
    target: str | None

    @property
    def environ(self) -> dict[str, str]:
        """What the CLI needs beside its base URL."""
        return {"ANTHROPIC_UNIX_SOCKET": MODEL_SOCKET} if self.target else {}


def route(base_url: str | None) -> ModelRoute:
    """Raises BadInput for an ANTHROPIC_BASE_URL that is no http(s) URL.

    A loopback address means the host's loopback. Its container has another, and never shares the host's network: one
    UNIX socket leads to that one address.
    """
    if base_url is None:
        return ModelRoute(None, None)
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        remedy = "Give it as http://HOST:PORT or https://HOST, or leave it out for Anthropic's own."
        raise BadInput("ANTHROPIC_BASE_URL", f"{base_url!r} is no http or https URL.", remedy=remedy)
    if not is_loopback(parts.hostname):
        return ModelRoute(base_url, None)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return ModelRoute(urlunsplit((parts.scheme, "localhost", parts.path, "", "")), target)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
