"""The lease on a root directory: one holder, as long as it renews."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from vps.host import lease


def request(holder: str, session: str = "1", **changes: Any) -> dict[str, Any]:
    return {"holder": holder, "session": holder + session, "label": f"{holder} on desk", "starts": True, **changes}


def alter(root: Path, **changes: Any) -> None:
    path = root / "lease.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_the_second_is_told_who_has_it_since_when_and_how_long(tmp_path: Path) -> None:
    first = lease.take(str(tmp_path), request("ann"))
    second = lease.take(str(tmp_path), request("bob"))
    assert (first["taken"], second["taken"]) == (True, False)
    assert (second["label"], second["since"]) == ("ann on desk", first["since"])
    assert 0 < second["left_s"] <= lease.LEASE_S


def test_renewing_keeps_since_when_and_moves_until_when(tmp_path: Path) -> None:
    since = lease.take(str(tmp_path), request("ann"))["since"]
    alter(tmp_path, until=json.loads((tmp_path / "lease.json").read_text())["until"] - 20)
    renewed = lease.take(str(tmp_path), request("ann", starts=False))
    assert (renewed["taken"], renewed["since"]) == (True, since)
    assert renewed["left_s"] == pytest.approx(lease.LEASE_S)


def test_one_that_was_killed_has_it_back_at_once(tmp_path: Path) -> None:
    lease.take(str(tmp_path), request("ann", "1"))
    assert lease.take(str(tmp_path), request("ann", "2"))["taken"]


def test_of_two_with_one_id_the_earlier_is_told_at_its_next_renewal(tmp_path: Path) -> None:
    lease.take(str(tmp_path), request("ann", "1"))
    lease.take(str(tmp_path), request("ann", "2", label="ann on sofa"))
    refused = lease.take(str(tmp_path), request("ann", "1", starts=False))
    assert (refused["taken"], refused["label"]) == (False, "ann on sofa")


@pytest.mark.parametrize("change", [{"until": 0.0}, {"until": 1e12}, {"boot": "an earlier one"}, {"until": "soon"}])
def test_what_ran_out_or_can_be_of_nobody_alive_is_free(tmp_path: Path, change: dict[str, Any]) -> None:
    lease.take(str(tmp_path), request("ann"))
    alter(tmp_path, **change)
    assert lease.take(str(tmp_path), request("bob"))["taken"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff\x00", b'{"holder": "ann", "sess'])
def test_a_file_that_is_no_lease_is_free(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "lease.json").write_bytes(content)
    assert lease.take(str(tmp_path), request("bob"))["taken"]


def test_given_back_it_is_free_and_only_its_session_gives_it_back(tmp_path: Path) -> None:
    lease.take(str(tmp_path), request("ann"))
    lease.release(str(tmp_path), {"session": "bob1"})
    assert not lease.take(str(tmp_path), request("bob"))["taken"]
    lease.release(str(tmp_path), {"session": "ann1"})
    assert lease.take(str(tmp_path), request("bob"))["taken"]


def test_of_many_that_ask_at_once_one_gets_it(tmp_path: Path) -> None:
    taken, ready = list[bool](), threading.Barrier(16)

    def ask(number: int) -> None:
        ready.wait()
        taken.append(lease.take(str(tmp_path), request(f"bot{number}"))["taken"])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False] * 15 + [True]


def test_it_takes_no_more_room_when_it_is_renewed(tmp_path: Path) -> None:
    lease.take(str(tmp_path), request("ann", label="x" * 10_000))
    size = (tmp_path / "lease.json").stat().st_size
    lease.take(str(tmp_path), request("ann", starts=False))
    lease.release(str(tmp_path), {"session": "ann1"})
    assert (tmp_path / "lease.json").stat().st_size == size


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lease.json").symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="lease"):
        lease.take(str(tmp_path), request("ann"))
    assert not (tmp_path / "other").exists()
