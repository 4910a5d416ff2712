"""What is around an agent's container besides namespaces: the runtime that is asked for, and what the engine lacks."""

from __future__ import annotations

import json

import pytest

from tests.vps.conftest import Machine
from vps.errors import BadInput
from vps.outcome import Ending
from vps.runs import Runs
from vps.sandbox import Sandbox

# containerd's own name of runc: every engine has it besides its default.
_ANOTHER = "io.containerd.runc.v2"


async def test_agents_run_in_the_runtime_that_is_asked_for_and_none_starts_in_one_that_is_not_there(
    machine: Machine,
) -> None:
    machine.runs = Runs(machine.relay, machine.config(runtime=_ANOTHER))
    await machine.runs.require_runtime()
    name = await machine.start("scenario:sleep:5")
    assert await machine.docker("inspect", "--format", "{{.HostConfig.Runtime}}", name) == f"{_ANOTHER}\n"
    assert (await machine.ended(name)).outcome.ending is Ending.SUCCEEDED

    with pytest.raises(BadInput, match=r"no runtime kata; it has .*runc.*daemon\.json"):
        await Runs(machine.relay, machine.config(runtime="kata")).require_runtime()
    assert (await machine.runs.sandbox()).weakness == ""


@pytest.mark.parametrize(
    ("options", "weakness"),
    [
        (["name=seccomp,profile=builtin", "name=cgroupns"], ""),
        (["name=apparmor", "name=seccomp,profile=/etc/docker/stricter.json"], ""),
        (["name=seccomp,profile=unconfined"], "without a seccomp profile"),
        (["name=apparmor"], "without a seccomp profile"),
        ([], "without a seccomp profile"),
        (["name=seccomp,profile=default", "name=userns"], "userns-remap"),
    ],
)
def test_security_options_are_read_as_engines_write_them(options: list[str], weakness: str) -> None:
    found = Sandbox.model_validate_json(json.dumps({"SecurityOptions": options, "Runtimes": {"runc": {}}}))

    assert weakness in found.weakness
    assert bool(found.weakness) == bool(weakness)
