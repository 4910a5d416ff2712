"""What the gateway reads and writes beside the host, which does both at the same time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vps.host import gateway
from vps.proxy import gate, paths, refresh
from vps.proxy.state import State

RUN, GONE = "claude-agent-1790000000001-abcdef", "claude-agent-1790000000002-abcdef"
OLD = {"kind": "oauth", "secret": "old", "refresh_token": "r1", "expires_at": 0}
GIVEN = {"kind": "api_key", "secret": "given"}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    before, home = paths.HOME, str(tmp_path / "gateway")
    for name, value in list(vars(paths).items()):
        if name.isupper() and str(value).startswith(before):
            monkeypatch.setattr(paths, name, home + value.removeprefix(before))
    for directory in (paths.SPECS, paths.ALLOWED, paths.RUNS, paths.LOG, f"{paths.ENVOY}/routes"):
        Path(directory).mkdir(parents=True)
    Path(paths.CREDENTIAL).write_text(json.dumps(OLD))
    return tmp_path


def renewed(credential: dict[str, Any]) -> dict[str, Any]:
    return {**credential, "secret": "new", "refresh_token": "r2"}


def test_a_token_is_renewed_in_its_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "renewed", renewed)
    keeper = gate.Gate()
    keeper.load()
    keeper._renew(dict(OLD))  # pyright: ignore[reportPrivateUsage]  a thread of its own does it
    assert json.loads(Path(paths.CREDENTIAL).read_text()) == renewed(OLD)


def test_a_credential_that_is_given_while_the_one_before_is_renewed_stays(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def given_meanwhile(credential: dict[str, Any]) -> dict[str, Any]:
        gateway.renew(str(root), {"credential": GIVEN, "by_hand": True})
        return renewed(credential)

    monkeypatch.setattr(refresh, "renewed", given_meanwhile)
    keeper = gate.Gate()
    keeper.load()
    keeper._renew(dict(OLD))  # pyright: ignore[reportPrivateUsage]  a thread of its own does it
    assert json.loads(Path(paths.CREDENTIAL).read_text())["secret"] == "given"


def test_a_run_that_is_revoked_while_it_is_read_is_not_let_in_without_a_budget(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.admit(str(root), RUN, {"network": "none", "person": "discord:1", "budget_usd": 1.0})

    def listed(_directory: str) -> list[str]:
        return [RUN, GONE]

    monkeypatch.setattr("vps.proxy.state._names", listed)
    state = State()
    state.load()
    assert list(state.runs) == [RUN]
