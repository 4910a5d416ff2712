"""Where attached files go on the host, and when they do not."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from vps.host.attachments import place, provide, remove
from vps.host.refused import Refused

NAME = "claude-agent-1795300000000-a1b2c3"
ID = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    directory = tmp_path / "runs" / NAME
    directory.mkdir(parents=True)
    provide(str(directory))
    return directory


def asked(root: Path, name: str = NAME, message_id: str = ID, size: int = 10) -> dict[str, object]:
    return place(str(root), {"name": name, "id": message_id, "bytes": size})


def test_the_place_of_a_message_is_open_to_the_agents_user_and_stays_when_asked_again(
    tmp_path: Path, run: Path
) -> None:
    ready = {"state": "ready", "directory": str(run / "attachments" / ID), "aside": str(run)}
    assert asked(tmp_path) == ready
    (run / "attachments" / ID / "a.txt").touch()
    assert asked(tmp_path) == ready
    assert (run / "attachments" / ID / "a.txt").exists()
    assert [stat.S_IMODE(each.stat().st_mode) for each in (run / "attachments", run / "attachments" / ID)] == [
        0o755
    ] * 2


def test_a_run_that_is_not_there_or_of_an_earlier_version_gets_nothing(tmp_path: Path, run: Path) -> None:
    assert asked(tmp_path, name="claude-agent-1795300000000-d4e5f6") == {"state": "missing"}
    (run / "attachments").rmdir()
    assert asked(tmp_path) == {"state": "old"}
    assert list(run.iterdir()) == []


def test_the_files_of_a_message_that_was_refused_go_and_no_others(tmp_path: Path, run: Path) -> None:
    asked(tmp_path)
    for name, message_id in ((NAME, "../attachments"), (NAME, "."), ("../x", ID)):
        remove(str(tmp_path), {"name": name, "id": message_id})
    assert (run / "attachments" / ID).is_dir()
    for _ in range(2):
        remove(str(tmp_path), {"name": NAME, "id": ID})
    assert list((run / "attachments").iterdir()) == []


@pytest.mark.parametrize("message_id", ["../../in", "a", ID + "\n", ""])
def test_what_is_no_messages_id_becomes_no_path(tmp_path: Path, run: Path, message_id: str) -> None:
    with pytest.raises(ValueError, match="not a message's id"):
        asked(tmp_path, message_id=message_id)
    assert list((run / "attachments").iterdir()) == []


def test_a_full_disk_is_refused_before_anything_is_sent(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nearly_full(_path: str) -> SimpleNamespace:
        return SimpleNamespace(free=300 << 20)

    monkeypatch.setattr(shutil, "disk_usage", nearly_full)
    with pytest.raises(Refused) as refused:
        asked(tmp_path, size=50 << 20)
    assert refused.value.answer["field"] == "disk"
    assert list((run / "attachments").iterdir()) == []
