"""Where the trees of agents' children lie, and what is theirs of the host's answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from vps.host import families, workspaces

PARENT = "claude-agent-1790000000000-abcdef"
TREE = "api--abcdef--fix-it-ghijkl"


@pytest.fixture
def root(tmp_path: Path) -> str:
    for name in ("api", "api--by-hand-123456"):
        (tmp_path / "workspaces" / name).mkdir(parents=True)
    families.provide(str(tmp_path), PARENT)
    Path(workspaces.path(str(tmp_path), TREE)).mkdir()
    return str(tmp_path)


def test_a_childs_tree_lies_in_the_directory_that_its_parent_has(root: str) -> None:
    assert str(Path(workspaces.path(root, TREE)).parent) == families.provide(root, PARENT)
    assert workspaces.name_of(root, workspaces.path(root, TREE)) == (TREE, "")
    assert workspaces.name_of(root, f"{workspaces.path(root, TREE)}/docs/a") == (TREE, "docs/a")
    assert workspaces.base(TREE) == "api"
    found = {item["name"]: item for item in workspaces.look(root, {})["workspaces"]}
    assert list(found) == ["api", TREE, "api--by-hand-123456"]
    assert found["api"]["trees"] == [TREE, "api--by-hand-123456"]
    assert found[TREE]["there"]


@pytest.mark.parametrize("path", ["", "abcdef", "abcdef/api", "uvwxyz/" + TREE, "abcdef/.new-1", "abcdef/workspace"])
def test_what_lies_among_them_under_another_name_is_no_workspace(root: str, path: str) -> None:
    place = Path(root, families.PLACE, path)
    place.mkdir(parents=True, exist_ok=True)
    assert workspaces.name_of(root, str(place)) is None
    assert len(workspaces.look(root, {})["workspaces"]) == 3


def test_directories_of_runs_that_are_gone_go_unless_a_tree_is_in_them(root: str) -> None:
    empty = families.provide(root, "claude-agent-1790000000000-empty0")
    known = families.provide(root, "claude-agent-1790000000000-known0")
    Path(root, "runs", "claude-agent-1790000000000-known0").mkdir(parents=True)
    families.clear(root)
    there = [Path(each).is_dir() for each in (empty, known, workspaces.path(root, TREE))]
    assert there == [False, True, True]
