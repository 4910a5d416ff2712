"""What a person attaches to a message: which files reach an agent, under which names, and which of them it sees as images."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_serializer

from agents import archives, pictures
from vps import attachments as placing
from vps.models import Enclosed

MOST_FILES = 10
MOST_TOGETHER = 50 << 20
_LONGEST_NAME, _LONGEST_ENDING = 100, 12
_UNSAFE = re.compile(r"[^\w.+@=,-]+")
_WINDOWS = tuple("exe dll com scr pif cpl msi msp msix bat cmd lnk hta vbs vbe wsf".split())  # noqa: SIM905  one line
_SHORTCUT = b"L\x00\x00\x00\x01\x14\x02\x00"


def _decoded(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("is no base64") from error


class Attachment(BaseModel):
    """A file to go with a message. `missing` says, with a remedy, why there is no content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(max_length=1000)]
    content: Annotated[bytes, BeforeValidator(_decoded), Field(repr=False)] = b""
    missing: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({_told(len(self.content))})"

    @field_serializer("content", when_used="json")
    def _told(self, content: bytes) -> str:
        """Told apart by it; nobody reads a file from JSON of ours."""
        return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True)
class Accepted:
    """One that goes to the agent. `media_type` is that of an image that it is shown, else empty."""

    name: str
    content: bytes
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """One that does not. `why` goes on after the name and ends with the remedy."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"`{self.name}` {self.why}"


class Room:
    """What a message still takes; `file_bytes` is the limit of each file."""

    def __init__(self, file_bytes: int) -> None:
        self._file_bytes = file_bytes
        self._files, self._left = MOST_FILES, MOST_TOGETHER

    def why_not(self, size: int) -> str:
        """Take up the room of a file, or say why there is none."""
        if not self._files:
            return f"is one too many: a message takes {MOST_FILES} files. Send it in another message."
        if size > self._file_bytes:
            return f"has {_told(size)}; at most {_told(self._file_bytes)} are passed on. Send a part of it, or a link."
        if size > self._left:
            return (
                f"is too much: the files of a message have {_told(MOST_TOGETHER)} together. Send it in another message."
            )
        self._files, self._left = self._files - 1, self._left - size
        return ""


def sort_out(given: Sequence[Attachment], file_bytes: int) -> tuple[list[Accepted], list[Refused]]:
    """Those that go to the agent, and the others. It may take seconds: archives are looked into."""
    room, accepted, refused = Room(file_bytes), list[Accepted](), list[Refused]()
    for name, file in zip(safe_names(file.name for file in given), given, strict=True):
        if why := file.missing or room.why_not(len(file.content)) or _why_not(name, file.content):
            refused.append(Refused(name, why))
        else:
            accepted.append(Accepted(name, file.content, _shown(file.content, accepted)))
    return accepted, refused


def _why_not(name: str, content: bytes) -> str:
    is_program = content.startswith(_SHORTCUT) or (content.startswith(b"MZ") and b"\0" in content[:64])
    if is_program or name.rpartition(".")[2].lower() in _WINDOWS:
        return "is a program or script for Windows, which agents do not get. Send its source, or its text as .txt."
    return archives.why_not(content)


def _shown(content: bytes, before: Sequence[Accepted]) -> str:
    there = [len(each.content) for each in before if each.media_type]
    fits = len(there) < pictures.MOST and sum(there) + len(content) <= pictures.MOST_TOGETHER
    return pictures.media_type(content) if fits else ""


def safe_names(given: Iterable[str]) -> list[str]:
    """Names for files of one directory that need no quoting anywhere, each another one, whatever they were."""
    names = list[str]()
    for each in given:
        stem, ending = _parts(each)
        name, number = stem + ending, 1
        while name.lower() in map(str.lower, names):
            number += 1
            name = f"{stem}-{number}{ending}"
        names.append(name)
    return names


def _parts(given: str) -> tuple[str, str]:
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", given).rstrip("/\\"))[-1]
    name = _UNSAFE.sub("_", last.encode("utf-8", "replace").decode()).strip("_").rstrip(".")
    stem, dot, ending = name.rpartition(".")
    if not stem.strip(".") or len(ending) > _LONGEST_ENDING:
        stem, dot, ending = name, "", ""
    stem = stem.lstrip("-") if stem.strip(".-") else "file"
    # 255 bytes is what a name may have (limits.h); a character has up to four in UTF-8.
    return stem.encode()[:_LONGEST_NAME].decode("utf-8", "ignore"), dot + ending


def enclosed(message_id: str, accepted: Sequence[Accepted], refused: Sequence[Refused]) -> Enclosed:
    """What a message of that id takes along."""
    return Enclosed(
        told=notice(placing.directory(message_id), accepted, refused),
        files=tuple((file.name, file.content) for file in accepted),
        pictures=tuple((f"{message_id}/{file.name}", file.media_type) for file in accepted if file.media_type),
    )


def notice(directory: str, accepted: Sequence[Accepted], refused: Sequence[Refused]) -> str:
    """What the agent reads behind the words: where the files are, and what it was not given."""
    there = [f"{directory}/{file.name} ({_told(len(file.content))})" for file in accepted]
    lines = [f"[Attached: {', '.join(there)}]"] if there else []
    if refused:
        lines.append(f"[Attached but not passed on: {', '.join(each.name for each in refused)}]")
    return "\n".join(lines)


def with_refused(told: str, refused: Sequence[str]) -> str:
    """An answer that also tells of the files that did not go along."""
    return "\n".join([told, *(f"Not passed on: {each}" for each in refused)])


def _told(size: int) -> str:
    for unit, of in (("MB", 1 << 20), ("KB", 1 << 10)):
        if size >= of:
            return f"{size / of:.3g} {unit}"
    return f"{size} bytes"
