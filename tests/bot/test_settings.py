"""What a channel's agents start with, and secrets they are given by name, through Discord."""

from __future__ import annotations

import json

from tests.bot.scene import RUN_S, Scene

SECRET = "npm_for-the-bots-tests-0123456789"


async def test_settings_and_secrets_reach_the_agents_of_a_channel_and_no_secret_is_shown(scene: Scene) -> None:
    refused = await scene.slash("secret set", name="NPM_TOKEN", user=scene.eve)
    await refused.shows("it takes the right to manage", RUN_S)
    assert refused.modal is None
    for value, answer in (("short", "value: has less than 8"), (SECRET, "NPM_TOKEN set")):
        form = await scene.slash("secret set", name="NPM_TOKEN")
        await form.answered()
        await (await scene.discord.submit(scene.ada, form, value=value)).shows(answer, RUN_S)
    shown = await scene.slash("settings set", model="claude-sonnet-5", effort="low", network="none", timeout="5m")
    await shown.shows("effort: low · by ada", RUN_S)

    (scene.workspace / ".env").write_text(f"NPM={SECRET}\n")

    thread = await scene.spawn("scenario:dotenv", secrets="NPM_TOKEN", effort="high")
    end = await scene.end_of(thread)

    assert "Done" in end.content
    body = next(request.body for request in reversed(scene.model.requests) if request.is_work)
    assert (body["model"], body["output_config"]["effort"]) == ("claude-sonnet-5", "high")
    given = "effort high · model claude-sonnet-5 (channel) · network none (channel) · timeout 5m (channel) · secrets NPM_TOKEN"
    card = scene.discord.messages(thread)[0]
    assert given in card.text.replace("\\", "")
    told = await scene.answer("status", container_id=await scene.name_of(thread))
    assert given in told.text.replace("\\", "")
    said = scene.discord.transcript(thread) + str(scene.logged)
    assert "NPM=[masked]" in said
    assert SECRET not in said

    kept = scene.root / "control" / "channels" / f"{scene.channel.id}.json"
    settings = json.loads(kept.read_text())
    settings["model"]["value"] = ""
    kept.write_text(json.dumps(settings))
    spawned = await scene.slash("spawn", task="scenario:ok", secrets="NPM_TOKEN")
    await spawned.shows("model: the channel's setting", RUN_S)
    await (await scene.slash("settings show")).shows("⚠️ model", RUN_S)
    await (await scene.slash("settings reset", option="all")).shows("has no settings", RUN_S)

    await (await scene.slash("secret list")).shows("NPM_TOKEN · set", RUN_S)
    await (await scene.slash("secret remove", name="NPM_TOKEN")).shows("NPM_TOKEN removed", RUN_S)
    spawned = await scene.slash("spawn", task="scenario:ok", secrets="NPM_TOKEN")
    await spawned.shows("there is no secret", RUN_S)
