"""Conversations at the gateway, as the host keeps them."""

from __future__ import annotations

import json
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vps.host import gateway, talks
from vps.host.refused import Refused

NAME = "talk-1790000000000-abcdef"
REQUEST = {"name": NAME, "person": "discord:1", "budget_usd": 2.0}


@pytest.fixture
def root() -> Iterator[Path]:
    """Where somebody listens for that conversation; a socket's path may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="agentflow-", dir="/tmp") as made, socket.socket(socket.AF_UNIX) as model:
        place = Path(made) / "gateway" / "runs" / NAME
        place.mkdir(parents=True)
        model.bind(str(place / "model.sock"))
        model.listen()
        yield Path(made)


def give(root: Path, kind: str) -> None:
    (root / "gateway" / "credential.json").write_text(json.dumps({"kind": kind, "secret": "x"}))


def specs(root: Path) -> list[str]:
    return sorted(path.stem for path in (root / "gateway" / "specs").iterdir())


def test_one_is_let_in_for_a_turn(root: Path) -> None:
    give(root, "api_key")
    assert talks.begin(str(root), REQUEST) == {"socket": str(root / "gateway" / "runs" / NAME / "model.sock")}
    spec = json.loads((root / "gateway" / "specs" / f"{NAME}.json").read_text())
    assert spec == {
        "network": "none", "workspace": "", "talk": True, "person": "discord:1", "budget_usd": 2.0, "ancestors": {},
    }  # fmt: skip
    talks.end(str(root), {"name": NAME})
    assert specs(root) == []


def test_one_that_was_left_is_of_whoever_talks_next(root: Path) -> None:
    give(root, "api_key")
    talks.begin(str(root), REQUEST)
    talks.begin(str(root), {**REQUEST, "person": "discord:2", "budget_usd": 1.0})
    spec = json.loads((root / "gateway" / "specs" / f"{NAME}.json").read_text())
    assert (spec["person"], spec["budget_usd"]) == ("discord:2", 1.0)


def test_a_subscription_lets_nobody_in(root: Path) -> None:
    give(root, "oauth")
    with pytest.raises(Refused, match="for Claude Code alone"):
        talks.begin(str(root), REQUEST)
    assert not gateway.is_admitted(str(root), NAME)


def test_one_that_gets_no_way_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give(root, "api_key")
    monkeypatch.setattr(talks, "_READY_S", 0.05)
    other = NAME.replace("abcdef", "ghijkl")
    with pytest.raises(Refused, match="no way to the model"):
        talks.begin(str(root), {**REQUEST, "name": other})
    assert specs(root) == []


def test_a_root_whose_sockets_nobody_can_reach_is_named(root: Path) -> None:
    far = root / ("x" * 60)
    (far / "gateway").mkdir(parents=True)
    give(far, "api_key")
    with pytest.raises(Refused, match="leads to no socket"):
        talks.begin(str(far), REQUEST)


def test_a_name_that_is_none_becomes_no_path(root: Path) -> None:
    give(root, "api_key")
    with pytest.raises(ValueError, match="not a name"):
        talks.begin(str(root), {**REQUEST, "name": "../../etc"})
    talks.end(str(root), {"name": "../../credential"})
    assert (root / "gateway" / "credential.json").exists()


def test_what_is_cleared_are_conversations_and_no_runs(root: Path) -> None:
    give(root, "api_key")
    run = NAME.replace("abcdef", "zzzzzz")
    gateway.admit(str(root), run, {"network": "none", "person": "", "workspace": ""})
    talks.begin(str(root), REQUEST)
    talks.end(str(root), {"name": run})
    assert talks.clear(str(root), {}) == {"ended": [NAME]}
    assert specs(root) == [run]
    assert talks.clear(str(root / "nowhere"), {}) == {"ended": []}
