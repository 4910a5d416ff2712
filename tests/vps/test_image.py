"""The agent image: when it is built, what stays when that fails, and what the built one holds."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

import pytest

from tests.agent_image import IMAGE
from tests.login import login
from vps.errors import DockerUnavailable, ImageBuildFailed
from vps.image import Image, State, certificates, inputs_hash, sources
from vps.ssh import SshHost
from vps.testing.engine import engine
from vps.testing.model import Reply, ScriptedModel, say
from vps.testing.packages import run_program
from vps.testing.sshd import generate_key, sshd

CLI_VERSION = "2.1.197"

TINY = {
    "Dockerfile.claude-code": b"ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nLABEL agentflow.image=agent\nCOPY host-ca.crt /\n"
    b"ARG AGENTFLOW_INPUTS\nLABEL agentflow.inputs=${AGENTFLOW_INPUTS}\n"
}


def silent(text: str) -> None:
    del text


class Told(list[str]):
    """The progress that was told."""

    async def __call__(self, text: str) -> None:
        self.append(text)


async def docker(*words: str) -> str:
    code, output = await run_program("docker", *words, timeout=120)
    assert code == 0, output
    return output.strip()


@pytest.fixture
async def host(tmp_path: Path) -> AsyncGenerator[SshHost]:
    key = tmp_path / "key"
    async with (
        engine(silent),
        sshd(tmp_path / "sshd", authorized_key=generate_key(key), say=silent) as server,
        SshHost(login(server, key)) as connected,
    ):
        yield connected


@pytest.fixture
async def name(host: SshHost) -> AsyncGenerator[str]:
    """The name of an image of this test; its base, which holds nothing at all, has the tag `base`."""
    del host
    name = f"agentflow-test-{secrets.token_hex(4)}"
    await run_program("sh", "-c", 'tar -c -T /dev/null | docker import - "$1"', "sh", f"{name}:base", timeout=60)
    yield f"{name}:latest"
    for tag in ("latest", "base"):
        await run_program("docker", "image", "rm", f"{name}:{tag}", timeout=60)


def tiny(host: SshHost, name: str, root: Path, parts: Mapping[str, bytes] = TINY, base: str | None = None) -> Image:
    given = base or name.replace(":latest", ":base")
    return Image(
        host, root=str(root), image=name, base_image=given, version=CLI_VERSION, read_sources=lambda: parts
    )  # fmt: skip


def changed(extra: str) -> Mapping[str, bytes]:
    return {name: data + extra.encode() for name, data in TINY.items()}


def test_the_hash_changes_with_every_input() -> None:
    parts = {"a": b"1", "b": b"2"}
    given = (parts, "2.1.197", None)
    others = [
        ({"a": b"12", "b": b""}, *given[1:]),
        ({"a": b"1"}, *given[1:]),
        (parts, "2.1.198", None),
        (parts, "2.1.197", "x"),
    ]
    assert len({inputs_hash(*inputs) for inputs in (given, *others)}) == 5
    assert inputs_hash({"b": b"2", "a": b"1"}, "2.1.197", None) == inputs_hash(*given)


def test_its_sources_are_the_dockerfile_and_the_settings() -> None:
    assert sorted(sources()) == ["Dockerfile.claude-code", "claude-settings/managed-settings.json"]


def test_equal_certificates_are_equal_bytes_in_whatever_order_they_come() -> None:
    one, two = (f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n".encode() for text in ("A", "B"))
    assert certificates(two + b"# a comment\n" + one + two) == certificates(one.strip() + b"\r\n" + two) == one + two
    assert certificates(b"") == b""


async def test_two_control_planes_at_once_build_it_once(host: SshHost, name: str, tmp_path: Path) -> None:
    first, second, told = tiny(host, name, tmp_path), tiny(host, name, tmp_path), Told()
    assert await first.state() is State.MISSING
    await asyncio.gather(first.ensure(told), second.ensure(told))
    assert told.count("The agent image is ready.") == 1
    assert await second.state() is State.CURRENT


async def test_it_is_built_again_only_when_its_inputs_change(host: SshHost, name: str, tmp_path: Path) -> None:
    await tiny(host, name, tmp_path).ensure(Told())
    old = await docker("image", "inspect", "--format", "{{.Id}}", name)
    again = Told()
    await tiny(host, name, tmp_path).ensure(again)
    assert again == []
    newer = tiny(host, name, tmp_path, changed("LABEL more=1\n"))
    assert await newer.state() is State.OUTDATED
    await newer.ensure(Told())
    assert await docker("image", "inspect", "--format", "{{.Id}}", name) != old
    code, _ = await run_program("docker", "image", "inspect", old, timeout=60)
    assert code != 0, "the replaced image is still there"


async def test_a_failed_build_keeps_the_old_image_and_leaves_nothing_else(
    host: SshHost, name: str, tmp_path: Path
) -> None:
    await tiny(host, name, tmp_path).ensure(Told())
    old = await docker("image", "inspect", "--format", "{{.Id}}", name)
    with pytest.raises(ImageBuildFailed, match="no-such-file") as raised:
        await tiny(host, name, tmp_path, changed(f"LABEL agentflow.test={name}\nCOPY no-such-file /\n")).ensure(Told())
    assert raised.value.remedy
    assert await docker("image", "inspect", "--format", "{{.Id}}", name) == old
    # Of this build: others that are under way on this machine have steps without a name too.
    assert await docker("image", "ls", "--quiet", "--all", "--filter", f"label=agentflow.test={name}") == ""


async def test_an_image_that_is_not_ours_is_not_replaced(host: SshHost, name: str, tmp_path: Path) -> None:
    await docker("tag", name.replace(":latest", ":base"), name)
    image = tiny(host, name, tmp_path)
    assert await image.state() is State.FOREIGN
    with pytest.raises(ImageBuildFailed, match="AGENTFLOW_IMAGE"):
        await image.ensure(Told())


async def test_a_given_base_that_cannot_be_pulled_is_named(host: SshHost, name: str, tmp_path: Path) -> None:
    with pytest.raises(ImageBuildFailed, match=r"AGENTFLOW_BASE_IMAGE: 127\.0\.0\.1:1/none"):
        await tiny(host, name, tmp_path, base="127.0.0.1:1/none").ensure(Told())


async def test_without_an_engine_that_is_what_it_says(tmp_path: Path) -> None:
    key = tmp_path / "key"
    options = {"SetEnv": f"DOCKER_HOST=unix://{tmp_path}/none.sock"}
    async with (
        sshd(tmp_path / "sshd", authorized_key=generate_key(key), say=silent, options=options) as server,
        SshHost(login(server, key)) as host,
    ):
        with pytest.raises(DockerUnavailable):
            await tiny(host, "agentflow-test:none", tmp_path).state()


@pytest.fixture
async def real(host: SshHost, tmp_path: Path) -> str:
    image = Image(host, root=str(tmp_path / "root"), image=IMAGE, base_image=None, version=CLI_VERSION)
    await image.ensure(Told())
    return IMAGE


async def inside(image: str, script: str, *options: str) -> str:
    return await docker("run", "--rm", "--network", "none", *options, image, "sh", "-c", script)


async def test_it_holds_the_pinned_cli_the_tools_and_an_unprivileged_user(real: str) -> None:
    lines = (await inside(real, "id -u; id -g; echo $HOME; claude --version")).split("\n")
    assert lines == ["1001", "1001", "/home/claude", f"{CLI_VERSION} (Claude Code)"]
    tools = "curl git jq less make node npm npx patch ps python3 rg setpriv unzip xz"
    await inside(real, f"for tool in {tools}; do command -v $tool || exit 1; done; python3 -m venv /tmp/v; node -p 1")


async def test_it_trusts_what_the_host_trusts(real: str, host: SshHost) -> None:
    own = await inside(real, "cat /usr/local/share/agentflow/host-ca.crt; true")
    added = sorted(Path("/usr/local/share/ca-certificates").rglob("*.crt"))
    assert own.encode().strip() == certificates(b"".join(path.read_bytes() for path in added)).strip()
    trusted = 'python3 -c "import ssl; print(len(ssl.create_default_context().get_ca_certs()))"'
    counts = await inside(real, f"ls /usr/local/share/ca-certificates | grep -c agentflow-host; {trusted}")
    separate, trusted = counts.split("\n")
    assert int(separate) == own.count("BEGIN CERTIFICATE")
    assert int(trusted) > 100


async def test_no_layer_holds_a_credential(real: str) -> None:
    history = await docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", real)
    config = await docker("image", "inspect", "--format", "{{json .Config}}", real)
    for text in (history, config):
        assert not any(word in text for word in ("sk-ant-", "API_KEY", "TOKEN", "SECRET", "PASSWORD"))
    places = "/etc /home /opt /root /srv /tmp /var /usr/local/share /run"
    found = await inside(real, f"grep -rIlE 'sk-ant-|gh[pos]_|PRIVATE KEY-----' {places} || true", "--user", "0")
    assert found == ""


async def test_the_settings_are_roots_and_readable(real: str) -> None:
    managed = "/etc/claude-code/managed-settings.json"
    mode, text = (await inside(real, f"stat -c '%U %G %a' {managed}; tr -d '\\n' <{managed}")).split("\n")
    assert mode == "root root 644"
    assert json.loads(text) == {"disableAllHooks": True}


_TURN = """
mkdir -p ~/.claude
echo '{"hooks":{"SessionStart":[{"hooks":[{"type":"command","command":"touch /tmp/hook-ran"}]}]}}' >~/.claude/settings.json
claude -p hello --setting-sources user --strict-mcp-config </dev/null
test -e /tmp/hook-ran && echo hook-ran || echo no-hook
"""


async def one_turn(image: str, *options: str) -> tuple[list[str], list[str]]:
    """A turn against a scripted model: what it printed, and the hosts it wanted to reach through its proxy."""
    asked: list[str] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode().strip())
        writer.close()
        await writer.wait_closed()

    def greet(_conversation: object) -> Reply:
        return say("greetings")

    async with ScriptedModel(script=greet) as model, await asyncio.start_server(refuse, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        given = {
            "ANTHROPIC_API_KEY": "sk-placeholder",
            "ANTHROPIC_BASE_URL": model.url,
            "HTTPS_PROXY": f"http://127.0.0.1:{port}",
            "NO_PROXY": "127.0.0.1",
        }
        env = [word for key, value in given.items() for word in ("--env", f"{key}={value}")]
        printed = await docker("run", "--rm", "--network", "host", *env, *options, image, "sh", "-c", _TURN)
    return printed.split("\n"), asked


async def test_no_hook_runs_and_the_cli_talks_to_the_model_only(real: str) -> None:
    printed, asked = await one_turn(real)
    assert printed == ["greetings", "no-hook"]
    assert asked == []


async def test_without_the_settings_and_variables_it_would(real: str) -> None:
    """Shows that the test above can fail."""
    off = ("--env", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=", "--env", "DISABLE_AUTOUPDATER=")
    printed, asked = await one_turn(real, "--tmpfs", "/etc/claude-code", *off)
    assert printed == ["greetings", "hook-ran"]
    assert asked
