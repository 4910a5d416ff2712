"""`/usage` in Discord, from the gateway's books."""

from __future__ import annotations

import io
import json
import time

from PIL import Image

from tests.bot.scene import KEY, Ground, opened
from vps.proxy.books import Books


async def test_usage_is_a_text_and_a_picture_with_words_for_it(ground: Ground) -> None:
    async with opened(ground, image_ready=False, AGENTFLOW_BUDGET_DAY=10.0) as scene:
        given = json.loads((scene.root / "gateway/credential.json").read_text())
        nothing = await scene.answer("usage")
        books = Books(str(scene.root / "gateway/books.sqlite3"))
        row = (time.time(), "claude-agent-1", f"discord:{scene.ada.id}", "claude-haiku-4-5", 200, 10, 20, 0, 0, 4.5)
        books.note("model.jsonl", 1, 1, [row])
        books.close()
        answer = await scene.answer("usage", days=3)
        wrong = await scene.answer("usage", days=91)

    assert given["secret"] == KEY.get_secret_value(), "a bot that starts hands over what its settings have"
    assert "Today: $0.00 in 0 requests." in nothing.text
    assert answer.ephemeral
    assert "Today: $4.50 in 1 request." in answer.text
    assert "Today's budget: $4.50 of $10.00; $5.50 left." in answer.text
    (file,) = answer.attachments
    assert file.filename == "usage.png"
    assert file.description is not None
    assert "Today's budget is $10.00." in file.description
    with Image.open(io.BytesIO(file.data)) as picture:
        assert picture.size[0] == 1200
    assert "days: " in wrong.text
