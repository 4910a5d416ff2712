"""A person's yes in Discord: by buttons of that person's own that expire, and by the code of somebody else's call."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest

from agents import audit
from agents.rights import Grants, Right, up_to
from agents.tools.core import Call, ConfirmationRequired
from agents.tools.stakes import Stake
from agents.tools.workspaces import DELETE
from bot import confirm
from tests.bot.scene import RUN_S, Ground, Scene, opened
from tests.discord_standin import User
from vps.errors import BadInput
from vps.models import Origin

GONE: dict[str, Any] = {"workspace_name": "draft", "force": True}
AGENT = Call(Origin(caller="run:claude-agent-1", surface="mcp"), up_to(Right.MANAGE))


def make_draft(scene: Scene) -> None:
    """A workspace made by hand, with work in it."""
    path = scene.root / "workspaces" / "draft"
    path.mkdir(parents=True)
    (path / "notes").write_text("x")


async def code_of(scene: Scene) -> str:
    with pytest.raises(ConfirmationRequired) as required:
        await DELETE.invoke(scene.bot.crew, GONE, AGENT)
    return required.value.code


async def press(scene: Scene, user: User, label: str, question_of: str, **options: str) -> str:
    """Give a command, press a button below its question; what is shown then."""
    interaction = await scene.slash(question_of, user=user, **options)
    question = await interaction.shows("Delete draft with ", RUN_S)
    assert question.ephemeral
    await scene.click(question, label, user=user)
    return (await interaction.shows("onfirmed: ", RUN_S)).text


async def test_a_code_is_redeemed_after_its_question_and_lets_that_call_pass_once(scene: Scene) -> None:
    make_draft(scene)
    code = await code_of(scene)
    assert "Not confirmed: nothing was done" in await press(scene, scene.ada, "Cancel", "confirm", code=code)
    assert await code_of(scene) == code
    assert "Confirmed: Delete draft" in await press(scene, scene.ada, "Confirm", "confirm", code=code)

    assert "was used already" in (await scene.answer("confirm", code=code)).text
    await DELETE.invoke(scene.bot.crew, GONE, AGENT)
    make_draft(scene)
    assert await code_of(scene) != code


async def test_what_a_model_gave_is_shown_so_that_its_markup_hides_nothing(scene: Scene) -> None:
    make_draft(scene)
    model = replace(AGENT, confirmed=frozenset({Stake.DELETES}))
    with pytest.raises(ConfirmationRequired) as required:
        await DELETE.invoke(scene.bot.crew, GONE, model)
    interaction = await scene.slash("confirm", code=required.value.code)
    asked = await interaction.shows("Delete draft with ", RUN_S)
    assert asked.content.startswith("⚠️ Shall I?\n```\nDelete a workspace")
    assert "\nforce: True" in asked.content
    await scene.click(asked, "Cancel", user=scene.ada)
    await interaction.shows("Not confirmed: nothing was done", RUN_S)


async def test_nobody_is_asked_about_a_workspace_that_is_not_there(scene: Scene) -> None:
    with pytest.raises(BadInput, match="there is no workspace draft"):
        await DELETE.invoke(scene.bot.crew, GONE, AGENT)
    assert "there is no workspace draft" in (await scene.answer("workspace delete", **GONE)).text


async def test_a_code_is_not_for_those_who_may_not_do_it_themselves(ground: Ground) -> None:
    async with opened(ground, image_ready=False) as scene:
        grants = Grants(user={scene.eve.id: Right.RUN})
        scene.settings = scene.settings.model_copy(update={"DISCORD_RIGHTS": grants})
        await scene.restart_bot()
        make_draft(scene)
        code = await code_of(scene)
        refused = await scene.answer("confirm", user=scene.eve, code=code)
        assert "it takes the right to manage" in refused.text
        assert await code_of(scene) == code
        (line,) = await audit.read(scene.bot.crew.relay, 9, {"caller": f"discord:{scene.eve.id}"})
        assert line.outcome.startswith("NotPermitted: ")


async def test_a_question_expires_visibly(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirm, "EXPIRES_S", 0.2)
    make_draft(scene)
    interaction = await scene.slash("workspace delete", **GONE)
    expired = await interaction.shows("Nobody answered", RUN_S)
    assert not expired.components
    await interaction.shows("Not confirmed: nothing was done", RUN_S)


@pytest.mark.parametrize(("first", "agreed"), [("Confirm", True), ("Cancel", False)])
async def test_the_first_press_counts_although_discord_does_not_show_it(
    monkeypatch: pytest.MonkeyPatch, first: str, agreed: bool
) -> None:
    monkeypatch.setattr(confirm, "EXPIRES_S", 0.2)
    shown, held = list[str](), asyncio.Event()
    views = asyncio.Queue[confirm.Confirmation]()

    async def edit(*, content: str, view: confirm.Confirmation | None) -> None:
        shown.append(content)
        if view is not None:
            views.put_nowait(view)

    async def press(**_: object) -> None:
        held.set()
        raise ConnectionResetError

    response = SimpleNamespace(edit_message=press, defer=press)
    interaction = cast(
        "Any", SimpleNamespace(user=SimpleNamespace(id=1), edit_original_response=edit, response=response)
    )
    asking = asyncio.ensure_future(confirm.asked(interaction)("Delete it?"))
    async with asyncio.timeout(5):
        view = await views.get()
        buttons = {each.label: each for each in view.children if isinstance(each, discord.ui.Button)}
        await buttons.pop(first).callback(interaction)
        await buttons.popitem()[1].callback(interaction)
        assert await asking is agreed
    assert held.is_set()
    assert shown == ["⚠️ Delete it?"]
