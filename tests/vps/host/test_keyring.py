"""Secrets on the host, and what the mask learns of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from vps.host import keyring
from vps.host.refused import Refused
from vps.mask import Mask

NAME, RUN = "NPM_TOKEN", "claude-agent-1700000000000-abcdef"


def test_a_secret_is_its_owners_alone_and_is_listed_by_name(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert (keyring.listed(root, {}), keyring.stamp(root)) == ({"secrets": []}, "")
    assert keyring.put(root, {"name": NAME, "value": "naïve one"}) == {"replaced": False}
    before = keyring.stamp(root)
    assert keyring.put(root, {"name": NAME, "value": "the second one"}) == {"replaced": True}

    place = tmp_path / "secrets" / NAME
    assert (place.stat().st_mode & 0o777, place.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    (listed,) = keyring.listed(root, {})["secrets"]
    assert listed == {"name": NAME, "set_at": place.stat().st_mtime}
    assert keyring.granted(root, [NAME]) == [f"{NAME}=the second one"]
    assert keyring.stamp(root) not in ("", before)


def test_an_unknown_one_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(Refused) as none:
        keyring.granted(str(tmp_path), ["A"])
    assert none.value.answer["remedy"].startswith("There is none yet.")
    keyring.put(str(tmp_path), {"name": NAME, "value": "x" * 8})
    with pytest.raises(Refused) as refused:
        keyring.granted(str(tmp_path), ["A", NAME, "B"])
    assert refused.value.answer["message"] == "there is no secret A, B"
    assert refused.value.answer["remedy"].startswith("There are NPM_TOKEN.")
    with pytest.raises(Refused):
        keyring.remove(str(tmp_path), {"name": "A"})
    with pytest.raises(ValueError, match="not a secret's name"):
        keyring.put(str(tmp_path), {"name": "../x", "value": "x" * 8})


def test_there_are_only_so_many(tmp_path: Path) -> None:
    for number in range(keyring.MOST):
        keyring.put(str(tmp_path), {"name": f"S{number}", "value": "x" * 8})
    with pytest.raises(Refused):
        keyring.put(str(tmp_path), {"name": NAME, "value": "x" * 8})
    keyring.put(str(tmp_path), {"name": "S1", "value": "y" * 8})


def test_what_a_run_was_given_is_masked_after_it_was_changed_and_removed(tmp_path: Path) -> None:
    given = tmp_path / "runs" / RUN / "in" / "secrets"
    given.parent.mkdir(parents=True)
    keyring.put(str(tmp_path), {"name": NAME, "value": "an old value"})
    given.write_bytes("".join(f"{word}\0" for word in keyring.granted(str(tmp_path), [NAME])).encode())
    keyring.put(str(tmp_path), {"name": NAME, "value": "a new value"})
    told = keyring.values(str(tmp_path), {})
    assert told == {"values": ["a new value", "an old value"], "stamp": keyring.stamp(str(tmp_path))}
    keyring.remove(str(tmp_path), {"name": NAME})

    mask = Mask([SecretStr("ours-0123456789")])
    mask.learn(map(SecretStr, keyring.values(str(tmp_path), {})["values"]))
    assert mask.text("ours-0123456789, an old value, a new value") == "[masked], [masked], a new value"


def test_the_lines_of_a_secret_are_masked_one_by_one_but_not_a_files_frame() -> None:
    mask = Mask()
    mask.learn([SecretStr("-----BEGIN THING-----\nfirst-0123456789abcdef\n{\nsecond-0123456789abcdef\n")])
    assert mask.text("+ first-0123456789abcdef") == "+ [masked]"
    assert mask.text("-----BEGIN THING----- {") == "-----BEGIN THING----- {"
