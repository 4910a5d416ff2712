"""A parameter as a surface takes it that knows only plain types: text, numbers, yes or no, and choices."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Sequence
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from agents.tools.confirm import CONFIRM
from agents.tools.core import Tool

_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


def option_type(field: FieldInfo) -> Any:
    """Text where people may write `10m` or `4g`, the Literal where there are choices, else the field's own type."""
    annotation = _plain(field.annotation)
    if any(isinstance(item, BeforeValidator) for item in [*field.metadata, *_metadata(field.annotation)]):
        return str
    if get_origin(annotation) is Literal:
        return annotation
    return annotation if annotation in _JSON_TYPES else str


def schema(tool: Tool[Any, Any]) -> dict[str, Any]:
    """Its parameters as JSON Schema, without `$ref`, `anyOf` or null (not every API takes those), secrets and files."""
    properties = {name: _property(name, field) for name, field in tool.seen.items()}
    required = [name for name, field in tool.seen.items() if field.is_required()]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def for_models(tools: Sequence[Tool[Any, Any]]) -> tuple[Tool[Any, Any], ...]:
    """Those that a model may call: no yes in a person's place, and nothing that takes a secret."""
    return tuple(tool for tool in tools if not tool.unseen and tool is not CONFIRM)


def _property(name: str, field: FieldInfo) -> dict[str, Any]:
    kind = option_type(field)
    found: dict[str, Any] = {"description": field.description or name.replace("_", " ")}
    if get_origin(kind) is Literal:
        return {"type": "string", **found, "enum": list(get_args(kind))}
    found = {"type": _JSON_TYPES[kind], **found}
    if not field.is_required() and field.default not in (None, ""):
        found["default"] = str(field.default) if kind is str else field.default
    return found


def _plain(annotation: Any) -> Any:
    """Without `None` and `Annotated`."""
    annotation = _without_none(annotation)
    return get_args(annotation)[0] if get_origin(annotation) is typing.Annotated else annotation


def _metadata(annotation: Any) -> tuple[Any, ...]:
    annotation = _without_none(annotation)
    return tuple(get_args(annotation)[1:]) if get_origin(annotation) is typing.Annotated else ()


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation


def sendable(value: Any) -> Any:
    """JSON without lone surrogates, which names of files have and UTF-8 has not: one would end the session."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
