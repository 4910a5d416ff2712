"""What pruning counts and takes, on directories alone."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from vps.host import layout
from vps.host import prune as prune_module
from vps.host.prune import prune

DAY_S = 86_400.0


def ended(root: Path, number: int, *, age_s: float = 0, transcript: int = 0) -> str:
    """A run that ended `age_s` ago, with so many bytes of transcripts."""
    name = f"claude-agent-179000000000{number}-abc123"
    end = root / "runs" / name / "docker.json"
    end.parent.mkdir(parents=True)
    end.write_text("{}")
    grow_old(end, age_s)
    (root / "sessions" / name).mkdir(parents=True)
    (root / "sessions" / name / "one.jsonl").write_bytes(b"x" * transcript)
    return name


def grow_old(path: Path, age_s: float) -> None:
    then = time.time() - age_s
    os.utime(path, (then, then))


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_transcripts_count_and_the_oldest_go_first(tmp_path: Path) -> None:
    names = [ended(tmp_path, number, transcript=1 << 20) for number in range(3)]
    assert prune(str(tmp_path), DAY_S, 5 << 19) == names[:1]
    assert names_in(tmp_path / "sessions") == names[1:]


def test_age_alone_is_reason_enough_and_open_runs_stay(tmp_path: Path) -> None:
    old, running = ended(tmp_path, 1, age_s=2 * DAY_S), ended(tmp_path, 2, age_s=2 * DAY_S)
    (tmp_path / "runs" / running / "docker.json").unlink()
    assert prune(str(tmp_path), DAY_S, 1 << 20) == [old]
    assert names_in(tmp_path / "runs") == [running]


def test_a_run_whose_making_broke_off_goes_after_an_hour(tmp_path: Path) -> None:
    young, old = (tmp_path / "runs" / f"{ended(tmp_path, number)}.new" for number in (1, 2))
    for each in (young, old):
        each.mkdir()
    grow_old(old, 2 * 3600)
    prune(str(tmp_path), DAY_S, 1 << 20)
    assert (young.exists(), old.exists()) == (True, False)


def test_a_run_that_is_woken_meanwhile_stays_and_the_others_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    woken, other = ended(tmp_path, 1, age_s=2 * DAY_S), ended(tmp_path, 2, age_s=2 * DAY_S)
    sizes = prune_module.sizes

    def sized(directory: str, names: list[str]) -> dict[str, int]:
        end = tmp_path / "runs" / woken / "docker.json"
        if end.exists():
            end.rename(end.with_name("docker-1.json"))
        return sizes(directory, names)

    monkeypatch.setattr(prune_module, "sizes", sized)
    assert prune(str(tmp_path), DAY_S, 0) == [other]
    assert names_in(tmp_path / "runs") == names_in(tmp_path / "sessions") == [woken]


def test_a_run_that_is_being_removed_has_its_name_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, remove, known = ended(tmp_path, 1, age_s=2 * DAY_S), prune_module.remove, list[bool]()

    def removed(paths: list[str]) -> None:
        known.append(layout.known(str(tmp_path), name))
        remove(paths)

    monkeypatch.setattr(prune_module, "remove", removed)
    assert prune(str(tmp_path), DAY_S, 1 << 20) == [name]
    assert known == [False]
    assert names_in(tmp_path / "runs") == []
