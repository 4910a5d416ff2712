"""`python -m bot.demo`: the page for a person; with `--once` one run, printed as text."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
import time
from pathlib import Path

import structlog

from agents.tools.views import view
from bot.demo.browser import screenshot
from bot.demo.stage import CALC, Stage, stage
from bot.demo.talk import converse
from bot.demo.transcript import thread_text
from vps.errors import VpsError

TASK = "fix add() and add a test"
_RUN_S = 300.0
_INTERRUPTED = 130


def main() -> int:
    """The exit code: with `--once`, 0 only if the agent changed the repository and its thread says it is done."""
    parser = argparse.ArgumentParser(prog="make demo", description="AgentFlow's main job on this machine.")
    parser.add_argument("--once", action="store_true", help="do one run without a browser and print its thread")
    parser.add_argument("--port", type=int, default=8765, help="of the page (default %(default)s; 0: any free one)")
    parser.add_argument("--task", default=TASK, help="of the one run (default: %(default)r)")
    parser.add_argument("--talk", action="store_true", help="have the one run by a mention, in words")
    parser.add_argument("--screenshot", type=Path, help="also save a picture of the page here")
    parser.add_argument("--directory", type=Path, default=Path(".agentflow/demo"), help="where its files are")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        return asyncio.run(_once(given) if given.once else _open(given))
    except VpsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return _INTERRUPTED


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


async def _once(given: argparse.Namespace) -> int:
    running = asyncio.current_task()
    assert running is not None
    # SIGTERM, too, ends what was started; Ctrl-C does so by itself.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    async with stage(given.directory.resolve(), _say, anew=True, idle_s=0) as found:
        started = time.monotonic()
        if given.talk:
            return await _talked(found, given, started)
        _say(f'/spawn task:"{given.task}"')
        await found.discord.person.slash("spawn", task=given.task)
        thread = await _thread(found)
        end = await _ended(found, thread)
        print("\n" + thread_text(found.discord.world, thread) + "\n")
        if given.screenshot:
            # The address names the open thread; the picture is taken once the end is on the page.
            ready = "document.querySelectorAll('.pane.thread .message').length > 5"
            await screenshot(f"{found.discord.page_url}#{thread}", given.screenshot, ready=ready)
        return await _told(found, end, started)


async def _told(found: Stage, end: str, started: float) -> int:
    """What came of it; the exit code."""
    changed = await asyncio.to_thread(_changes, found.workspace)
    for line in changed:
        _say(f"changed: {line}")
    _say(f"{end} in {time.monotonic() - started:.1f} s, model: {found.model}")
    return 0 if changed and end == "succeeded" else 1


async def _talked(found: Stage, given: argparse.Namespace, started: float) -> int:
    if found.model != "scripted":
        raise VpsError(
            "--talk plays one conversation.", remedy="Unset ANTHROPIC_API_KEY, or talk on the page of `make demo`."
        )
    _say(f"@AgentFlow {given.task}")
    thread = await converse(found, given.task, given.screenshot)
    print("\n" + thread_text(found.discord.world, thread) + "\n")
    name = max(run.name for run in await found.bot.crew.runs.list())
    run = await found.bot.crew.runs.describe(name)
    return await _told(found, view(run, found.bot.crew.mask).ending, started)


async def _thread(found: Stage) -> int:
    """The run's thread. Raises VpsError with what the channel says if the run was refused."""

    def thread_or_refusal() -> int | str | None:
        said = thread_text(found.discord.world, found.discord.channel_id)
        return next((thread.id for thread in found.discord.world.threads()), None) or (said if "❌" in said else None)

    answer = await found.discord.world.until(thread_or_refusal, _RUN_S)
    if isinstance(answer, str):
        raise VpsError(f"The run was refused:\n{answer}")
    return answer


async def _ended(found: Stage, thread_id: int) -> str:
    """How the run ended, once its thread says so too."""
    async with asyncio.timeout(_RUN_S):
        while (name := await _told_run(found, thread_id)) is None:
            await asyncio.sleep(0.1)
    return view(await found.bot.crew.runs.describe(name), found.bot.crew.mask).ending


async def _told_run(found: Stage, thread_id: int) -> str | None:
    """The thread's run, once its end was told there."""
    name = await found.bot.store.run_of(thread_id)
    row = await found.bot.store.thread(name) if name else None
    return name if row and row.ended else None


def _changes(workspace: Path) -> list[str]:
    """Files that differ from what the demo put there; read as files, since git must not run where an agent could write."""
    found = [path.relative_to(workspace) for path in workspace.rglob("*") if path.is_file() and not path.is_symlink()]
    own = {path for path in found if path.parts[0] != ".git" and "__pycache__" not in path.parts}
    changed = [path for path in own if path.name != "calc.py"]
    if (workspace / "calc.py").read_text(encoding="utf-8") != CALC:
        changed.append(Path("calc.py"))
    return sorted(map(str, changed))


async def _open(given: argparse.Namespace) -> int:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with stage(given.directory.resolve(), _say, port=given.port) as found:
        ways = f'type:  /spawn task:"{TASK}"\n  or, in words:  @AgentFlow {TASK}'
        print(f"\n  Open {found.discord.page_url}\n  and {ways}\n\n  Ctrl-C ends it.", flush=True)
        with contextlib.suppress(asyncio.CancelledError):
            await stopped.wait()
        print("\n  Stopping", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
