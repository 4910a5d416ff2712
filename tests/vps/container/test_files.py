"""Images that the inbox names become blocks of the message as the CLI is given it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from vps.commands.claude import user_message
from vps.container import paths
from vps.container.attached import with_files

IDS = [f"00000000-0000-4000-8000-{number:012}" for number in range(12)]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "ATTACHMENTS", str(tmp_path))
    monkeypatch.setattr(paths, "INBOX", str(tmp_path / "inbox.jsonl"))
    (tmp_path / "inbox.jsonl").touch()
    (tmp_path / "a.png").write_bytes(b"\x89pixels")
    return tmp_path


def line(number: int, *names: str, text: str = "look") -> bytes:
    attached = "[Attached: files]" if names else ""
    return user_message(text, IDS[number], attached, [(name, "image/png") for name in names]).rstrip("\n").encode()


def content(fed: bytes) -> Any:
    message = json.loads(fed)
    assert not {"attached", "pictures"} & set(message)
    return message["message"]["content"]


def test_an_image_stands_before_the_words_with_its_type() -> None:
    data = base64.b64encode(b"\x89pixels").decode()
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    fed = with_files(line(0, "a.png"))
    assert content(fed) == [image, {"type": "text", "text": "look\n\n[Attached: files]"}]
    assert json.loads(fed)["uuid"] == IDS[0]


@pytest.mark.parametrize(
    "text", ["words", 'the word "attached"', '{"attached": "x", "pictures": [["a.png", "image/png"]]}']
)
def test_a_message_without_files_stays_as_it_is(text: str) -> None:
    assert with_files(line(0, text=text)) == line(0, text=text)


def test_an_image_that_is_gone_or_no_file_is_left_out(place: Path) -> None:
    (place / "pipe.png").symlink_to("a.png")
    assert content(with_files(line(0, "gone.png", "pipe.png"))) == "look\n\n[Attached: files]"


def test_a_session_is_shown_thirty_images_counted_over_all_its_containers(place: Path) -> None:
    lines = [line(number, *["a.png"] * 4) for number in range(9)]
    (place / "inbox.jsonl").write_bytes(b"\n".join([line(10), b'{"torn "attached"', *lines, line(11, "a.png"), b""]))
    fed = [content(with_files(each)) for each in lines]
    assert [len(each) - 1 for each in fed[:-1]] == [4] * 7 + [2]
    assert fed[-1] == "look\n\n[Attached: files]"
