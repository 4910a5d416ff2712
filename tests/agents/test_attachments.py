"""Which files reach an agent, under which names; what is refused says why, and the rest goes through."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import zipfile
from collections.abc import Sequence

import pytest
from pydantic import ValidationError

from agents import archives
from agents.attachments import Accepted, Attachment, Refused, notice, safe_names, sort_out
from agents.pictures import media_type
from tests.pictures import gif, jpeg, png, webp

MIB = 1 << 20


def unnamed(value: object) -> str | None:
    """An archive holds the time it was made at: a test is not named by it."""
    return "content" if isinstance(value, bytes) else None


EXE = b"MZ\x90\x00" + bytes(60) + b"PE\x00\x00"


def sorted_out(*given: tuple[str, bytes], most: int = 25 * MIB) -> tuple[list[Accepted], list[Refused]]:
    return sort_out([Attachment(name=name, content=content) for name, content in given], most)


def why_not(name: str, content: bytes, most: int = 25 * MIB) -> str:
    accepted, refused = sorted_out((name, content), most=most)
    assert len(accepted) + len(refused) == 1
    return refused[0].why if refused else ""


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(members: int, size: int = 10) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for number in range(members):
            entry = tarfile.TarInfo(f"{number}.txt")
            entry.size = size
            archive.addfile(entry, io.BytesIO(b"x" * size))
    return file.getvalue()


def test_what_is_refused_is_named_with_a_remedy_and_the_rest_goes_through() -> None:
    accepted, refused = sorted_out(
        ("notes.txt", b"hello"),
        ("tool.exe", b"x"),
        ("shot.png", png(20, 10)),
        ("bomb.zip", zipped({"a": bytes(60 * MIB)})),
    )
    assert accepted == [Accepted("notes.txt", b"hello"), Accepted("shot.png", png(20, 10), "image/png")]
    assert [each.name for each in refused] == ["tool.exe", "bomb.zip"]
    assert str(refused[0]).startswith("`tool.exe` is a program or script for Windows")
    assert "zip bomb" in refused[1].why
    assert notice("/attachments/1", accepted, refused) == (
        f"[Attached: /attachments/1/notes.txt (5 bytes), /attachments/1/shot.png ({len(png(20, 10))} bytes)]\n"
        "[Attached but not passed on: tool.exe, bomb.zip]"
    )
    assert notice("/a", accepted[:1], []) == "[Attached: /a/notes.txt (5 bytes)]"


def test_a_message_takes_ten_files_of_a_size_and_fifty_megabytes_together() -> None:
    accepted, refused = sorted_out(*((f"{number}.txt", b"x") for number in range(11)))
    assert (len(accepted), [each.name for each in refused]) == (10, ["10.txt"])
    assert "is one too many: a message takes 10 files" in refused[0].why
    assert "has 2 MB; at most 1 MB are passed on" in why_not("big.txt", bytes(2 * MIB), most=MIB)
    many = [(f"{number}.bin", b"\x01" * (24 * MIB)) for number in range(3)]
    accepted, refused = sorted_out(*many, ("small.txt", b"x"))
    assert [each.name for each in accepted] == ["0.bin", "1.bin", "small.txt"]
    assert "50 MB together" in refused[0].why


def test_a_file_without_content_is_refused_for_its_own_reason() -> None:
    _, refused = sort_out([Attachment(name="gone.txt", missing="is gone. Attach it again.")], MIB)
    assert [str(each) for each in refused] == ["`gone.txt` is gone. Attach it again."]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *((f"a.{ending}", b"x") for ending in ("exe", "EXE", "msi", "scr", "bat", "cmd", "com", "dll", "lnk")),
        ("a.exe.", b"x"),
        ("a.exe ", b"x"),
        ("photo.png", EXE),
        ("note.txt", b"L\x00\x00\x00\x01\x14\x02\x00" + bytes(20)),
    ],
    ids=unnamed,
)
def test_what_runs_on_windows_is_refused_by_its_name_and_by_what_it_is(name: str, content: bytes) -> None:
    assert "for Windows" in why_not(name, content)


def test_a_text_that_begins_like_a_program_is_a_text() -> None:
    assert why_not("names.txt", b"MZ is a country code of old. " * 10) == ""


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(zipped({"a": bytes(60 * MIB)}), id="zip"),
        pytest.param(zipped({f"{number}": bytes(4 * MIB) for number in range(20)}), id="zip of many"),
        pytest.param(zipped({"a": bytes(60 * MIB)}, zipfile.ZIP_BZIP2), id="zip with bzip2"),
        pytest.param(gzip.compress(bytes(60 * MIB)), id="gz"),
        pytest.param(gzip.compress(tarred(1, 60 * MIB)), id="tar.gz"),
        pytest.param(bz2.compress(bytes(60 * MIB)), id="bz2"),
        pytest.param(lzma.compress(bytes(60 * MIB)), id="xz"),
    ],
    ids=unnamed,
)
def test_a_bomb_is_found_whatever_it_is_called(content: bytes) -> None:
    assert "zip bomb" in why_not("harmless.txt", content)


def test_a_zip_that_lies_about_its_size_is_found() -> None:
    content, true = bytearray(zipped({"a": bytes(60 * MIB)})), struct.pack("<I", 60 * MIB)
    assert content.count(true) == 2, "in the member's head and in the directory"
    lying = bytes(content).replace(true, struct.pack("<I", 10))
    assert why_not("a.zip", lying) != ""


def test_more_than_the_most_is_found_in_what_is_large_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_BYTES", 12 * MIB)
    assert "zip bomb" in why_not("a.zip", zipped({"a": random.Random(1).randbytes(13 * MIB)}, zipfile.ZIP_STORED))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (zipped({f"{number}": b"" for number in range(10_001)}), "more than 10000 files"),
        (gzip.compress(tarred(10_001, 0)), "more than 10000 files"),
        (tarred(10_001, 0), "more than 10000 files"),
        (zipped({"a": b"x" * 5000})[:-30], "cannot be read"),
        (gzip.compress(b"x" * 5000)[:-12], "cannot be read"),
        (tarred(3, 5000)[:8000], "cut short"),
        (tarred(1)[:156] + b"S" + tarred(1)[157:], "files with holes"),
    ],
    ids=unnamed,
)
def test_what_cannot_be_judged_is_refused(content: bytes, why: str) -> None:
    assert why in why_not("a.zip", content)


def test_an_encrypted_zip_is_refused() -> None:
    content = bytearray(zipped({"a": b"x"}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in why_not("a.zip", bytes(content))


@pytest.mark.parametrize(
    "content",
    [
        zipped({"a/b.txt": b"some text\n" * 5000, "empty/": b""}),
        gzip.compress(tarred(20)),
        tarred(20),
        bz2.compress(b"x" * 5000),
        lzma.compress(tarred(2)),
        b"7z\xbc\xaf\x27\x1c" + bytes(100),
        b"",
    ],
    ids=unnamed,
)
def test_archives_as_people_make_them_go_through(content: bytes) -> None:
    assert why_not("a.archive", content) == ""


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (["../../etc/passwd", "..\\..\\boot.ini", "/"], ["passwd", "boot.ini", "file"]),
        (["..", ".", "", "\u202etxt.exe\n", ".env"], ["file", "file-2", "file-3", "txt.exe", ".env"]),
        (["a.txt", "A.txt", "a.txt", "a-2.txt"], ["a.txt", "A-2.txt", "a-3.txt", "a-2-2.txt"]),
        (["two words; rm -rf $HOME.md", "-rf", 'it\'s "q".py'], ["two_words_rm_-rf_HOME.md", "rf", "it_s_q_.py"]),
        (["Übersicht 日本語.pdf", "\ud800.txt"], ["Übersicht_日本語.pdf", ".txt"]),
        (["x" * 300 + ".tar.gz", "日" * 300 + ".txt"], ["x" * 100 + ".gz", "日" * 33 + ".txt"]),
    ],
)
def test_names_are_safe_and_each_is_another(given: Sequence[str], made: Sequence[str]) -> None:
    assert safe_names(given) == list(made)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (png(20, 10), "image/png"),
        (jpeg(20, 10), "image/jpeg"),
        (gif(20, 10), "image/gif"),
        (webp(20, 10), "image/webp"),
        (png(2000, 1), "image/png"),
    ],
    ids=unnamed,
)
def test_a_whole_image_is_shown(content: bytes, kind: str) -> None:
    assert media_type(content) == kind


@pytest.mark.parametrize(
    "content",
    [
        *(whole[:-3] for whole in (png(20, 10), jpeg(20, 10), gif(20, 10), webp(20, 10))),
        png(2001, 1),
        jpeg(1, 2001),
        gif(0, 10),
        webp(2001, 1),
        png(20, 10).replace(b"IDAT", b"IDAU"),
        png(20, 10)[:20] + b"\x01" + png(20, 10)[21:],
        png(20, 10, pixels=b"\0" * 7),
        b"\x89PNG\r\n\x1a\n",
        b"<svg/>",
        b"",
        b"\xff\xd8\xff\xd9",
    ],
    ids=unnamed,
)
def test_an_image_that_is_broken_large_or_none_goes_as_a_file_alone(content: bytes) -> None:
    assert media_type(content) == ""


def test_at_most_four_images_of_a_message_are_shown() -> None:
    accepted, refused = sorted_out(*((f"{number}.png", png(2, 2)) for number in range(6)))
    assert ([bool(each.media_type) for each in accepted], refused) == ([True] * 4 + [False] * 2, [])


def test_content_comes_as_bytes_or_in_base64() -> None:
    assert (
        Attachment.model_validate({"name": "a", "content": base64.b64encode(b"\xff\x00").decode()}).content
        == b"\xff\x00"
    )
    with pytest.raises(ValidationError, match="base64"):
        Attachment.model_validate({"name": "a", "content": "a*b"})
    assert "secret" not in repr(Attachment(name="a", content=b"secret"))
