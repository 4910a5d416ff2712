"""A host without a Docker engine, or where it does not answer: told before anything starts, and nothing stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.agents.conftest import KEY, Station, environ
from tests.host_figures import variable
from vps.testing.model import ScriptedModel
from vps.testing.sshd import generate_key, sshd


@pytest.fixture
async def bare(place: Path, figures: Path) -> AsyncIterator[Station]:
    key = place / "key"
    nowhere = {"SetEnv": f"DOCKER_HOST=unix://{place}/no-engine.sock {variable(figures)}"}
    async with (
        sshd(place / "sshd", authorized_key=generate_key(key), say=print, options=nowhere) as server,
        ScriptedModel(api_key=SecretStr(KEY)) as model,
    ):
        yield Station(server, place / "root", environ(server, key, model, place / "root"))


@pytest.mark.parametrize(
    "argv",
    [
        ["spawn", "fix it"],
        ["list"],
        ["workspace", "create", "api"],
        ["workspace", "clone", "https://github.com/owner/api"],
    ],
    ids=" ".join,
)
async def test_it_is_told_with_the_remedy_and_leaves_nothing(bare: Station, argv: list[str]) -> None:
    done = await bare.agentflow(*argv)

    assert (done.code, done.out) == (1, "")
    assert "Docker" in done.err
    assert any(remedy in done.err for remedy in ("Install or start Docker", "agentflow doctor"))
    for directory in ("runs", "sessions", "workspaces", "git"):
        path = bare.root / directory
        assert not path.exists() or not list(path.iterdir())


async def test_the_doctor_says_so(bare: Station) -> None:
    done = await bare.agentflow("doctor")
    assert done.code == 1
    assert "no engine answers" in done.out + done.err
