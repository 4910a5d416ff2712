"""Which keys a request may have: those that the public documents name, and those of the SDK's own types for the same object.

Neither has them all: the documents that are kept are older than the SDK, and leave some objects open. ElevenLabs itself passes
over most keys that it does not know, so a misspelt one would go unnoticed there; here it is told.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import (
    Annotated,
    Any,
    ForwardRef,
    Literal,
    Protocol,
    TypeGuard,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import elevenlabs.types
from pydantic import BaseModel, ConfigDict, create_model

Path = tuple[str | int, ...]
_CHOICES = ("oneOf", "anyOf")
_PLAIN: Mapping[Any, tuple[type, ...]] = {
    str: (str,), bool: (bool,), int: (int,), float: (int, float), types.NoneType: (types.NoneType,),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at a place in a body or frame; `kind` is pydantic's word for it, which ElevenLabs answers with."""

    what: str
    path: Path
    message: str
    kind: str = "value_error"


class Shape(Protocol):
    """What one source says of a value."""

    @property
    def is_open(self) -> bool:
        """Whether it says nothing of it."""
        ...

    @property
    def is_null(self) -> bool:
        """Whether it is null alone."""
        ...

    @property
    def fixed(self) -> Mapping[str, Sequence[Any]]:
        """The keys that have certain values only, by which alternatives are told apart."""
        ...

    def variants(self, value: Any) -> list[Shape]:
        """The alternatives that the value may be, references followed."""
        ...

    def takes(self, value: Any) -> bool:
        """Whether it may be such a value, its members aside."""
        ...

    def member(self, key: str) -> list[Shape]:
        """What it says of a key; nothing where it does not know it."""
        ...

    def items(self) -> list[Shape]:
        """What it says of a list's items."""
        ...


@dataclass(frozen=True, slots=True)
class Published:
    """A node of the public documents. Whether it takes a value is for a validator to say."""

    node: Mapping[str, Any]
    schemas: Mapping[str, Any]

    @property
    def is_open(self) -> bool:
        free = self.node.get("type") == "object" and not self.node.keys() & {"properties", "additionalProperties"}
        return free or not self.node.keys() & {"type", "properties", "const", "enum"}

    @property
    def is_null(self) -> bool:
        return self.node.get("type") == "null"

    @property
    def fixed(self) -> Mapping[str, Sequence[Any]]:
        properties: Mapping[str, Mapping[str, Any]] = self.node.get("properties", {})
        known = properties.items()
        return {key: node.get("enum") or [node["const"]] for key, node in known if node.keys() & {"const", "enum"}}

    def variants(self, value: Any) -> list[Shape]:
        return _fitting(list(self._alternatives()), value)

    def takes(self, value: Any) -> bool:
        return True

    def member(self, key: str) -> list[Shape]:
        named: Mapping[str, Any] = self.node.get("properties", {})
        others: Any = self.node.get("additionalProperties", False)
        if key in named or others is not False:
            node = named.get(key, others)
            return [Published({} if node is True else node, self.schemas)]
        return []

    def items(self) -> list[Shape]:
        return [Published(self.node.get("items", {}), self.schemas)] if self.node.get("type") == "array" else []

    def _alternatives(self) -> Iterator[Published]:
        if "$ref" in self.node:
            yield from Published(self.schemas[self.node["$ref"].rpartition("/")[2]], self.schemas)._alternatives()
        elif choice := next((each for each in _CHOICES if each in self.node), None):
            for node in self.node[choice]:
                yield from Published(node, self.schemas)._alternatives()
        else:
            yield self


@dataclass(frozen=True, slots=True)
class Typed:
    """An annotation of the SDK's."""

    annotation: Any

    @property
    def is_open(self) -> bool:
        return self.annotation is Any

    @property
    def is_null(self) -> bool:
        return self.annotation is types.NoneType

    @property
    def fixed(self) -> Mapping[str, Sequence[Any]]:
        fields = _fields(self.annotation) if _is_model(self.annotation) else {}
        inside = {key: [each.annotation for each in Typed(found)._alternatives()] for key, found in fields.items()}
        values = {key: [value for each in found for value in _literals(each)] for key, found in inside.items()}
        return {key: found for key, found in values.items() if found}

    def variants(self, value: Any) -> list[Shape]:
        return _fitting(list(self._alternatives()), value)

    def takes(self, value: Any) -> bool:
        if isinstance(value, dict):
            return _is_model(self.annotation) or self._is_map()
        if isinstance(value, list):
            return self._is_list()
        if get_origin(self.annotation) is Literal:
            return value in _literals(self.annotation)
        return type(value) in _PLAIN.get(self.annotation, ())

    def member(self, key: str) -> list[Shape]:
        if _is_model(self.annotation):
            return [Typed(found)] if (found := _fields(self.annotation).get(key)) is not None else []
        return [Typed(get_args(self.annotation)[1])] if self._is_map() else []

    def items(self) -> list[Shape]:
        return [Typed(get_args(self.annotation)[0])] if self._is_list() else []

    def _is_map(self) -> bool:
        return get_origin(self.annotation) in (dict, Mapping)

    def _is_list(self) -> bool:
        return get_origin(self.annotation) in (list, Sequence)

    def _alternatives(self) -> Iterator[Typed]:
        origin = get_origin(self.annotation)
        if origin is Annotated:
            yield from Typed(get_args(self.annotation)[0])._alternatives()
        elif origin in (Union, types.UnionType):
            for each in get_args(self.annotation):
                yield from Typed(each)._alternatives()
        elif isinstance(self.annotation, ForwardRef):
            yield from Typed(getattr(elevenlabs.types, self.annotation.__forward_arg__))._alternatives()
        else:
            yield self


@dataclass(frozen=True, slots=True)
class Written:
    """A value that the SDK writes by itself, which need not stand in its own types."""

    value: Any
    is_open: bool = False
    is_null: bool = False
    fixed: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])

    def variants(self, value: Any) -> list[Shape]:
        return [self]

    def takes(self, value: Any) -> bool:
        return isinstance(value, dict) if isinstance(self.value, dict) else value == self.value

    def member(self, key: str) -> list[Shape]:
        inside: Any = self.value
        return [Written(inside[key])] if isinstance(inside, dict) and key in inside else []

    def items(self) -> list[Shape]:
        return []


@cache
def body_of(method: Callable[..., Any]) -> Shape:
    """What a method of the SDK sends as body, by its signature: parameters of the path stand before the `*`, those of the query
    have None as default, and `request` is the body itself.
    """
    hints = get_type_hints(method, include_extras=True)
    sent = {
        name: hints[name]
        for name, each in inspect.signature(method).parameters.items()
        if each.kind is each.KEYWORD_ONLY and each.default in (each.empty, ...)
    }
    if sent.keys() == {"request"}:
        return Typed(sent["request"])
    fields: dict[str, Any] = {name: (annotation, None) for name, annotation in sent.items()}
    # The SDK has `model_id`, a kind of name that pydantic warns of.
    return Typed(create_model(method.__qualname__, __config__=ConfigDict(protected_namespaces=()), **fields))


def unknown(what: str, value: Any, shapes: Sequence[Shape], path: Path = ()) -> Iterator[Problem]:
    """Every key, at any depth, that no source knows, and every value of which only the SDK tells and that does not fit it."""
    found = [each for shape in shapes for each in shape.variants(value)]
    telling = [each for each in found if not each.is_open]
    if found and not telling:
        return
    if telling and not any(each.takes(value) for each in telling):
        yield Problem(what, path, f"{str(value)[-100:]} does not fit the SDK's type")
    if isinstance(value, dict):
        for key, member in cast("dict[str, Any]", value).items():
            if known := [shape for each in telling for shape in each.member(key)]:
                yield from unknown(what, member, known, (*path, key))
            else:
                yield Problem(what, (*path, key), "Extra inputs are not permitted", "extra_forbidden")
    elif isinstance(value, list):
        items = [shape for each in telling for shape in each.items()]
        for number, item in enumerate(cast("list[Any]", value)):
            yield from unknown(what, item, items, (*path, number))


def _fitting(alternatives: Sequence[Shape], value: Any) -> list[Shape]:
    """Without those that have another fixed value, such as `type`, than it has; all if none would be left."""
    possible = [each for each in alternatives if value is None or not each.is_null]
    if not isinstance(value, dict):
        return possible
    given = cast("dict[str, Any]", value)
    left = [each for each in possible if all(given.get(key, of[0]) in of for key, of in each.fixed.items())]
    return left or possible


def _literals(annotation: Any) -> Sequence[Any]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _is_model(annotation: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    """By the names they are sent by."""
    return {each.alias or name: each.annotation for name, each in model.model_fields.items()}
