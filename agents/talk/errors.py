"""Why the model did not answer."""

from __future__ import annotations

from vps.errors import VpsError


class ModelRefused(VpsError):
    """The model's API, or the gateway before it, would not answer."""


class Broken(Exception):
    """The way there broke."""
