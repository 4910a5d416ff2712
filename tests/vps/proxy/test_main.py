"""The gateway's process follows the files that others write."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import cast

import pytest

from vps.proxy import gate, main, paths


class Keeper:
    """Counts how often it was told to read them."""

    def __init__(self) -> None:
        self.loads = 0

    def load(self) -> None:
        self.loads += 1

    def tick(self) -> None:
        return

    def tidy(self) -> None:
        return


class Proxy:
    """Runs for one look."""

    def __init__(self) -> None:
        self.looks = [None, 0]

    def poll(self) -> int | None:
        return self.looks.pop(0)


def test_what_was_written_before_it_watched_is_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "SPECS", "ALLOWED", "LOG"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(paths, name, str(tmp_path / name))
    for name in ("MODEL_LOG", "EGRESS_LOG"):
        monkeypatch.setattr(paths, name, str(tmp_path / name))
    keeper = Keeper()
    main._follow(cast("gate.Gate", keeper), cast("subprocess.Popen[bytes]", Proxy()))  # pyright: ignore[reportPrivateUsage]  it goes on until Envoy ends
    assert keeper.loads == 1
