"""Direct messages: rights are those of the guild's member, threads open in the configured channel."""

from __future__ import annotations

from typing import Any

from agents.rights import Grants, Right
from tests.bot.scene import RUN_S, Ground, Scene, opened
from tests.discord_standin import Message, User


async def told(scene: Scene, user: User, command: str, **options: Any) -> Message:
    """The answer to a command in somebody's direct messages."""
    interaction = await scene.discord.slash(user, scene.discord.world.direct(user), command, **options)
    return await interaction.reply(RUN_S)


async def test_rights_are_the_members_in_the_guild_and_end_with_the_membership(ground: Ground) -> None:
    async with opened(ground, image_ready=False) as scene:
        world = scene.discord.world
        grants = Grants(role={scene.crew_role.id: Right.VIEW}, channel={scene.channel.id: Right.MANAGE})
        gone = world.add_member("gone")
        allowed = frozenset({scene.ada.id, gone.id})
        update = {"DISCORD_RIGHTS": grants, "DISCORD_ALLOWED_USER_IDS": allowed}
        scene.settings = scene.settings.model_copy(update=update)
        await scene.restart_bot()
        world.leave(gone)

        refused = "You may not use"
        assert refused not in (await told(scene, scene.ada, "audit")).text
        assert refused not in (await told(scene, scene.grace, "list")).text
        assert "the right to run" in (await told(scene, scene.grace, "stop", container_id="nobody")).text
        assert refused in (await told(scene, scene.eve, "list")).text
        assert refused in (await told(scene, gone, "list")).text


async def test_an_agent_started_in_direct_messages_has_its_thread_in_the_configured_channel(scene: Scene) -> None:
    before = {thread.id for thread in scene.discord.threads(scene.channel)}
    direct = scene.discord.world.direct(scene.ada)
    interaction = await scene.discord.slash(scene.ada, direct, "spawn", task="say hello")
    thread = await scene.new_thread(before)
    await scene.end_of(thread)
    await interaction.shows(scene.channel.mention, RUN_S)
