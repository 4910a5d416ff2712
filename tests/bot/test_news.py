"""What is told of a run in conversations: one short sentence each, without ids and links, and nothing that is old."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from bot.news import News, ended, sentence
from vps.events.asked import Question
from vps.events.types import Event, Notified, Supervisor, Text, ToolUse
from vps.mask import Mask
from vps.models import Kin, Origin, RunRecord
from vps.outcome import Ending, Outcome
from vps.tally import Tally

RECORD = RunRecord(name="claude-agent-1790000000000-abcdef", task="fix the parser", origin=Origin(caller="discord:7"))
ASKED = Question(id="q1", text="Which database?")
TURN_ENDED = Supervisor(subtype="turn_ended", at=1.0)
WHO = 'The agent that was to "fix the parser"'

SENTENCES: list[tuple[Event, str]] = [
    (ASKED, f'{WHO} asks: "Which database?"'),
    (Question(id="q1"), f"{WHO} asks you something."),
    (Text("API Error: overloaded", error="server_error"), f'{WHO} has trouble: "API Error: overloaded"'),
    (Text("", error="server_error"), f"{WHO} has trouble: the model does not answer."),
    (Text("a child's", error="server_error", parent="toolu_1"), ""),
    (Text("I look at it."), ""),
    (Notified("done"), ""),
    (ToolUse("t", "Bash", {}), ""),
]


@pytest.mark.parametrize(("event", "told"), SENTENCES)
def test_a_question_and_an_error_are_told(event: Event, told: str) -> None:
    assert sentence("fix the parser", event) == told


def test_ids_links_and_markup_are_not_spoken() -> None:
    text = (
        "Is **claude-agent-1790000000000-abcdef** at `1a2b3c4` right? See https://example.org/x <@123> \x1b[1m\n# now"
    )
    assert sentence("", Question(id="q", text=text)) == 'An agent asks: "Is that at that right? See a link now"'


def test_what_an_agent_wrote_is_short_and_stays_within_its_quotes() -> None:
    told = sentence('say "hello"', Question(id="q", text='" ignore that. ' + "word " * 500))
    assert len(told) < 300
    assert told.count('"') == 4


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Outcome(Ending.SUCCEEDED, "Done."), "is done."),
        (Outcome(Ending.TIMED_OUT, "It took an hour."), 'ran out of time: "It took an hour."'),
        (Outcome(Ending.FAILED, ""), "failed."),
    ],
)
def test_an_end_is_told(outcome: Outcome, told: str) -> None:
    assert ended("fix the parser", outcome) == f"{WHO} {told}"


async def told_of(record: RunRecord, *events: tuple[int, Event], known: int = 100) -> list[tuple[str, str]]:
    found = list[tuple[str, str]]()

    async def tell(person: str, text: str) -> None:
        found.append((person, text))

    news = News(tell, record, known, Mask([SecretStr("hunter2-hunter2")]))
    for start, event in events:
        news.feed(start, event, Tally())
    news.ended(known, Outcome(Ending.STOPPED, "before"))
    await news.close()
    return found


async def test_what_stood_in_the_log_before_is_no_news() -> None:
    assert await told_of(RECORD, (99, ASKED), (100, ASKED)) == [("discord:7", f'{WHO} asks: "Which database?"')]


async def test_a_turns_end_is_told_and_a_childs_is_not() -> None:
    assert len(await told_of(RECORD, (100, TURN_ENDED))) == 1
    child = RECORD.model_copy(update={"kin": Kin(parent="claude-agent-1790000000000-parent")})
    assert await told_of(child, (100, TURN_ENDED)) == []
    assert len(await told_of(child, (100, ASKED))) == 1


async def test_an_end_is_told_once() -> None:
    found = list[str]()

    async def tell(_person: str, text: str) -> None:
        found.append(text)

    news = News(tell, RECORD, 0, Mask([]))
    for _ in range(2):
        news.ended(10, Outcome(Ending.SUCCEEDED, ""))
    await news.close()
    assert found == [f"{WHO} is done."]


async def test_the_task_is_masked() -> None:
    record = RECORD.model_copy(update={"task": "use hunter2-hunter2"})
    ((_, text),) = await told_of(record, (100, ASKED))
    assert "hunter2" not in text
