"""The embedded Discord's page in a real browser: a person types a command and watches the thread."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.demo.browser import Tab, browser
from bot.demo.embedded import EmbeddedDiscord, embedded_discord
from bot.demo.person import NoAnswerError, RefusedError
from bot.demo.transcript import thread_text
from tests.bot.demo.sample_bot import sample_bot
from vps.testing.packages import provide


@pytest.fixture(scope="session")
async def chromium() -> str:
    return await provide("chromium", ("chromium", "fonts-noto-color-emoji"), print)


async def type_command(tab: Tab, text: str) -> None:
    """Type into the channel's composer and press Enter."""
    await tab.until("document.querySelector('.pane.channel textarea')")
    await tab.run(f"""(() => {{
        const input = document.querySelector('.pane.channel textarea');
        input.focus(); input.value = {text!r}; input.dispatchEvent(new Event('input'));
    }})()""")
    await tab.until("document.querySelector('.pane.channel .suggestions').innerText.includes('spawn')")
    press = "new KeyboardEvent('keydown', {key: 'Enter', bubbles: true, cancelable: true})"
    await tab.run(f"document.querySelector('.pane.channel textarea').dispatchEvent({press})")


async def test_a_command_typed_in_the_page_opens_a_thread_that_updates_by_itself(chromium: str, tmp_path: Path) -> None:
    assert chromium
    async with embedded_discord() as discord, sample_bot(discord, waits_at=3) as bot, browser() as tab:
        await tab.open(discord.page_url)
        await type_command(tab, "/spawn task: fix add()")
        thread = await discord.newest_thread(timeout=60)

        await tab.run(f"location.hash = '{thread}'")
        await tab.until("document.querySelector('.pane.thread')?.innerText.includes('step 3')", timeout=25)
        bot.goes_on.set()
        await tab.until("document.querySelector('.pane.thread')?.innerText.includes('Finished in')", timeout=25)
        await tab.screenshot(tmp_path / "page.png")
        shown = await tab.run("document.querySelector('.pane.thread').innerText")

    assert "return a + b" in shown
    assert "<b>nothing</b>" in shown, "an agent's HTML must stay text"
    assert "pytest.log" in shown
    assert (tmp_path / "page.png").stat().st_size > 10_000


async def test_a_stop_pressed_in_the_page_reaches_the_bot(chromium: str) -> None:
    assert chromium
    async with embedded_discord() as discord, sample_bot(discord, waits_at=1) as bot, browser() as tab:
        await discord.person.slash("spawn", task="fix add()")
        thread = await discord.newest_thread(timeout=60)
        await tab.open(f"{discord.page_url}#{thread}")
        button = "[...document.querySelectorAll('.pane.thread button')].find((b) => b.innerText.includes('Stop'))"
        await tab.until(button, timeout=25)
        await tab.run(f"{button}.click()")
        async with asyncio.timeout(60):
            await bot.stopped.wait()


async def test_what_discord_refuses_is_refused(chromium: str) -> None:
    async with embedded_discord() as discord, sample_bot(discord):
        with pytest.raises(RefusedError):
            await discord.person.slash("nonesuch")
        with pytest.raises(NoAnswerError):
            await discord.person.slash("broken")


async def test_a_page_without_its_key_is_refused(chromium: str) -> None:
    assert chromium
    async with embedded_discord() as discord, browser() as tab:
        await tab.open(discord.page_url.split("?", maxsplit=1)[0])
        assert "key" in str(await tab.run("document.body.innerText"))


async def test_a_thread_reads_as_text() -> None:
    async with embedded_discord() as discord, sample_bot(discord):
        await discord.person.slash("spawn", task="fix add()")
        text = await whole_thread(discord)

    assert "[file pytest.log, 9 bytes]" in text
    assert "### fix add() and add a test" in text


async def whole_thread(discord: EmbeddedDiscord) -> str:
    thread = await discord.newest_thread(timeout=60)
    await discord.text_with(thread, "Finished in", timeout=60)
    return thread_text(discord.world, thread)
