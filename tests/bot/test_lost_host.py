"""While the VPS cannot be reached, cards say so and commands answer at once with what is known."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.scene import RUN_S, Ground, Scene, opened
from tests.chaos.link import Link, link

AT_ONCE_S = 20.0


@pytest.fixture
async def way(ground: Ground) -> AsyncIterator[Link]:
    async with link(ground.server.port) as made:
        yield made


@pytest.fixture
async def scene(ground: Ground, way: Link, tmp_path: Path) -> AsyncIterator[Scene]:
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{way.port} {ground.server.host_key_line.partition(' ')[2]}\n")
    async with opened(ground, HETZNER_SSH_PORT=way.port, HETZNER_KNOWN_HOSTS=known) as found:
        yield found


async def test_a_link_that_falls_silent_is_told_on_the_card_and_in_answers_and_mends_itself(
    scene: Scene, way: Link
) -> None:
    thread = await scene.spawn("scenario:sleep:300")
    await scene.discord.message_in(thread, "This takes a while.", RUN_S)
    name = await scene.name_of(thread)
    way.freeze()
    card = await scene.discord.message_in(thread, "The VPS does not answer", RUN_S)
    assert "last heard of <t:" in card.text

    for asked in (scene.slash("status", container_id=name), scene.slash("list")):
        answer = await (await asked).shows("the VPS does not answer", AT_ONCE_S)
        assert "⏳" in answer.text
        assert re.search(r"As of [\d.]+ s ago", answer.text)
    refused = await (await scene.slash("stop", container_id=name)).shows("The VPS has not answered for", AT_ONCE_S)
    assert "tried again" in refused.text
    waiting = await scene.slash("wait", container_id=name, timeout="3s")

    way.thaw()
    await scene.discord.wait_for(lambda: "The VPS does not answer" not in scene.discord.messages(thread)[0].text, RUN_S)
    await waiting.reply(RUN_S)
    await (await scene.slash("stop", container_id=name)).shows("stopped.", RUN_S)
    await scene.end_of(thread)


async def test_a_wait_goes_on_across_a_lost_connection(scene: Scene, ground: Ground) -> None:
    thread = await scene.spawn("scenario:sleep:2")
    await scene.discord.message_in(thread, "This takes a while.", RUN_S)
    waiting = await scene.slash("wait", container_id=await scene.name_of(thread))
    await ground.server.kill_sessions()
    await waiting.shows("The long command has ended.", RUN_S)


async def test_of_an_agent_that_was_never_seen_nothing_is_made_up(scene: Scene, way: Link) -> None:
    way.freeze()
    refused = await (await scene.slash("status", container_id="claude-agent-1")).shows("❌", RUN_S)
    assert "does not answer" not in refused.text
    way.thaw()
