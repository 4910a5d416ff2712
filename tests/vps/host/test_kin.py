"""Which children end with their parent: told by the files of their runs alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from vps.host.kin import is_orphan

PARENT, CHILD = "claude-agent-1790000000000-parent", "claude-agent-1790000000001-child0"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, kin in ((PARENT, {}), (CHILD, {"parent": PARENT, "depth": 1})):
        (tmp_path / "runs" / name).mkdir(parents=True)
        written(tmp_path, name, "run.json", json.dumps({"kin": kin}))
    return tmp_path


def written(root: Path, name: str, file: str, text: str = "{}", at: int = 0) -> Path:
    path = root / "runs" / name / file
    path.write_text(text)
    os.utime(path, (at, at))
    return path


def test_a_child_ends_with_its_parent_and_one_that_outlives_it_does_not(root: Path) -> None:
    assert not is_orphan(str(root), CHILD), "its parent is there"
    written(root, PARENT, "docker.json", at=10)
    assert is_orphan(str(root), CHILD)
    assert not is_orphan(str(root), PARENT), "nobody's child"
    written(root, CHILD, "run.json", json.dumps({"kin": {"parent": PARENT, "depth": 1, "outlive": True}}))
    assert not is_orphan(str(root), CHILD)


def test_a_child_that_a_person_woke_after_its_parents_end_goes_on(root: Path) -> None:
    end = written(root, PARENT, "docker.json", at=10)
    woken = written(root, CHILD, "woken", at=5)
    assert is_orphan(str(root), CHILD), "its parent woke it, and ended after that"
    os.utime(woken, (11, 11))
    assert not is_orphan(str(root), CHILD)
    end.unlink()
    (root / "runs" / PARENT / "run.json").unlink()
    (root / "runs" / PARENT).rmdir()
    assert not is_orphan(str(root), CHILD), "its parent was pruned"
    woken.unlink()
    assert is_orphan(str(root), CHILD)
