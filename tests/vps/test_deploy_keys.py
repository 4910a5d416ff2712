"""Repositories over SSH, by a read-only deploy key, from a real sshd."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.vps.conftest import Machine
from tests.vps.git_remote import GitRemote
from tests.vps.workspace_rig import AUTHOR, Told, write
from vps.git_containers import GitCredential
from vps.git_errors import GitFailed
from vps.remotes import parse_remote
from vps.testing.sshd import Sshd, generate_key, sshd

_READ_ONLY = (
    'command="case \\"$SSH_ORIGINAL_COMMAND\\" in git-upload-pack*) exec git-shell -c \\"$SSH_ORIGINAL_COMMAND\\";; '
    '*) echo ERROR: The key you are authenticating with has been marked as read only. >&2; exit 1;; esac",restrict '
)


@dataclass(frozen=True)
class Keyed:
    server: Sshd
    key: Path
    url: str

    def credential(self, **changed: object) -> GitCredential:
        own: dict[str, object] = {
            "key": SecretStr(self.key.read_text()),
            "known_hosts": self.server.known_hosts.read_text(),
        }
        return GitCredential.model_validate(own | changed)


@pytest.fixture
async def keyed(tmp_path: Path) -> AsyncIterator[Keyed]:
    repository = await GitRemote(tmp_path).repository("api", {"a": "b\n"})
    key = tmp_path / "deploy_key"
    public = generate_key(key)
    async with sshd(tmp_path / "sshd", authorized_key=_READ_ONLY + public, say=print) as server:
        yield Keyed(server, key, f"ssh://{server.users[0]}@127.0.0.1:{server.port}{repository}")


async def test_a_read_only_key_clones_and_says_why_it_does_not_push(machine: Machine, keyed: Keyed) -> None:
    workspaces = machine.workspaces_with(keyed.credential())
    await workspaces.clone(parse_remote(keyed.url), "api", None, Told())

    assert (machine.root / "workspaces/api/a").read_text() == "b\n"
    await write(machine, "api", "a", "c\n")
    with pytest.raises(GitFailed) as refused:
        await workspaces.push("api", "C", AUTHOR, Told())
    assert refused.value.kind == "read_only_key"
    assert "marked as read only" in str(refused.value)


@pytest.mark.parametrize(
    ("changed", "kind"), [({"known_hosts": ""}, "host_key"), ({"key": None}, "no_key")], ids=["unknown host", "no key"]
)
async def test_without_a_known_host_or_a_key_it_is_told(
    machine: Machine, keyed: Keyed, changed: dict[str, object], kind: str
) -> None:
    workspaces = machine.workspaces_with(keyed.credential(**changed))

    with pytest.raises(GitFailed) as refused:
        await workspaces.clone(parse_remote(keyed.url), "api", None, Told())

    assert refused.value.kind == kind
    assert await workspaces.names() == ["workspace"]
