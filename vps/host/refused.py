"""A request that cannot be met."""

from __future__ import annotations


class Refused(Exception):
    """The fields go back to the control plane."""

    def __init__(self, field: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.answer = {"field": field, "message": message, "remedy": remedy}
