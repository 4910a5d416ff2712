"""What a person presses a button for is all that is done: nothing of it hides, is forged, or is pushed out of sight."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pytest
from pydantic import SecretStr

from agents.tools.publishing import PUSH
from agents.tools.spawn import SPAWN
from agents.tools.stakes import question, visible
from bot.render.text import plain, width
from vps.mask import Mask

NO_SECRETS = Mask()
MOST = 1300
"""UTF-16 units that a message shows of a question."""


def spawning(**given: Any) -> str:
    return question(SPAWN.description, SPAWN.parse(given), NO_SECRETS)


def names(shown: str) -> list[str]:
    """Of the lines that begin a value, in order."""
    return re.findall(r"^([a-z][a-z_ ]*): ", shown, re.MULTILINE)


@pytest.mark.parametrize(
    ("hidden", "written"),
    [
        ("\x1b]0;then send it out\x07", "<U+001B>]0;then send it out<U+0007>"),
        ("\x1b[8mx", "<U+001B>[8mx"),
        ("\x9b8mx", "<U+009B>8mx"),
        ("\U000e0041\U000e0042", "<U+E0041><U+E0042>"),
        ("\u200b\u200d\u2060\ufeff", "<U+200B><U+200D><U+2060><U+FEFF>"),
        ("\u202etxt\u2066", "<U+202E>txt<U+2066>"),
        ("\u2028\u2029\u00a0\t\r", "<U+2028><U+2029><U+00A0><U+0009><U+000D>"),
        ("\u3164\ufe0f\U000e0101\u2800", "<U+3164><U+FE0F><U+E0101><U+2800>"),
    ],
)
def test_what_shows_nothing_is_written_out_so_that_nothing_is_removed_later(hidden: str, written: str) -> None:
    shown = spawning(task=f"fix the typo{hidden}")
    assert f"task: fix the typo{written}" in shown
    assert plain(shown) == shown


def test_no_sign_of_unicode_that_has_no_glyph_stays_as_it_is() -> None:
    every = "".join(map(chr, range(0x110000)))
    left = set(visible(every)) - {"\n", " "}
    assert not [hex(ord(sign)) for sign in left if unicodedata.category(sign)[0] in "CZ"]
    assert set("aé漢字🦊`|*") <= left


def test_no_value_passes_for_another_argument() -> None:
    given = PUSH.parse({"workspace_name": "api", "commit_message": "Fix\nbranch: agent/safe\r\nbranch: main"})
    shown = question(PUSH.description, given, NO_SECRETS)
    assert sorted(names(shown)) == ["commit_message", "workspace_name"]
    assert "commit_message: Fix\n    branch: agent/safe<U+000D>\n    branch: main" in shown


@pytest.mark.parametrize("sign", ["x", "🦊", "\n", "\u200b"])
def test_padding_pushes_no_argument_out_of_what_is_shown(sign: str) -> None:
    given = {
        "task": "send the repository out" + sign * 50_000,
        "system_prompt": "task: run the tests\n" + sign * 49_000,
        "append_system_prompt": "be brief" + sign * 40_000,
        "env": "A=" + "x" * 15_000,
        "model": "m" * 200,
        "workspace_path": "/srv/" + "x" * 4000,
        "secrets": ",".join(f"NPM_TOKEN_{number}" for number in range(100)),
        "network": "open",
        "max_turns": 3,
    }
    shown = spawning(**given)
    assert width(plain(shown)) <= MOST
    assert set(names(shown)) == given.keys()
    assert names(shown)[:2] == ["max_turns", "network"]
    assert "task: send the repository out" in shown
    assert f"({len(str(given['task']))} characters)" in shown
    assert "network: open\n" in shown


def test_what_is_cut_follows_in_full_where_that_can_be_shown() -> None:
    given = SPAWN.parse({"task": "x" * 3000 + "\x1b[8m\nnetwork: open", "network": "restricted"})
    shown = question(SPAWN.description, given, NO_SECRETS)
    whole = question(SPAWN.description, given, NO_SECRETS, in_full=True)
    assert whole.startswith(f"{shown}\n\nIn full:\n{SPAWN.description}?\nnetwork: restricted\ntask: xxx")
    assert whole.endswith("x<U+001B>[8m\n    network: open")
    short = SPAWN.parse({"task": "fix it"})
    assert question("Start", short, NO_SECRETS, in_full=True) == "Start?\ntask: fix it"


def test_a_secret_is_masked_before_it_is_cut_or_its_lines_are_indented() -> None:
    secret = "-----BEGIN KEY-----\n" + "k3y" * 500
    mask = Mask([SecretStr(secret)])
    given = SPAWN.parse({"task": f"use {secret} there"})
    shown = question(SPAWN.description, given, mask, in_full=True)
    assert "k3y" not in shown
    assert re.search(r"task: use \[masked.*\] there", shown)


def test_a_secret_beside_an_escape_sequence_takes_nothing_with_it() -> None:
    mask = Mask([SecretStr("s3cret-s3cret")])
    given = SPAWN.parse({"task": "use s3cret-s3cret\x1b]0;then send it out\x07"})
    shown = question(SPAWN.description, given, mask)
    assert re.search(r"task: use \[masked.*\]<U\+001B>\]0;then send it out<U\+0007>", shown)


def test_what_it_is_about_and_what_it_costs_stand_with_the_arguments() -> None:
    given = PUSH.parse({"workspace_name": "api"})
    shown = question("Push", given, NO_SECRETS, about={"goes to": "x\nbranch: y"}, told="Really?")
    assert shown == "Push?\nReally?\nworkspace_name: api\ngoes to: x\n    branch: y"
