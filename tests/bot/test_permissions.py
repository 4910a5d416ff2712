"""Commands, suggestions and buttons are for those who may; the default is nobody."""

from __future__ import annotations

from typing import Any

from agents import audit
from agents.rights import Grants, Right
from agents.tools.catalogue import TOOLS
from agents.tools.core import Tool
from tests.bot.scene import RUN_S, Ground, Scene, opened

VALUES: dict[str, Any] = {
    "task": "scenario:ok",
    "container_id": "claude-agent",
    "message": "Go on",
    "answer": "yes",
    "workspace_name": "api",
    "repo_url": "https://github.com/owner/api",
    "branch_name": "feature",
    "title": "A title",
    "code": "abcde-23456",
    "host": "example.com",
    "scope": "day",
    "usd": 5.0,
    "message_id": "6f0d7c1e-6a0c-5d0a-9b53-0c6a3c1d4e21",
    "option": "model",
    "name": "NPM_TOKEN",
}


def required(tool: Tool[Any, Any]) -> dict[str, Any]:
    fields = tool.input.model_fields.items()
    return {name: VALUES[name] for name, field in fields if field.is_required() and name not in tool.unseen}


async def test_a_stranger_is_refused_everything_and_leaves_nothing(scene: Scene) -> None:
    for tool in TOOLS:
        answer = await scene.answer(tool.verb, user=scene.eve, **required(tool))
        assert answer.ephemeral
        assert f"You may not use `{tool.verb}`: it takes the right to {tool.right}." in answer.text
        assert "Ask whoever runs this bot" in answer.text
    assert await scene.leaves_nothing()
    calls = await audit.read(scene.bot.crew.relay, 100, {"caller": f"discord:{scene.eve.id}"})
    assert [call.tool for call in calls] == [tool.name for tool in TOOLS]
    assert all(call.outcome.startswith("NotPermitted: ") for call in calls)


async def test_a_stranger_gets_no_suggestions_and_cannot_press_stop(scene: Scene) -> None:
    thread = await scene.spawn("scenario:sleep:300")
    await scene.discord.message_in(thread, "This takes a while.", RUN_S)
    assert await scene.discord.autocomplete(scene.eve, scene.channel, "status", "container_id", "") == []
    assert await scene.discord.autocomplete(scene.eve, scene.channel, "spawn", "workspace_path", "") == []
    card = scene.discord.messages(thread)[0]
    click = await scene.click(card, "Stop", user=scene.eve)
    assert (await click.shows("You may not use", RUN_S)).ephemeral
    assert (await scene.container())["State"]["Running"]


async def test_where_nobody_is_named_those_who_manage_the_guild_may(ground: Ground) -> None:
    async with opened(ground, image_ready=False, DISCORD_ALLOWED_USER_IDS=frozenset[int]()) as scene:
        assert "You may not use" in (await scene.answer("list", user=scene.ada)).text
        assert "You may not use" not in (await scene.answer("list", user=scene.discord.world.owner)).text


async def test_a_role_lets_its_members_in_and_nobody_else(ground: Ground) -> None:
    async with opened(ground, image_ready=False, DISCORD_ALLOWED_USER_IDS=frozenset[int]()) as scene:
        role = frozenset({scene.crew_role.id})
        scene.settings = scene.settings.model_copy(update={"DISCORD_ALLOWED_ROLE_IDS": role})
        await scene.restart_bot()
        assert "You may not use" not in (await scene.answer("list", user=scene.grace)).text
        for user in (scene.ada, scene.eve, scene.discord.world.owner):
            assert "You may not use" in (await scene.answer("list", user=user)).text


async def test_a_grant_is_for_its_user_role_or_channel_and_no_further(ground: Ground) -> None:
    async with opened(ground, image_ready=False, DISCORD_ALLOWED_USER_IDS=frozenset[int]()) as scene:
        grants = Grants(
            user={scene.ada.id: Right.MANAGE},
            role={scene.crew_role.id: Right.RUN},
            channel={scene.channel.id: Right.VIEW},
        )
        scene.settings = scene.settings.model_copy(update={"DISCORD_RIGHTS": grants})
        await scene.restart_bot()

        refused = "You may not use"
        assert refused not in (await scene.answer("audit", user=scene.ada)).text
        assert "it takes the right to manage" in (await scene.answer("audit", user=scene.grace)).text
        assert "no agent is called" in (await scene.answer("stop", user=scene.grace, container_id="nobody")).text
        wide = await scene.answer("spawn", user=scene.grace, task="look around", network="open")
        assert "`network:open` takes the right to manage" in wide.text
        assert await scene.leaves_nothing()
        assert "it takes the right to run" in (await scene.answer("stop", user=scene.eve, container_id="nobody")).text
        assert refused not in (await scene.answer("list", user=scene.eve)).text
        assert refused in (await scene.answer("audit", user=scene.discord.world.owner)).text
