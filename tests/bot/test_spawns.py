"""A `/spawn` that the bot is killed in the middle of: it is told, done once, and shown once when the bot is back."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest

from agents.rights import EVERYTHING
from agents.tools.core import Call
from agents.tools.spawn import SPAWN, SpawnOutput
from bot.anchor import Anchor
from bot.app import Bot
from bot.delivery import MessageGoneError
from bot.spawns import KEY_LOST, PAUSED, Spawns
from bot.store import SpawnRow
from tests.bot.bot_process import started
from tests.bot.scene import RUN_S, Scene
from tests.chaos.bot import BotProcess
from tests.discord_standin import Message
from vps.errors import NoSuchRun, VpsError
from vps.host import workspaces
from vps.mask import Mask
from vps.models import Origin, new_name

ANSWER = r"/interactions/\d+/[^/]+/callback"
ANCHOR = r"/webhooks/\d+/[^/]+/messages/@original"


def there(scene: Scene, file: str) -> bool:
    """Whether a run directory has a file of that name."""
    try:
        return any((scene.root / "runs").glob(f"*/{file}"))
    except FileNotFoundError:
        return False  # one that was being made got its name meanwhile


def anchors(scene: Scene) -> list[Message]:
    return [each for each in scene.discord.messages(scene.channel) if each.text.startswith("🚀 ")]


@pytest.mark.parametrize(("path", "accepted"), [(ANSWER, True), (ANCHOR, False), (ANCHOR, True)])
async def test_one_that_is_killed_while_it_answers_starts_the_run_when_it_is_back(
    away: tuple[Scene, BotProcess], path: str, accepted: bool
) -> None:
    scene, bot = away
    gate = scene.discord.hold_next("*", path, accepted=accepted)
    asking = asyncio.create_task(scene.slash("spawn", task="scenario:ok"))
    await scene.discord.wait_for(gate.reached.is_set, RUN_S)
    await bot.kill()
    gate.open()
    asking.cancel()

    await started(scene, bot)
    thread = await scene.new_thread(set())
    assert "**Done**" in (await scene.end_of(thread)).text
    assert len(scene.run_directories()) == 1
    assert [each.id for each in anchors(scene)] == [thread.id]
    assert not any(each.loading for each in scene.discord.messages(scene.channel))


async def kill_at(scene: Scene, bot: BotProcess, file: str) -> None:
    """End the bot as soon as a run directory has a file of that name."""
    async with asyncio.timeout(RUN_S):
        while not there(scene, file):
            await asyncio.sleep(0)
    await bot.kill()


@pytest.mark.parametrize("file", ["run.json", "start*.json", "out/exit.json"])
async def test_one_that_is_killed_while_it_starts_the_run_has_it_once(
    away: tuple[Scene, BotProcess], file: str
) -> None:
    scene, bot = away
    await scene.slash("spawn", task="scenario:ok")
    await kill_at(scene, bot, file)

    await started(scene, bot)
    thread = await scene.new_thread(set())
    assert "**Done**" in (await scene.end_of(thread)).text
    assert len(scene.run_directories()) == 1
    assert len(scene.discord.threads(scene.channel)) == 1
    assert scene.discord.transcript(thread).count("All is well.") == 1


async def test_one_that_is_stopped_says_so_and_goes_on_when_it_is_back(scene: Scene) -> None:
    with workspaces.one_at_a_time(str(scene.root)):  # as while another run is being made
        asked = await scene.slash("spawn", task="scenario:ok")
        await asked.shows("🚀", RUN_S)
        async with asyncio.timeout(RUN_S):
            while not any(row.origin.thread_id for row in await scene.bot.store.spawns()):
                await asyncio.sleep(0)
        await scene.stop_bot()
        assert PAUSED in (await asked.reply(1)).text
    await scene.start_bot()
    thread = await scene.new_thread(set())
    assert "**Done**" in (await scene.end_of(thread)).text
    assert len(scene.run_directories()) == 1
    (anchor,) = anchors(scene)
    assert PAUSED not in anchor.text


async def test_one_whose_key_was_not_stored_does_not_begin_without_it() -> None:
    async def describe(run: str, *, tail: int) -> None:
        raise NoSuchRun(f"{run} {tail}")

    bot = SimpleNamespace(crew=SimpleNamespace(runs=SimpleNamespace(describe=describe)))
    origin = Origin(caller="operator:tests", surface="cli")
    row = SpawnRow(1, "claude-agent-1-abcdef", {"task": "x", "env": "KEY=[masked stripe key]"}, origin)

    with pytest.raises(VpsError, match=KEY_LOST):
        await Spawns(cast("Bot", bot))._patiently(row, Call(origin, EVERYTHING, run=row.run))  # pyright: ignore[reportPrivateUsage]  what begins it needs a whole bot


async def test_one_that_was_refused_is_not_asked_for_again_because_that_could_not_be_told() -> None:
    forgotten = list[int]()

    async def forget(call_id: int) -> None:
        forgotten.append(call_id)

    async def refuse() -> SpawnOutput:
        raise VpsError("The budget is used up.")

    async def say(_text: str) -> None:
        answer = cast("Any", SimpleNamespace(status=404, reason="Not Found"))
        raise discord.NotFound(answer, {"code": 10008, "message": "Unknown Message"})

    bot = SimpleNamespace(crew=SimpleNamespace(mask=Mask()), store=SimpleNamespace(forget_spawn=forget))
    row = SpawnRow(7, "claude-agent-1-abcdef", {"task": "x"}, Origin(caller="operator:tests", surface="cli"))
    with pytest.raises(MessageGoneError):
        await Spawns(cast("Bot", bot))._start(row, cast("Anchor", SimpleNamespace(say=say)), refuse)  # pyright: ignore[reportPrivateUsage]  as above
    assert forgotten == [7]


async def test_a_spawn_of_a_name_that_is_asked_again_is_the_run_there_is(scene: Scene) -> None:
    name = new_name(1_795_000_000_000)
    call = Call(Origin(caller="operator:tests", surface="cli"), EVERYTHING, run=name)
    given = {"task": "scenario:sleep:300"}
    first = await SPAWN.invoke(scene.bot.crew, given, call)
    again = await SPAWN.invoke(scene.bot.crew, given, call)

    assert (first.container_id, again.container_id) == (name, name)
    assert (first.workspace, again.workspace) == (str(scene.workspace), str(scene.workspace))
    await scene.discord.message_in(await scene.new_thread(set()), "This takes a while.", RUN_S)
    assert scene.run_directories() == [name]
    assert [each["Name"] for each in await scene.containers()] == [f"/{name}"]
