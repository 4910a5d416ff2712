"""The address of the model's API, as the VPS reaches it."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from vps.errors import BadInput

PUBLIC = "https://api.anthropic.com"
"""Where none is set."""


def check_base_url(base_url: str | None) -> None:
    """Raises BadInput for an ANTHROPIC_BASE_URL that is no http(s) URL. A loopback address means the host's loopback."""
    if base_url is None:
        return
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        remedy = "Give it as http://HOST:PORT or https://HOST, or leave it out for Anthropic's own."
        raise BadInput("ANTHROPIC_BASE_URL", f"{base_url!r} is no http or https URL.", remedy=remedy)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
