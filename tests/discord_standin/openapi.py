"""Checks requests and responses against Discord's own OpenAPI document.

The document is https://github.com/discord/discord-api-spec, `specs/openapi.json`. It is not part of this repository:
the environment variable DISCORD_OPENAPI names a copy.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012, Schema

VARIABLE = "DISCORD_OPENAPI"
_DOCUMENT = "urn:discord-openapi"
_IDS = re.compile(r"(^|_)ids?$|^users$|^roles$")


def template_pattern(template: str) -> re.Pattern[str]:
    """A pattern for a path template: names that end in `_id` stand for digits, the others for one segment."""
    parts = re.split(r"\{(\w+)\}", template)
    named = [f"(?P<{part}>{r'[0-9]+' if part.endswith('_id') else r'[^/]+'})" for part in parts[1::2]]
    literal = [re.escape(part) for part in parts[::2]]
    return re.compile("".join(a + b for a, b in zip(literal, [*named, ""], strict=True)))


def with_string_ids(body: Any, key: str = "") -> Any:
    """The body with integer snowflakes as strings: clients send both, and Discord takes both.

    The `id` of a component is a small integer and stays one; that of an attachment becomes a string.
    """
    if isinstance(body, Mapping):
        members = cast("Mapping[Any, Any]", body)
        return {str(k): with_string_ids(v, _key_of(str(k), key)) for k, v in members.items()}
    if isinstance(body, list):
        return [with_string_ids(each, key) for each in cast("list[Any]", body)]
    number = isinstance(body, int) and not isinstance(body, bool)
    return str(body) if number and _IDS.search(key) and key != "id" else body


def _key_of(key: str, parent: str) -> str:
    return "attachment_id" if key == "id" and parent == "attachments" else key


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    pointer: str
    """JSON pointer to the operation, escaped."""
    pattern: re.Pattern[str]
    literal: int
    """How many characters of the template are literal; the most literal match wins."""
    document: Mapping[str, Any]
    query: frozenset[str]


class Specification:
    """The document, with one validator per body."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        resource: Resource[Schema] = Resource.from_contents(dict(document), default_specification=DRAFT202012)
        empty: Registry[Schema] = Registry()
        self._registry = empty.with_resource(_DOCUMENT, resource)
        self._operations = {method: list(_operations(document, method)) for method in _METHODS}
        self._validator = cache(self._make_validator)

    @classmethod
    def from_environment(cls) -> Specification | None:
        """The document that DISCORD_OPENAPI names; None when it is not set."""
        path = os.environ.get(VARIABLE)
        return load(path) if path else None

    def request_problems(self, method: str, path: str, query: Iterable[str], body: Any) -> list[str]:
        """What is wrong with a request. `path` comes after `/api/v10`; `body` is None when there is none."""
        operation = self._find(method, path)
        if operation is None:
            return ["the path is not documented"]
        unknown = [f"query parameter {name!r} is not documented" for name in query if name not in operation.query]
        return unknown + self._body_problems(operation, body)

    def response_problems(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """What is wrong with an answer; errors (4XX, 5XX) are not described closely enough to be checked."""
        operation = self._find(method, path)
        if operation is None or status >= 400:
            return []
        described = operation.document["responses"].get(str(status))
        if described is None:
            return [f"status {status} is not documented"]
        if "application/json" not in described.get("content", {}):
            return [] if body is None else [f"a body with status {status} is not documented"]
        return self._errors(f"{operation.pointer}/responses/{status}/content/application~1json/schema", body)

    def _body_problems(self, operation: Operation, body: Any) -> list[str]:
        content = operation.document.get("requestBody", {}).get("content", {})
        if not content:
            return ["a body is not documented"] if body else []
        if body is None:
            return ["the body is missing"] if operation.document["requestBody"].get("required") else []
        kind = "application/json" if "application/json" in content else "multipart/form-data"
        pointer = f"{operation.pointer}/requestBody/content/{kind.replace('/', '~1')}/schema"
        return self._errors(pointer, with_string_ids(body))

    def _errors(self, pointer: str, body: Any) -> list[str]:
        errors: Iterable[ValidationError] = self._validator(pointer).iter_errors(body)  # pyright: ignore[reportUnknownMemberType]  its stubs leave it open
        return [f"{error.json_path}: {error.message[-300:]}" for error in map(_cause, errors)]

    def _make_validator(self, pointer: str) -> Draft202012Validator:
        return Draft202012Validator({"$ref": f"{_DOCUMENT}#{pointer}"}, registry=self._registry)

    def _find(self, method: str, path: str) -> Operation | None:
        found = [each for each in self._operations.get(method, []) if each.pattern.fullmatch(path)]
        return max(found, key=lambda each: each.literal, default=None)


_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def _operations(document: Mapping[str, Any], method: str) -> Iterable[Operation]:
    for template, item in document["paths"].items():
        if (operation := item.get(method.lower())) is None:
            continue
        parameters = [*item.get("parameters", []), *operation.get("parameters", [])]
        yield Operation(
            pointer=f"/paths/{_escaped(template)}/{method.lower()}",
            pattern=template_pattern(template),
            literal=len(re.sub(r"\{\w+\}", "", template)),
            document=operation,
            query=frozenset(each["name"] for each in parameters if each.get("in") == "query"),
        )


def _cause(error: ValidationError) -> ValidationError:
    """The error inside a union that explains it: the deepest one in a variant whose `type` fits."""
    while context := list(error.context or []):
        misfits = {each.schema_path[0] for each in context if list(each.path)[-1:] == ["type"]}
        fitting = [each for each in context if each.schema_path[0] not in misfits]
        error = max(fitting or context, key=lambda each: len(each.absolute_path))
    return error


def _escaped(template: str) -> str:
    """A path template as one token of a JSON pointer in a URI fragment."""
    return template.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


@cache
def load(path: str) -> Specification:
    """Reads the document once per process. Raises `OSError` when it cannot be read."""
    return Specification(json.loads(Path(path).read_text(encoding="utf-8")))
