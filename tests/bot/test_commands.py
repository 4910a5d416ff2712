"""The other commands, on runs of every kind."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator

from tests.bot.scene import IMAGE, RUN_S, Scene, docker


@contextlib.asynccontextmanager
async def by_hand(*names: str) -> AsyncGenerator[None]:
    """Containers that somebody started without us."""
    try:
        for name in names:
            await docker("run", "--detach", "--init", "--name", name, IMAGE, "sh", "-c", "echo by hand; sleep 300")
            async with asyncio.timeout(RUN_S):
                while "by hand" not in await docker("logs", name):
                    await asyncio.sleep(0.05)
        yield
    finally:
        await docker("rm", "--force", *names)


async def test_commands_tell_of_a_running_agent_stop_it_and_tell_of_its_end(scene: Scene) -> None:
    thread = await scene.spawn("scenario:sleep:300")
    await scene.discord.message_in(thread, "**Bash** `sleep 300`", RUN_S)
    name = await scene.name_of(thread)
    status = await scene.answer("status", container_id=name)
    assert status.ephemeral
    assert "⏳ **running**" in status.text
    assert "↳ Bash" in status.text
    assert "🖥️ CPU" in status.text
    assert f"⏳ `{name}` scenario:sleep:300" in (await scene.answer("list")).text
    assert "This takes a while." in (await scene.answer("output", container_id=name)).text
    raw = await scene.answer("output", container_id=name, raw=True, lines=1)
    assert '"type"' in raw.text + "".join(file.data.decode() for file in raw.attachments)
    assert "It still runs." in (await scene.answer("wait", container_id=name, timeout="10ms")).text
    assert "stopped." in (await scene.answer("stop", container_id=name)).text
    ended = await scene.answer("wait", container_id=name)
    assert "⏹️ **stopped**" in ended.text
    assert "had ended already" in (await scene.answer("stop", container_id=name)).text
    assert "This takes a while." in (await scene.answer("output", container_id=name)).text
    await scene.end_of(thread)


async def test_wait_gives_the_result_and_long_ones_as_a_file(scene: Scene) -> None:
    thread = await scene.spawn("scenario:markdown")
    await scene.end_of(thread)
    answer = await scene.answer("wait", container_id=await scene.name_of(thread))
    (file,) = answer.attachments
    assert file.filename == "result.md"
    assert "# Report" in file.data.decode()
    assert "The end." in answer.text


async def test_containers_are_suggested_by_what_was_typed(scene: Scene) -> None:
    thread = await scene.spawn("scenario:ok")
    await scene.end_of(thread)
    name = await scene.name_of(thread)
    assert await scene.offered("status", "container_id", name[-6:]) == [name]
    assert await scene.discord.autocomplete(scene.ada, scene.channel, "stop", "container_id", "zebra") == []
    assert str(scene.workspace) in await scene.offered("spawn", "workspace_path", "work")


async def test_a_container_started_by_hand_is_listed_read_and_stopped(scene: Scene) -> None:
    name = f"claude-agent-hand-{secrets.token_hex(4)}"
    async with by_hand(name):
        assert f"`{name}` started by hand" in (await scene.answer("list")).text
        assert "started by hand" in (await scene.answer("status", container_id=name)).text
        assert "by hand" in (await scene.answer("output", container_id=name)).text
        assert "stopped." in (await scene.answer("stop", container_id=name)).text
        assert (await docker("inspect", "--format", "{{.State.Running}}", name)).strip() == "false"
        assert "had ended already" in (await scene.answer("stop", container_id=name)).text
    assert scene.discord.threads(scene.channel) == []


async def test_an_unknown_or_ambiguous_id_is_refused_with_what_there_is(scene: Scene) -> None:
    kind = f"claude-agent-hand-{secrets.token_hex(4)}"
    for command in ("status", "output", "stop", "wait"):
        unknown = await scene.answer(command, container_id="claude-agent-1-none")
        assert unknown.ephemeral
        assert (
            "container_id: 'claude-agent-1-none'" in unknown.text.replace("\\", "")
            or "no agent is called" in unknown.text
        )
        assert "/list" in unknown.text
    async with by_hand(f"{kind}-a", f"{kind}-b"):
        ambiguous = await scene.answer("stop", container_id=kind)
        assert "ambiguous" in ambiguous.text
        assert f"{kind}-a, {kind}-b" in ambiguous.text.replace("\\", "")
        states = await docker("inspect", "--format", "{{.State.Running}}", f"{kind}-a", f"{kind}-b")
        assert states.split() == ["true", "true"]
