"""What people edit or delete in a run's thread its agent reads as it is then, or not at all, unless it has read it already."""

from __future__ import annotations

import json

from bot.receipts import QUEUED, TAKEN
from tests.bot.scene import Scene, until
from tests.bot.test_hearing import answer_to, answers, at_work, echoed, marked, marks
from tests.discord_standin import Message
from vps.host import inbox


async def edited(scene: Scene, name: str, count: int) -> None:
    """Wait until so many edits were ordered, and the CLI has dropped what they change."""
    run = scene.root / "runs" / name

    def is_done() -> bool:
        orders = [json.loads(line) for line in (run / "in" / "inbox.jsonl").read_bytes().splitlines()]
        whole = (run / "out" / "out.jsonl").read_bytes().rpartition(b"\n")[0]
        log = [json.loads(line) for line in whole.splitlines()]
        last = {each["id"]: each["by"] and each["by"]["uuid"] for each in orders if each.get("op") == "edit"}
        dropped = {each["id"]: each.get("by") for each in log if each.get("subtype") == "withdrawn"}
        return sum(each.get("op") == "edit" for each in orders) == count and dropped == last

    await until(is_done)


async def test_messages_are_edited_and_deleted_until_they_are_read(scene: Scene) -> None:
    world = scene.discord.world
    thread, name = await at_work(scene)

    async def say(text: str) -> Message:
        return await scene.discord.say(scene.ada, thread, text)

    def edit(message: Message, text: str) -> None:
        world.edit_message(message, {"content": text})

    first, second, third, fourth = [await say(f"scenario:ok {each} as said") for each in ("1st", "2nd", "3rd", "4th")]
    await marked(scene, fourth, QUEUED)
    world.pin(first, pinned=True)
    edit(first, "scenario:ok 1st changed")
    edit(first, "scenario:ok 1st at last")
    world.delete_message(second)
    await edited(scene, name, 3)

    await scene.stop_bot()
    edit(third, "scenario:ok 3rd at last")
    world.delete_message(fourth)
    await scene.start_bot()
    fifth = await say("scenario:ok 5th as said")
    await marked(scene, fifth, QUEUED)
    await edited(scene, name, 5)
    assert [marks(scene, each) for each in (first, third)] == [{QUEUED}, {QUEUED}]

    await scene.stop_bot()
    assert inbox.order(str(scene.root), name, {"op": "interrupt"})
    await until(lambda: len(echoed(scene, name)) == 3)
    edit(fifth, "scenario:ok 5th too late")
    await scene.start_bot()
    for message in (first, third, fifth):
        await marked(scene, message, TAKEN)
    assert "Write it again." in (await answer_to(scene, fifth, "has read this already")).content
    edit(first, "scenario:ok 1st too late")
    await answer_to(scene, first, "has read this already")
    edit(first, "scenario:ok 1st far too late")
    world.delete_message(third)
    last = await say("scenario:ok 6th")
    await marked(scene, last, TAKEN)

    (read,) = [
        text
        for request in scene.model.requests
        if "scenario:ok 6th" in (text := json.dumps(request.body.get("messages"), ensure_ascii=False))
    ][-1:]
    expected = {"1st at last": 1, "3rd at last": 1, "5th as said": 1, "6th": 1, "1st changed": 0, "2nd": 0, "4th": 0}
    expected |= {"1st as": 0, "3rd as": 0, "too late": 0}
    assert {text: read.count(text) for text in expected} == expected
    assert [len(answers(scene, each)) for each in (first, fifth, last)] == [1, 1, 0]
    lines = [each for each in scene.logged if each.get("tool") == "edit_claude_message"]
    assert {each["caller"] for each in lines} == {f"discord:{scene.ada.id}"}
