"""A channel's options on the host."""

from __future__ import annotations

from pathlib import Path

import pytest

from vps.host import channels


def test_options_are_set_changed_and_dropped_one_by_one_and_channels_are_apart(tmp_path: Path) -> None:
    def change(channel: str, **changes: object) -> dict[str, object]:
        told = channels.change(str(tmp_path), {"channel": channel, "changes": changes, "by": "ada"})["options"]
        return {name: option["value"] for name, option in told.items()}

    assert channels.read(str(tmp_path), {"channel": "1"}) == {"options": {}}
    assert change("1", model="opus", max_turns=5) == {"model": "opus", "max_turns": 5}
    assert change("1", model=None, effort="low", timeout=None) == {"max_turns": 5, "effort": "low"}
    assert change("2", model="sonnet") == {"model": "sonnet"}
    told = channels.read(str(tmp_path), {"channel": "1"})["options"]
    assert told.keys() == {"max_turns", "effort"}
    assert told["effort"]["by"] == "ada"


def test_a_damaged_file_is_not_taken_for_no_settings(tmp_path: Path) -> None:
    channels.change(str(tmp_path), {"channel": "1", "changes": {"model": "opus"}, "by": "ada"})
    (tmp_path / "control" / "channels" / "1.json").write_text("{")
    with pytest.raises(OSError, match="correct or remove it"):
        channels.read(str(tmp_path), {"channel": "1"})
    with pytest.raises(OSError, match="correct or remove it"):
        channels.change(str(tmp_path), {"channel": "1", "changes": {}, "by": "ada"})


def test_a_channel_is_never_part_of_a_path(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a channel's id"):
        channels.read(str(tmp_path), {"channel": "../x"})
