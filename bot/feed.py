"""Shows one run in its thread: follows the log, lets the timeline make messages of it, sends what changed."""

from __future__ import annotations

import asyncio
import contextlib
import time

import discord
import structlog

from agents.crew import Crew
from agents.inside import Errands
from bot import metrics
from bot.backlog import Backlog
from bot.delivery import ThreadGoneError
from bot.echoes import Echoes
from bot.ending import workspace_of
from bot.hearing import Hearing
from bot.news import News
from bot.pace import Pace
from bot.render.batches import next_batch
from bot.render.card import CardView, Figures, card, end_message
from bot.render.timeline import Timeline
from bot.reports import report
from bot.standing import Standing, mention
from bot.store import Store
from bot.thread import RunThread
from vps import inbox
from vps.errors import HostError
from vps.events.framing import Framer
from vps.events.parse import parse
from vps.events.types import Event, Supervisor
from vps.follower import End, Fault, Piece
from vps.models import RunRecord, Waiting

log = structlog.get_logger()

_GATHER_S = 0.1
"""A burst of lines is one change."""
_BATCH_S = 0.8
"""Between two rounds of messages: a channel takes about 5 in 5 s."""
_CARD_S = 3.0
_CROWDED_S, _CARD_CROWDED_S = 0.5, 30.0
"""Where threads wait this long for their turn, what agents say goes before the cards' clocks."""
_ROUND = 5
"""Messages until the card has its turn again."""
_CATCH_UP_S = 1.5


class Feed:
    """One run. `run()` ends when the run has, and everything of it is shown."""

    def __init__(
        self,
        crew: Crew,
        client: discord.Client,
        store: Store,
        record: RunRecord,
        hearing: Hearing,
        *,
        is_news: bool = True,
        backlog: Backlog | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.errands: Errands | None = None
        """What its agent asks for, for whom it is to be carried out here."""
        self.news: News | None = None
        """Of it, for the conversations of its person, where there are any."""
        self._pace = pace or Pace()
        self.backlog = Backlog() if backlog is None else backlog
        self._is_news = is_news
        self._crew = crew
        self._client = client
        self._store = store
        # The task is the thread's name and stands on the card.
        self._record = record.model_copy(update={"task": crew.mask.text(record.task)})
        self._timeline = Timeline(
            record.workspace, mention(record), workspace_of(record), is_child=bool(record.kin.parent)
        )
        self._begun = 0
        """Where the log of the life at hand begins."""
        self._standing = Standing(crew, self._record)
        self._framer = Framer()
        self._changed = asyncio.Event()
        self._card_at = 0.0
        self._sent_at = 0.0
        self._card_shown: CardView | None = None
        self._thread: RunThread | None = None
        self._hearing = hearing
        self._echoes = Echoes()
        self._is_shown = True

    @property
    def unsent(self) -> int:
        """How many messages wait to be sent."""
        return sum(self._thread is None or not self._thread.covers(block) for block in self._timeline.blocks)

    @property
    def state(self) -> str:
        """Of the run, as far as its log was read."""
        return self._standing.state

    async def run(self) -> None:
        """Follow and show, until the end. A deleted thread ends the showing, never the run."""
        reading = asyncio.create_task(self._read(), name=f"read {self._record.name}")
        try:
            await self._wait_for_life(reading)
            end = self._standing.ended
            if isinstance(end, Fault) and self._standing.tally.started_at is None:
                await log.ainfo("nothing to show", run=self._record.name, fault=end.what)
                return
            await self._show(reading)
            await self._serve(reading)
        except ThreadGoneError as error:
            if self._thread is not None:
                self._hearing.forget(self._thread.row)
            await self._report(f"its thread is gone. {error}")
            await self._serve(reading)
            await self._mark_reported()
        finally:
            reading.cancel()
            # What it raised was raised above; raised here, it would leave the agent's calls to a feed that is no more.
            await asyncio.gather(reading, return_exceptions=True)
            if self.errands is not None:
                await self.errands.close()
            if self.news is not None:
                await self.news.close()

    async def _serve(self, reading: asyncio.Task[None]) -> None:
        """It is shown nowhere, or no more: until its end its agent is given what it asks for all the same."""
        if self.errands is not None and self._standing.ended is None:
            self._is_shown = False
            self._timeline = Timeline(self._record.workspace)
            self.backlog.shown(self.backlog.end)
            await reading
            self._tell_end()

    async def _mark_reported(self) -> None:
        """Or each bot that starts would report it anew."""
        end = self._standing.ended
        if self._thread is not None and end is not None:
            await self._thread.mark_told(end.size if isinstance(end, End) else self.backlog.end)

    def _tell_end(self) -> None:
        end = self._standing.ended
        if self.news is not None and isinstance(end, End) and not self._standing.tally.is_told:
            self.news.ended(end.size, self._standing.outcome(end))

    async def _refused(self, why: str) -> None:
        await self._report(f"Discord does not let me write in its thread: {why}. I go on trying.")

    async def _report(self, text: str) -> None:
        await report(self._client, self._record, text)

    async def _wait_for_life(self, reading: asyncio.Task[None]) -> None:
        """A start that failed leaves no thread: the thread opens with the log's first bytes, or with a place in the queue."""
        waiting = asyncio.create_task(self._changed.wait())
        await asyncio.wait({waiting, reading}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    async def _read(self) -> None:
        async for update in self._crew.relay.follow(self._record.name):
            if isinstance(update, Waiting):
                self._standing.waiting = update if update.place else None
            elif isinstance(update, Piece):
                self._standing.waiting = None
                self._standing.heard = time.time() - update.quiet_s
                self._take(update.data)
                if self.errands is not None:
                    self.errands.read(update.offset + len(update.data))
                metrics.LOG_BYTES.inc(len(update.data))
            else:
                self._standing.ended = update
                self.backlog.ended()
            self._changed.set()

    def _take(self, data: bytes) -> None:
        for start, end, raw in self._framer.feed(data):
            line = parse(start, end, self._crew.mask.line(raw))
            if self._is_shown:
                self._timeline.feed(line)
            for event in line.events:
                self._take_event(start, event)
            self.backlog.arrived(end)
            if not self._is_shown:
                self.backlog.shown(end)

    def _take_event(self, start: int, event: Event) -> None:
        self._standing.tally.feed(event, self._standing.heard)
        if self.news is not None:
            self.news.feed(start, event, self._standing.tally)
        if isinstance(event, Supervisor) and event.subtype == "started":
            self._begun = start
        self._echoes.feed(event)
        if self.errands is not None:
            self.errands.feed(event)

    async def _show(self, reading: asyncio.Task[None]) -> None:
        channel = self._crew.settings.DISCORD_CHANNEL_ID
        await self._pace.turn()
        thread = self._thread = await RunThread.open(
            self._client, self._store, self._record, channel, self._refused, make=self._is_news
        )
        if thread is None or thread.row.ended:
            return
        await thread.catch_up()
        self._standing.parent = await self._thread_of_parent()
        listener = self._hearing.listen(thread.row, self._record)
        self._echoes.listen(listener)
        if thread.row.card_id is not None:
            # Shown before: the log is replayed first, so that the card does not go back in time.
            await asyncio.wait({reading}, timeout=_CATCH_UP_S)
        while self._standing.ended is None:
            if reading.done():
                reading.result()
                return
            await self._show_card(thread)
            await self._show_blocks(thread)
            await self._pause()
        self._timeline.finish()
        while not await self._show_blocks(thread):
            pass
        end = self._standing.ended
        await listener.finish(lambda: self._was_woken(end))
        await self._show_end(thread, end)
        self._hearing.forget(thread.row)

    async def _was_woken(self, end: End | Fault) -> bool:
        """Whether it goes on already: what people said meanwhile is not for the life that this tells of."""
        try:
            return isinstance(end, End) and await inbox.was_woken(self._crew.relay, self._record.name, end.size)
        except HostError:
            return False

    async def _thread_of_parent(self) -> str:
        row = await self._store.thread(self._record.kin.parent)
        return f"<#{row.thread_id}>" if row else ""

    async def _pause(self) -> None:
        """Until something changed, and then a moment, a longer one if a message was just sent; or until the card's clock is old."""
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CARD_S * 3):
                await self._changed.wait()
        if self._standing.ended is None:
            await asyncio.sleep(max(_GATHER_S, self._sent_at + _BATCH_S - time.monotonic()))

    async def _show_blocks(self, thread: RunThread, most: int = _ROUND) -> bool:
        """Bring what is shown up to date and send what is new, `most` messages; whether all of it is there now."""
        for _ in range(most):
            taken, blocks = self.backlog.end, self._timeline.blocks
            for block in filter(thread.is_outdated, blocks):
                await self._pace.turn()
                await thread.renew(block)
                self._sent_at = time.monotonic()
            self._timeline.drop({block.index for block in blocks if block.sealed and thread.covers(block)})
            waiting = [block for block in blocks if not thread.covers(block)]
            self.backlog.shown(waiting[0].start if waiting else taken)
            if not waiting:
                return True
            if waiting[0].kind == "end":
                await self._show_card(thread, now=True)
            await self._pace.turn()
            await thread.send(next_batch([block for block in self._timeline.blocks if not thread.covers(block)]))
            self._sent_at = time.monotonic()
        return False

    async def _show_card(self, thread: RunThread, *, now: bool = False) -> None:
        if self._crew.relay.silent_since is None:
            self._crew.known.note(self._standing.recorded(None, time.time()))
        view = self._standing.card(None, self._timeline.last_action)
        old_s = time.monotonic() - self._card_at
        is_due = now or old_s >= (_CARD_S if self._pace.line_s < _CROWDED_S else _CARD_CROWDED_S)
        if self._card_shown == view or not is_due:
            return
        await self._pace.turn()
        await thread.show_card(card(view))
        self._card_shown, self._card_at = view, time.monotonic()

    async def _show_end(self, thread: RunThread, end: End | Fault) -> None:
        standing = self._standing
        outcome = standing.outcome(end)
        self._tell_end()
        self._crew.known.note(standing.recorded(outcome, standing.until))
        view = standing.card(outcome, self._timeline.last_action)
        size = end.size if isinstance(end, End) else self.backlog.end
        await thread.show_card(card(view))
        if standing.tally.is_told:
            await thread.mark_told(size)
            return
        figures, changes = Figures(view.elapsed_ms, view.turns, view.cost_usd), standing.tally.changes
        work = (f"work:{workspace_of(self._record)}",) if changes is not None and changes.files > 0 else ()
        told = () if self._record.kin.parent else ("ping",)
        text = end_message(mention(self._record) if told else "", figures, outcome, changes)
        await thread.close(text, (*told, *work), self._begun, size)
