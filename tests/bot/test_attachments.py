"""What people attach to a message in a thread reaches its agent: as files, and images so that the model sees them at once."""

from __future__ import annotations

import base64
import io
import json
import stat
import zipfile
from dataclasses import replace
from typing import Any

from bot.receipts import QUEUED, REFUSED, TAKEN
from tests.bot.scene import RUN_S, Scene, until
from tests.bot.test_hearing import answer_to, answers, marked
from tests.pictures import png


def packed(size: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.txt", bytes(size))
    return file.getvalue()


def images(scene: Scene) -> list[bytes]:
    """What the model was shown last."""
    messages: list[dict[str, Any]] = scene.asked()["messages"]
    contents: list[Any] = [each["content"] for each in messages]
    blocks: list[dict[str, Any]] = [block for each in contents if isinstance(each, list) for block in each]  # pyright: ignore[reportUnknownVariableType]  JSON
    return [base64.b64decode(block["source"]["data"]) for block in blocks if block["type"] == "image"]


def told(scene: Scene, name: str) -> list[str]:
    """What the messages in the inbox of a run tell of their files."""
    lines = (scene.root / "runs" / name / "in" / "inbox.jsonl").read_bytes().splitlines()
    return [message.get("attached", "") for line in lines if (message := json.loads(line))["type"] == "user"][1:]


async def test_files_reach_an_agent_that_wakes_for_them_and_what_is_refused_is_told(scene: Scene) -> None:
    thread = await scene.spawn("scenario:ok")
    first_end = await scene.end_of(thread)
    name = await scene.name_of(thread)
    await scene.gone(name)
    picture = png(30, 20)
    files = {
        "notes.txt": b"the third floor\n",
        "shot.png": picture,
        "logs.zip": packed(100),
        "bomb.zip": packed(60 << 20),
        "setup.exe": b"MZ",
    }
    message = await scene.discord.say(scene.ada, thread, "scenario:attached", files=files)
    await marked(scene, message, TAKEN)
    refusal = await answer_to(scene, message, "Not passed on: `bomb.zip` unpacks to far more than it is")
    assert "Not passed on: `setup.exe` is a program or script for Windows" in refusal.content
    assert len(answers(scene, message)) == 1
    read = await scene.discord.message_in(
        thread, lambda each: "I read: the third floor" in each.text and each.id > first_end.id, RUN_S
    )
    assert "Permission denied" in read.text
    assert " ro," in read.text.partition(" /attachments ")[2]

    (text,) = told(scene, name)
    (directory,) = (scene.root / "runs" / name / "attachments").iterdir()
    place = f"/attachments/{directory.name}"
    assert f"[Attached: {place}/notes.txt (16 bytes), {place}/shot.png ({len(picture)} bytes), {place}/logs.zip" in text
    assert "[Attached but not passed on: bomb.zip, setup.exe]" in text
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == {
        each: files[each] for each in ("notes.txt", "shot.png", "logs.zip")
    }
    assert stat.S_IMODE((directory / "notes.txt").stat().st_mode) == 0o644
    assert images(scene) == [picture]
    audited = [json.loads(line) for line in (scene.root / "audit.jsonl").read_bytes().splitlines()]
    assert audited[-1]["arguments"]["files"] == "(5)"

    await scene.discord.say(scene.ada, thread, "scenario:ask")
    question = await scene.discord.message_in(
        thread, lambda each: "Which database?" in each.content and bool(each.buttons), RUN_S
    )
    answer = await scene.discord.say(scene.ada, thread, "SQLite", files={"b.png": png(5, 5)})
    await scene.discord.wait_for(lambda: f"✅ **SQLite** · <@{scene.ada.id}>" in question.content, RUN_S)
    await marked(scene, answer, TAKEN)
    await scene.discord.wait_for(lambda: images(scene) == [picture, png(5, 5)], RUN_S)
    assert '"Which database?"="SQLite"' in json.dumps(scene.asked()).replace("\\", "")


async def test_files_while_a_tool_runs_come_once_also_when_the_bot_is_started_again(scene: Scene) -> None:
    thread = await scene.spawn("scenario:sleep:300")
    await scene.discord.message_in(thread, "This takes a while.", RUN_S)
    name = await scene.name_of(thread)
    files = {"a.txt": b"a", "b.png": png(3, 3), "c.com": b"c"}
    message = await scene.discord.say(scene.ada, thread, "look", files=files)
    await answer_to(scene, message, "`c.com` is a program")
    await marked(scene, message, QUEUED)
    await scene.stop_bot()
    for path in scene.settings.state_dir.glob("agentflow.sqlite3*"):
        path.unlink()
    away = await scene.discord.say(scene.ada, thread, files={"gone.txt": b"x", "kept.txt": b"y"})
    gone = away.attachments[0]
    away.attachments[0] = replace(gone, url=gone.url.replace(str(gone.id), "1"))
    broken = await scene.discord.say(scene.ada, thread, files={"a.bat": b"dir", "large.bin": b"z", "lying.bin": b"zz"})
    for number, size in ((1, 100 << 20), (2, 1)):
        broken.attachments[number] = replace(broken.attachments[number], size=size)
    await scene.start_bot()
    await marked(scene, away, QUEUED)
    await answer_to(scene, away, "`gone.txt` is not to be had from Discord any more. Attach it again.")
    await answer_to(scene, broken, "`large.bin` has 100 MB; at most 25 MB are passed on.")
    await answer_to(scene, broken, "`lying.bin` is larger than Discord says.")
    await marked(scene, broken, REFUSED)
    assert len(answers(scene, message)) == 1
    assert ["kept.txt" in each for each in told(scene, name)] == [False, True]
    lines = (scene.root / "runs" / name / "in" / "inbox.jsonl").read_bytes().splitlines()
    assert [json.loads(line).get("pictures", []) != [] for line in lines] == [False, True, False]
    scene.discord.world.edit_message(message, {"content": "look again"})
    inbox = scene.root / "runs" / name / "in" / "inbox.jsonl"
    await until(lambda: b'"edit"' in inbox.read_bytes())
    by = json.loads(inbox.read_bytes().splitlines()[-1])["by"]
    assert (by["message"]["content"], by["attached"]) == ("look again", told(scene, name)[0]), "its files stay with it"
    assert by["pictures"]
    outsider = await scene.discord.say(scene.eve, thread, "mine", files={"a.txt": b"a"})
    await answer_to(scene, outsider, "You may not use `send`")
    assert len(list((scene.root / "runs" / name / "attachments").iterdir())) == 2
