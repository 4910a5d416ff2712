"""What a new session is told of the old one."""

from __future__ import annotations

from agents.voice.memory import LONGEST, Carried, Memory, broken_off, summary


def test_nothing_is_told_where_nothing_was() -> None:
    assert summary(Memory()) == ""


def test_turns_calls_and_news_are_told_as_a_record() -> None:
    memory = Memory()
    memory.said("person", "start one")
    memory.said("you", "Agent one has started.")
    memory.called("a", Carried("spawn_claude_agent"))
    memory.called("a", Carried("spawn_claude_agent", "Agent one has started in api."))
    memory.called("b", Carried("clone_repo"))
    memory.heard("Agent one asks: which database?")
    assert summary(memory).splitlines()[1:-1] == [
        "The person said: start one",
        "You said: Agent one has started.",
        "Your tool spawn_claude_agent answered: Agent one has started in api.",
        "Your tool clone_repo is under way",
        "Update: Agent one asks: which database?",
    ]


def test_a_summary_is_bounded_and_keeps_what_came_last() -> None:
    memory = Memory()
    for number in range(100):
        memory.said("person", f"{number} {'x' * 5000}")
        memory.called(str(number), Carried("get_usage", "y" * 5000))
        memory.heard(f"{number} {'z' * 5000}")
    told = summary(memory)
    assert len(told) <= LONGEST
    assert "Update: 99" in told
    assert len(memory.turns) + len(memory.calls) + len(memory.news) < 40


def test_a_cut_off_message_tells_what_was_done() -> None:
    calls = [Carried("spawn_claude_agent", "Agent one has started."), Carried("clone_repo")]
    assert broken_off(calls) == (
        "The connection to the voice agent broke off in the middle. So far: Agent one has started. "
        "Still under way: clone repo. Say how to go on."
    )


def test_a_call_that_ends_drives_none_out() -> None:
    memory = Memory()
    for number in range(12):
        memory.called(str(number), Carried("clone_repo"))
    memory.called("11", Carried("clone_repo", "Done."))
    assert list(memory.calls) == [str(number) for number in range(12)]
    memory.called("12", Carried("clone_repo"))
    assert next(iter(memory.calls)) == "1"
