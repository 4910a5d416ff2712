"""In whose name work is committed: git refuses names of nothing but marks, and people have such names."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.tools.publishing import author
from tests.vps.git_remote import git
from vps.models import Origin


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("...", "discord:42"),
        (" <>,;:'\"\\\\ ", "discord:42"),
        ("", "discord:42"),
        ("\u202eada\n", "\u202eada"),
        ("🦊", "🦊"),
    ],
)
async def test_every_persons_name_is_one_git_takes(tmp_path: Path, shown: str, name: str) -> None:
    told, address = author(Origin(caller="discord:42", caller_name=shown, surface="tests"))
    assert told == name
    await git("init", "--quiet", str(tmp_path))
    await git("commit", "--allow-empty", "-m", "x", f"--author={told} <{address}>", cwd=tmp_path)
    assert await git("log", "--format=%ae", cwd=tmp_path) == address


def test_a_caller_without_a_name_that_git_takes_is_called_after_the_program() -> None:
    assert author(Origin(caller="...", caller_name="...", surface="tests"))[0] == "AgentFlow"
