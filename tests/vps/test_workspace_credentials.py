"""What a remote grants a token: to whom it is offered, and what is told of one that will not do."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from tests.vps.conftest import Machine
from tests.vps.git_remote import TOKEN, GitRemote
from tests.vps.workspace_rig import AUTHOR, Told, cloned, fresh_clone, write
from vps.git_containers import GitCredential
from vps.git_errors import GitFailed
from vps.workspaces import Workspaces


@pytest.mark.parametrize(
    ("token", "kind"), [(None, "unauthorized"), ("ghp_anExpiredTokenOfSomebody0000", "unauthorized")]
)
async def test_a_missing_or_expired_token_is_told_and_nothing_stays(
    machine: Machine, remote: GitRemote, token: str | None, kind: str
) -> None:
    await remote.repository("api", {"a": "b"})
    credential = GitCredential(token=SecretStr(token) if token else None, token_host=remote.host)
    workspaces = machine.workspaces_with(credential)

    with pytest.raises(GitFailed) as failed:
        await cloned(workspaces, remote)
    assert failed.value.kind == kind
    assert not list((machine.root / "workspaces").iterdir())
    assert not list((machine.root / "git").iterdir())


async def test_the_token_is_offered_to_its_own_host_only(machine: Machine, remote: GitRemote) -> None:
    await remote.repository("api", {"a": "b"})
    credential = GitCredential(token=SecretStr(TOKEN), token_host="github.com")
    workspaces = machine.workspaces_with(credential)

    with pytest.raises(GitFailed):
        await cloned(workspaces, remote)
    assert remote.passwords == []


async def test_a_token_without_the_right_to_write_is_told(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await fresh_clone(workspaces, remote, {"a": "b"})
    remote.read_only = True
    await write(machine, "api", "a", "c")

    with pytest.raises(GitFailed, match="GITHUB_TOKEN") as failed:
        await workspaces.push("api", "C", AUTHOR, Told())
    assert failed.value.kind == "forbidden"


async def test_a_repository_that_is_gone_is_told(workspaces: Workspaces, remote: GitRemote) -> None:
    with pytest.raises(GitFailed) as failed:
        await cloned(workspaces, remote, "missing")
    assert failed.value.kind == "gone"
