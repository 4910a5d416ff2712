"""What the doctor finds."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from tests.agents.conftest import Station
from vps.testing.sshd import generate_key, sshd


def levels(out: str) -> dict[str, str]:
    return {line[8:].split(":", 1)[0]: line[:8].strip() for line in out.splitlines()}


async def test_a_sound_host_has_no_failure(docked: Station) -> None:
    done = await docked.agentflow("doctor")
    found = levels(done.out)
    assert done.code == 0, done.out
    assert "FAIL" not in found.values()
    assert [
        found[name]
        for name in ("host key", "login", "python", "inotify", "relay", "docker", "sandbox", "clock", "model")
    ] == ["ok"] * 9


async def test_a_runtime_that_is_missing_or_in_which_the_cli_does_not_start_fails_and_an_open_root_is_told(
    docked: Station,
) -> None:
    docked.root.mkdir(mode=0o755)
    missing = await docked.agentflow("doctor", AGENTFLOW_RUNTIME="kata")
    docked.root.chmod(0o750)
    assert (missing.code, levels(missing.out)["sandbox"], levels(missing.out)["relay"]) == (1, "FAIL", "warn")
    assert "has no runtime kata; it has runc" in missing.out
    assert f"chmod o= {docked.root}" in missing.out
    assert (await docked.agentflow("doctor", AGENTFLOW_RUNTIME="runc")).code == 0

    subprocess.run(["docker", "import", "-", "agentflow-empty:tests"], input=bytes(10240), check=True)
    try:
        broken = await docked.agentflow("doctor", AGENTFLOW_RUNTIME="runc", AGENTFLOW_IMAGE="agentflow-empty:tests")
    finally:
        subprocess.run(["docker", "image", "rm", "agentflow-empty:tests"], check=True)
    assert levels(broken.out)["sandbox"] == "FAIL", broken.out
    assert "the CLI does not start in runc" in broken.out


async def test_a_wrong_setting_fails_and_the_rest_is_skipped(station: Station) -> None:
    done = await station.agentflow("doctor", HETZNER_SSH_PORT="many")
    assert done.code == 1
    assert done.out.startswith("FAIL    settings: HETZNER_SSH_PORT")
    assert levels(done.out)["docker"] == "skipped"


async def test_a_refused_login_names_the_remedy(station: Station) -> None:
    done = await station.agentflow("doctor", HETZNER_SSH_KEY=str(station.root.parent / "sshd" / "host_key"))
    found = levels(done.out)
    assert (done.code, found["host key"], found["login"]) == (1, "ok", "FAIL")
    assert (found["docker"], found["model"]) == ("skipped", "skipped")
    assert "authorized_keys" in done.out


async def test_a_model_that_cannot_be_reached_is_told(station: Station) -> None:
    done = await station.agentflow("doctor", ANTHROPIC_BASE_URL="http://127.0.0.1:1")
    assert levels(done.out)["model"] == "FAIL"
    assert "127.0.0.1:1" in done.out


@pytest.mark.parametrize(
    ("flags", "level", "words"),
    [
        (1 << 18, "ok", "reads replies"),
        (1 << 19, "ok", "reads replies"),
        (1 << 15, "warn", "Turn on Message Content Intent under Bot in Discord's developer portal"),
    ],
)
async def test_the_bot_is_looked_up_and_invited(station: Station, flags: int, level: str, words: str) -> None:
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.json_response({"id": "42", "username": "crew", "flags": flags})

    app = web.Application()
    app.router.add_get("/api/v10/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port = runner.addresses[0][1]
        url = f"http://127.0.0.1:{port}/api/v10"
        token = "a-token-for-tests"
        done = await station.agentflow("doctor", DISCORD_BOT_TOKEN=token, DISCORD_CHANNEL_ID="7", DISCORD_API_URL=url)
    finally:
        await runner.cleanup()
    assert levels(done.out)["bot"] == level
    assert words in done.out
    (permissions,) = re.findall(r"client_id=42&scope=bot\+applications.commands&permissions=(\d+)", done.out)
    assert int(permissions) >> 6 & 1, "it shows by reactions where a message is"
    assert int(permissions) >> 46 & 1, "it answers aloud"
    assert seen == [f"Bot {token}"] * 2
    assert token not in json.dumps(done.out + done.err)


async def test_a_refused_token_fails(station: Station) -> None:
    async def refuse(_request: web.Request) -> web.Response:
        return web.json_response({"message": "401: Unauthorized", "code": 0}, status=401)

    app = web.Application()
    app.router.add_get("/{tail:.*}", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        done = await station.agentflow("doctor", DISCORD_BOT_TOKEN="wrong-token", DISCORD_API_URL=url)
    finally:
        await runner.cleanup()
    assert levels(done.out)["bot"] == "FAIL"
    assert "developer portal" in done.out


@pytest.mark.parametrize(("allowed", "level"), [("yes", "ok"), ("no", "warn")])
async def test_a_server_that_leads_to_no_socket_is_told_where_the_text_agent_needs_it(
    docked: Station, tmp_path: Path, allowed: str, level: str
) -> None:
    key, options = tmp_path / "key", {"AllowStreamLocalForwarding": allowed}
    async with sshd(tmp_path / "sshd", authorized_key=generate_key(key), say=print, options=options) as server:
        login = {"HETZNER_SSH_PORT": str(server.port), "HETZNER_SSH_KEY": str(key)}
        login["HETZNER_KNOWN_HOSTS"] = str(server.known_hosts)
        station = replace(docked, server=server, environ=docked.environ | login)
        assert levels((await station.agentflow("doctor")).out)["forwarding"] == "ok"
        found = await station.agentflow("doctor", DISCORD_BOT_TOKEN="bot-token", DISCORD_API_URL="http://127.0.0.1:1")
    assert levels(found.out)["forwarding"] == level, found.out
    assert ("AllowStreamLocalForwarding yes" in found.out) == (level == "warn")
