"""What an agent plants in its tree's git runs, if at all, in a container without credential or network, and reaches nobody."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.vps.conftest import KEY, RUN_S, Machine
from tests.vps.git_remote import TOKEN, Gate, GitRemote, git, git_remote
from tests.vps.workspace_rig import AUTHOR, Told, agents_git, cloned, fresh_clone, write
from vps.errors import BadInput
from vps.events import types as t
from vps.testing.model import ScriptedModel, bash, say, steps
from vps.workspaces import Workspaces

CANARY = Path("/tmp") / f"agentflow-canary-{secrets.token_hex(6)}"
"""On this machine: whatever a plant does to run on the host would leave it."""
SCRIPT = f"""#!/bin/sh
touch {CANARY}
{{ echo "ran as $(id -u) in $(cat /etc/hostname)"; env; cat /run/agentflow/secret/* 2>&1; ls /run/agentflow /root 2>&1
for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; tr '\\0' ' ' < $p/environ; done; cat /proc/net/dev; }} >> "$TREE/evidence" 2>&1
cat
exit 0
"""


_HOOKS = (
    *("pre-commit", "commit-msg", "post-commit", "pre-push", "post-checkout"),
    *("post-merge", "reference-transaction", "post-index-change"),
)


@pytest.fixture
async def workspaces(workspaces: Workspaces, remote: GitRemote) -> AsyncIterator[Workspaces]:
    """With `api`; nothing of it may run on the host."""
    await fresh_clone(workspaces, remote, {"main.py": "print(1)\n", "data.bin": "0\n"})
    yield workspaces
    escaped = CANARY.exists()
    CANARY.unlink(missing_ok=True)
    assert not escaped, "something of the tree's ran on the host"


async def plant(machine: Machine, *configuration: tuple[str, str]) -> None:
    """The script, and settings that lead git to it; `{script}` stands for its path."""
    tree = machine.root / "workspaces" / "api"
    script = await write(machine, "api", ".git/planted", SCRIPT.replace("$TREE", str(tree)), 0o755)
    for name, value in configuration:
        await agents_git(machine, "api", "config", "--add", name, value.replace("{script}", str(script)))


async def everything(machine: Machine, workspaces: Workspaces, remote: GitRemote) -> str:
    """Every tool in turn; what the script could write down about where it ran."""
    await write(machine, "api", "main.py", "print(2)\n")
    await workspaces.list()
    await workspaces.diff("api")
    await workspaces.branch("api", f"b-{secrets.token_hex(3)}")
    pushed = await workspaces.push("api", "Work", AUTHOR, Told())
    assert await remote.head("api", pushed.branch) == pushed.sha
    await workspaces.sync("api", Told())
    name, _ = await workspaces.branch_off(str(machine.root / "workspaces" / "api"), "beside-000000")
    await workspaces.delete(name, force=True)
    evidence = machine.root / "workspaces" / "api" / "evidence"
    return evidence.read_text() if evidence.exists() else ""


@pytest.mark.parametrize(
    "configuration",
    [
        [("core.fsmonitor", "{script}")],
        [("core.sshCommand", "{script}"), ("core.askPass", "{script}"), ("credential.helper", "!{script}")],
        [("filter.evil.clean", "{script}"), ("filter.evil.smudge", "{script}"), ("filter.evil.required", "false")],
        [
            ("core.editor", "{script}"),
            ("core.pager", "{script}"),
            ("diff.external", "{script}"),
            ("gpg.program", "{script}"),
        ],
        [("core.alternateRefsCommand", "{script}"), ("uploadpack.packObjectsHook", "{script}")],
        [("merge.tool", "evil"), ("mergetool.evil.cmd", "{script}"), ("merge.evil.driver", "{script}")],
    ],
    ids=["fsmonitor", "credential", "filter", "programs", "transport", "merge"],
)
async def test_what_configuration_names_meets_no_credential_and_no_host(
    machine: Machine, workspaces: Workspaces, remote: GitRemote, configuration: list[tuple[str, str]]
) -> None:
    await plant(machine, *configuration)
    await write(machine, "api", ".gitattributes", "*.py filter=evil merge=evil diff=evil\n")

    evidence = await everything(machine, workspaces, remote)

    assert TOKEN not in evidence
    for line in evidence.splitlines():
        if line.startswith("ran as"):
            assert line.split()[2] == "1001", line
        assert not line.strip().startswith("eth"), "it had a network"


async def test_hooks_do_not_run_in_our_git(machine: Machine, workspaces: Workspaces, remote: GitRemote) -> None:
    tree = machine.root / "workspaces" / "api"
    for hook in _HOOKS:
        await write(machine, "api", f".git/hooks/{hook}", SCRIPT.replace("$TREE", str(tree)), 0o755)

    assert await everything(machine, workspaces, remote) == ""


async def test_an_address_that_is_rewritten_leads_the_push_nowhere_else(
    machine: Machine, workspaces: Workspaces, remote: GitRemote, tmp_path: Path
) -> None:
    async with git_remote(tmp_path / "evil") as evil:
        evil.token = None
        await evil.repository("api")
        await plant(
            machine,
            (f"url.{evil.url}/.insteadOf", f"{remote.url}/"),
            ("remote.origin.pushurl", f"{evil.url}/owner/api.git"),
            ("remote.origin.url", f"{evil.url}/owner/api.git"),
            ("http.proxy", evil.url),
            ("http.extraHeader", "X-Evil: 1"),
        )
        await write(machine, "api", "main.py", "print(2)\n")

        pushed = await workspaces.push("api", "Work", AUTHOR, Told())

        assert await remote.head("api") == pushed.sha
        assert evil.passwords == []
        assert await evil.head("api") == ""


async def test_submodules_that_name_programs_are_never_fetched(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    url = f"ext::sh -c touch% {CANARY}"
    await write(machine, "api", ".gitmodules", f'[submodule "x"]\n\tpath = x\n\turl = {url}\n')
    await agents_git(machine, "api", "config", "submodule.x.url", url)
    await agents_git(machine, "api", "config", "submodule.recurse", "true")
    await agents_git(machine, "api", "config", "protocol.ext.allow", "always")

    await everything(machine, workspaces, remote)


async def test_a_git_file_that_points_elsewhere_is_no_repository(machine: Machine, workspaces: Workspaces) -> None:
    other = machine.root / "workspaces" / "other"
    await workspaces.create("other")
    tree = machine.root / "workspaces" / "api"
    subprocess.run(["rm", "-rf", str(tree / ".git")], check=True)
    await write(machine, "api", ".git", f"gitdir: {other}/.git\n")

    with pytest.raises(BadInput, match="no git repository"):
        await workspaces.push("api", "x", AUTHOR, Told())
    found = await workspaces.find("api")
    assert (found.kind, found.unsaved) == ("plain", "files that are in no git repository")


async def test_links_out_of_the_tree_are_taken_as_links(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    secret = machine.root / "secret"
    secret.write_text("a-secret-of-the-host")
    tree = machine.root / "workspaces" / "api"
    subprocess.run(["ln", "-s", str(secret), str(tree / "link")], check=True)
    subprocess.run(["chown", "-h", "1001:1001", str(tree / "link")], check=True)

    assert "a-secret-of-the-host" not in (await workspaces.diff("api")).patch
    await workspaces.push("api", "Link", AUTHOR, Told())
    bare = remote.directory / "owner" / "api.git"
    assert await git("show", "main:link", cwd=bare) == str(secret)


async def test_an_agent_can_write_nothing_of_another_tree_or_of_the_vault(
    machine: Machine, workspaces: Workspaces
) -> None:
    path = str(machine.root / "workspaces" / "api")
    name, branch = await workspaces.branch_off(path, "beside-000001")
    vault = machine.root / "git" / "api.git"
    probe = (
        f"for f in {path} {path}/.git/config {vault}/config {vault}/objects {machine.root}/git {machine.root}/workspaces; do "
        f"if touch $f/x 2>/dev/null || {{ [ -f $f ] && echo x >> $f; }} 2>/dev/null; then echo WROTE $f; fi; done; "
        f"ls {path} 2>&1; git log --oneline 2>&1"
    )
    script = steps(bash(probe, "probe"), say("done"))
    async with ScriptedModel(api_key=KEY, script=lambda conversation: script(conversation, 0)) as model:
        machine.talk_to(model)
        ended = await machine.run("probe", workspace=str(machine.root / "workspaces" / name), branch=branch)

    (result,) = [event.text for event in ended.events if isinstance(event, t.ToolResult)]
    assert "WROTE" not in result
    assert "No such file or directory" in result
    assert "Start" in result, "the borrowed objects are not readable"


async def test_the_token_is_found_nowhere_but_in_memory(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await remote.repository("large", {f"f{n}": secrets.token_hex(40_000) for n in range(60)})
    seen: list[str] = []
    sampling = asyncio.create_task(_sample(seen))
    remote.gate = Gate()
    cloning = asyncio.create_task(cloned(workspaces, remote, "large"))
    async with asyncio.timeout(RUN_S):
        await remote.gate.reached.wait()
        while not (sampled := [text for text in seen if "git" in text and "fetch" in text]):
            await asyncio.sleep(0.05)
    remote.gate.open()
    told = await cloning
    await write(machine, "large", "f0", "changed\n")
    await workspaces.push("large", "Change", AUTHOR, Told())
    sampling.cancel()

    assert any("Receiving objects" in line for line in told.lines), told.lines
    assert sampled, "the process list was not sampled while git ran"
    assert not [text for text in seen if TOKEN in text]
    found = subprocess.run(["grep", "-rl", TOKEN, str(machine.root)], capture_output=True, text=True, check=False)
    assert found.stdout == ""
    assert remote.passwords
    assert set(remote.passwords) == {TOKEN}


async def _sample(seen: list[str]) -> None:
    """Command lines and environments of every process of this machine, and what Docker tells of every container."""
    while True:
        texts = await asyncio.to_thread(_processes)
        seen.extend(texts)
        pipe = asyncio.subprocess.PIPE
        listed = await asyncio.create_subprocess_exec(
            "docker", "ps", "-aq", "--filter", "label=agentflow.git", stdout=pipe
        )
        ids = (await listed.communicate())[0].decode().split()
        if ids:
            inspect = await asyncio.create_subprocess_exec(
                "docker", "inspect", *ids, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
            )
            seen.append((await inspect.communicate())[0].decode())


def _processes() -> list[str]:
    found: list[str] = []
    for path in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                found.append((path / name).read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
            except OSError:
                continue
    return found
