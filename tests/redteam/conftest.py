"""One laboratory for all attempts."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.redteam.lab import Lab, does_as_told, laboratory
from tests.vps.conftest import KEY, machine_at
from vps.config import HostConfig
from vps.testing.model import ScriptedModel


@pytest.fixture(scope="session")
async def lab(host_config: HostConfig, image: str) -> AsyncIterator[Lab]:
    root = Path(tempfile.mkdtemp(prefix="agentflow-redteam-", dir="/tmp"))
    root.chmod(0o755)
    async with (
        ScriptedModel(api_key=KEY, script=does_as_told, keep=2000) as model,
        machine_at(root, host_config, model) as machine,
        laboratory(machine) as made,
    ):
        yield made
