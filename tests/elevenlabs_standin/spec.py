"""Checks bodies and frames against what ElevenLabs publishes of its API."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012, Schema

_FILE = Path(__file__).parents[1] / "data/elevenlabs/api.json"
_DOCUMENT = "urn:elevenlabs"


class Specification:
    """The documents' parts that the stand-in uses."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
        contents = {"components": {"schemas": self.document["schemas"]}, "messages": self.document["messages"]}
        resource: Resource[Schema] = Resource.from_contents(contents, default_specification=DRAFT202012)
        empty: Registry[Schema] = Registry()
        self._registry = empty.with_resource(_DOCUMENT, resource)

    def request(self, operation: str, body: Any) -> list[str]:
        """What is wrong with a request's body; `operation` is the path and the method."""
        return self._body(self.document["operations"][operation]["request"], body)

    def response(self, operation: str, body: Any) -> list[str]:
        """What is wrong with an answer's body."""
        return self._body(self.document["operations"][operation]["response"], body)

    def schema(self, name: str, body: Any) -> list[str]:
        """What is wrong with a value of a schema."""
        return self._errors(f"#/components/schemas/{name}", body)

    def from_client(self, frame: Any) -> list[str]:
        """What is wrong with a frame of the client's."""
        return self._frame(self.document["sent_by_client"], frame)

    def from_server(self, frame: Any) -> list[str]:
        """What is wrong with a frame of the server's."""
        return self._frame(self.document["sent_by_server"], frame)

    def _body(self, name: str | None, body: Any) -> list[str]:
        return self.schema(name, body) if name else []

    def _frame(self, names: list[str], frame: Any) -> list[str]:
        kind = frame.get("type")
        fitting = [
            name for name in names if self.document["messages"][name]["properties"].get("type", {}).get("const") == kind
        ]
        if not fitting:
            return [f"there is no message of type {kind}"]
        return self._errors(f"#/messages/{fitting[0]}", frame)

    def _errors(self, pointer: str, body: Any) -> list[str]:
        # References within a schema are relative to the document it stands in.
        validator = Draft202012Validator({"$ref": f"{_DOCUMENT}{pointer}"}, registry=self._registry)
        errors: Iterable[ValidationError] = validator.iter_errors(body)  # pyright: ignore[reportUnknownMemberType]  its stubs leave it open
        return [f"{pointer} {error.json_path}: {error.message[-300:]}" for error in errors]


@cache
def specification() -> Specification:
    """Read once."""
    return Specification()
