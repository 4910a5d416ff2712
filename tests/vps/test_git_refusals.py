"""Why a remote refuses, from real hooks, a closed port and an untrusted certificate: each with its own next step."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest
from aiohttp import web

from tests.vps.conftest import Machine
from tests.vps.git_remote import TOKEN, GitRemote
from tests.vps.workspace_rig import AUTHOR, Told, agents_git, fresh_clone, refuse, write
from vps.git_errors import GitFailed, explain
from vps.remotes import parse_remote
from vps.workspaces import Workspaces

_PUSH_PROTECTION = (
    "error: GH013: Repository rule violations found for refs/heads/main.",
    "",
    "- GITHUB PUSH PROTECTION",
    "—————————————————————————————————————————",
    "  Push cannot contain secrets",
)
_LARGE = (
    "error: File big.bin is 120.00 MB; this exceeds GitHub's file size limit of 100.00 MB",
    "error: GH001: Large files detected. You may want to try Git Large File Storage - https://git-lfs.github.com.",
)
_PROTECTED = (
    "error: GH006: Protected branch update failed for refs/heads/main.",
    "error: Changes must be made through a pull request.",
)


async def test_what_a_remotes_hook_says_decides_the_next_step_and_is_told(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    bare = await fresh_clone(workspaces, remote, {"a": "b\n"})
    await write(machine, "api", "a", "c\n")
    cases = (
        (_LARGE, "too_large", "120.00 MB", "Git LFS"),
        (_PUSH_PROTECTION, "secret", "Push cannot contain secrets", "revoke it"),
        (_PROTECTED, "protected", "through a pull request", "create_branch"),
        (
            ("\x1b[31mNo ticket\x1b[0m\x07 in the message",),
            "declined",
            "No ticket in the message.",
            "Change what they name",
        ),
    )
    for said, kind, words, remedy in cases:
        refuse(bare, *said)
        with pytest.raises(GitFailed) as failed:
            await workspaces.push("api", "C", AUTHOR, Told())
        assert failed.value.kind == kind, str(failed.value)
        assert words in str(failed.value)
        assert remedy in failed.value.remedy
        assert str(failed.value).isprintable()
    refuse(bare)
    assert (await workspaces.push("api", "C", AUTHOR, Told())).sha == await remote.head("api")


async def test_a_branch_of_the_remotes_in_the_way_of_a_name_is_told(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await fresh_clone(workspaces, remote, {"a": "b\n"}, branches=("fix",))
    await agents_git(machine, "api", "switch", "--quiet", "-c", "fix/two")
    with pytest.raises(GitFailed) as failed:
        await workspaces.push("api", "C", AUTHOR, Told())
    assert failed.value.kind == "name_taken"


async def test_a_lock_that_was_left_is_named(machine: Machine, workspaces: Workspaces, remote: GitRemote) -> None:
    await fresh_clone(workspaces, remote, {"a": "b\n"})
    await write(machine, "api", ".git/index.lock", "")
    await write(machine, "api", "a", "c\n")
    with pytest.raises(GitFailed, match=r"\.git/index\.lock") as failed:
        await workspaces.push("api", "C", AUTHOR, Told())
    assert failed.value.kind == "locked"


async def test_a_remote_where_nobody_listens_is_told(
    machine: Machine, workspaces: Workspaces, unused_tcp_port: int
) -> None:
    with pytest.raises(GitFailed) as failed:
        await workspaces.clone(parse_remote(f"http://127.0.0.1:{unused_tcp_port}/owner/api.git"), "api", None, Told())
    assert failed.value.kind == "unreachable"
    assert "api" not in await workspaces.names()


async def test_a_certificate_that_is_not_trusted_is_told_and_the_token_stays_here(
    machine: Machine, workspaces: Workspaces, tmp_path: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    words = ["-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", "req", "-x509", "-days", "2", *words], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        url = f"https://127.0.0.1:{runner.addresses[0][1]}/owner/api.git"
        with pytest.raises(GitFailed) as failed:
            await workspaces.clone(parse_remote(url), "api", None, Told())
    finally:
        await runner.cleanup()
    assert failed.value.kind == "tls"
    assert asked == []


_403 = "fatal: unable to access 'https://github.com/o/r.git/': The requested URL returned error: 403"


@pytest.mark.parametrize(
    ("stderr", "kind", "remedy"),
    [
        (f"remote: This repository was archived so it is read-only.\n{_403}", "archived", "Unarchive"),
        (f"remote: Permission to o/r.git denied to ada.\n{_403}", "forbidden", "GITHUB_TOKEN"),
        (f"remote: The 'o' organization has enabled or enforced SAML SSO.\n{_403}", "forbidden", "See what it says"),
        ("ERROR: The key you are authenticating with has been marked as read only.\nfatal: Could not read", "read_only_key",
         "keys are kept"),
        ("ERROR: Permission to o/r.git denied to deploy key\nfatal: Could not read", "read_only_key", "keys are kept"),
        ((" ! [remote rejected] x -> x (refusing to allow a Personal Access Token to create or update workflow "
         "`.github/workflows/ci.yml` without `workflow` scope)\nerror: failed to push"), "workflow", "write workflows"),
        (" ! [rejected] main -> main (fetch first)", "behind", "sync_workspace"),
        ("remote: the SSL certificate of the build is old\n ! [remote rejected] x -> x (pre-receive hook declined)", "declined",
         "Change what"),
        ("fatal: unable to access 'https://x/': server certificate verification failed. CAfile: none", "tls", "authority"),
        ("fatal: write error: No space left on device", "no_space", "agentflow prune"),
        ("remote: fatal: No space left on device\n ! [remote rejected] x -> x (unpacker error)", "no_space", "whoever runs it"),
    ],
)  # fmt: skip
def test_what_github_and_ssh_say_is_told_apart(stderr: str, kind: str, remedy: str) -> None:
    failed = explain("push", stderr)
    assert failed.kind == kind
    assert remedy in failed.remedy


def test_a_remotes_words_are_cut_between_words_so_that_no_half_of_a_secret_is_left() -> None:
    told = str(explain("push", f"remote: {TOKEN} {'x ' * 240}end\n ! [remote rejected] x -> x (hook declined)"))
    assert told.count("ghp_") == told.count(TOKEN)
    assert TOKEN[-12:] not in told.replace(TOKEN, "")
