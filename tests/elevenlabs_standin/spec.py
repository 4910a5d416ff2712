"""Checks bodies and frames against what ElevenLabs publishes of its API, and what is sent against the SDK's types (2.78.0) too."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from elevenlabs.client import ElevenLabs
from elevenlabs.conversational_ai.agents.client import AgentsClient
from elevenlabs.conversational_ai.conversation import AsyncConversation, ClientTools
from elevenlabs.conversational_ai.tools.client import ToolsClient
from elevenlabs.types import ConversationInitiationClientDataRequestInput
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012, Schema

from tests.elevenlabs_standin.keys import Problem, Published, Shape, Typed, Written, body_of, unknown

_FILE = Path(__file__).parents[1] / "data/elevenlabs/api.json"
_DOCUMENT = "urn:elevenlabs"
_CREATE, _UPDATE = "/v1/convai/agents/create post", "/v1/convai/agents/{agent_id} patch"
_METHODS: Mapping[str, Callable[..., Any]] = {
    "/v1/convai/tools post": ToolsClient.create,
    "/v1/convai/tools/{tool_id} patch": ToolsClient.update,
    _CREATE: AgentsClient.create,
    _UPDATE: AgentsClient.update,
}
"""What the SDK sends each with."""
_OPENING = "ConversationInitiationClientData"
"""The client's frame that the SDK has a type for."""


class Specification:
    """The documents' parts that the stand-in uses."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
        schemas: dict[str, Any] = self.document["schemas"]
        judged = {name: node if name.endswith("-Output") else _without_keys(node) for name, node in schemas.items()}
        contents = {"components": {"schemas": judged}, "messages": self.document["messages"]}
        resource: Resource[Schema] = Resource.from_contents(contents, default_specification=DRAFT202012)
        empty: Registry[Schema] = Registry()
        self._registry = empty.with_resource(_DOCUMENT, resource)

    def request(self, operation: str, body: Any) -> list[Problem]:
        """What is wrong with a request's body; `operation` is the path and the method."""
        names: list[str] = [self.document["operations"][operation]["request"]]
        problems = self.schema(names[0], body)
        if operation == _UPDATE:
            # Its own schema leaves its members open; they are those of a new agent, none of them required.
            names.append(self.document["operations"][_CREATE]["request"])
            problems += self.schema(names[1], {"conversation_config": {}, **body})
        shapes = [self._published(self.document["schemas"][name]) for name in names]
        return [*problems, *unknown(operation, body, [*shapes, body_of(_METHODS[operation])])]

    def response(self, operation: str, body: Any) -> list[Problem]:
        """What is wrong with an answer's body."""
        name = self.document["operations"][operation]["response"]
        return self.schema(name, body) if name else []

    def schema(self, name: str, body: Any) -> list[Problem]:
        """What is wrong with a value of a schema, its keys aside."""
        return self._errors(f"#/components/schemas/{name}", body)

    def from_client(self, frame: Any) -> list[Problem]:
        """What is wrong with a frame of the client's."""
        if (name := self._name(self.document["sent_by_client"], frame)) is None:
            return [_no_message(frame)]
        shapes: list[Shape] = [self._published(self.document["messages"][name])]
        if name == _OPENING:
            shapes += [Typed(ConversationInitiationClientDataRequestInput), Written(_sdk_opening())]
        return [*self._errors(f"#/messages/{name}", frame), *unknown(name, frame, shapes)]

    def from_server(self, frame: Any) -> list[Problem]:
        """What is wrong with a frame of the server's."""
        name = self._name(self.document["sent_by_server"], frame)
        return [_no_message(frame)] if name is None else self._errors(f"#/messages/{name}", frame)

    def _published(self, node: Mapping[str, Any]) -> Published:
        return Published(node, self.document["schemas"])

    def _name(self, names: Sequence[str], frame: Any) -> str | None:
        """The message that a frame is, by its type; the client's sound has none."""
        messages = self.document["messages"]
        kinds = {messages[name]["properties"].get("type", {}).get("const"): name for name in names}
        return kinds.get(frame.get("type"))

    def _errors(self, pointer: str, body: Any) -> list[Problem]:
        # References within a schema are relative to the document it stands in.
        validator = Draft202012Validator({"$ref": f"{_DOCUMENT}{pointer}"}, registry=self._registry)
        errors: Iterable[ValidationError] = validator.iter_errors(body)  # pyright: ignore[reportUnknownMemberType]  its stubs leave it open
        return [Problem(pointer, tuple(error.absolute_path), error.message[-300:]) for error in errors]


@cache
def _sdk_opening() -> dict[str, Any]:
    """The SDK's first frame of a conversation in text, nothing else asked for. Its `text_only` stands beside the group that its own
    types have it in.
    """
    idle = cast("ClientTools", SimpleNamespace(start=lambda: None))
    conversation = AsyncConversation(cast("ElevenLabs", None), "agent", requires_auth=False, client_tools=idle)
    return json.loads(conversation._create_initiation_message())  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType]  no other way to see it without a server


def _no_message(frame: Any) -> Problem:
    return Problem("frame", ("type",), f"there is no message of type {frame.get('type')}")


def _without_keys(node: Any) -> Any:
    """A schema as a validator is to see it: which keys there may be, `unknown` says; what is wrong in the alternative that a
    discriminator names is told at its place.
    """
    if isinstance(node, list):
        return [_without_keys(each) for each in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    given = cast("dict[str, Any]", node)
    if "mapping" in given.get("discriminator", {}):
        return _chosen(**given["discriminator"])
    return {
        name: _without_keys(each) for name, each in given.items() if (name, each) != ("additionalProperties", False)
    }


def _chosen(propertyName: str, mapping: Mapping[str, str]) -> dict[str, Any]:  # noqa: N803  OpenAPI's name
    """Alternatives by the value of a property, which then has to be there."""
    chosen = [
        {"if": {"required": [propertyName], "properties": {propertyName: {"const": value}}}, "then": {"$ref": pointer}}
        for value, pointer in mapping.items()
    ]
    return {"required": [propertyName], "properties": {propertyName: {"enum": [*mapping]}}, "allOf": chosen}


@cache
def specification() -> Specification:
    """Read once."""
    return Specification()
