"""What is said is short and can be said."""

from __future__ import annotations

import re

import pytest

from agents.tools.agents import ListOutput, StatusOutput, StopOutput, TextOutput, WaitOutput
from agents.tools.answer import AnswerOutput
from agents.tools.asking import OpenQuestion
from agents.tools.budget import BudgetOutput
from agents.tools.confirmation import ConfirmationRequired
from agents.tools.core import Output
from agents.tools.publishing import PullRequestOutput, PushOutput
from agents.tools.send import InterruptOutput, SendOutput
from agents.tools.spawn import SpawnOutput
from agents.tools.views import AgentView
from agents.tools.workspaces import DeleteOutput, DiffOutput, ListWorkspacesOutput, WorkspaceOutput
from agents.voice.names import Named
from agents.voice.spoken import LONGEST, cut, plain, spoken, trouble
from agents.voice.wanted import voiced
from vps.errors import BadInput
from vps.workspace import Workspace

ID = "claude-agent-1700000000001-aaa111"
ROLL = {ID: Named(ID, 7, "Add a REST API")}
AGENT = AgentView(
    container_id=ID, state="running", task="Add a REST API", elapsed_ms=125_000, cost_usd=0.12, turns=3, alive=True
)
API = Workspace(
    name="api", path="/opt/agentflow/workspaces/api", branch="feature/rest-api", ahead=2, changed=3, agents=(ID,)
)
QUESTION = OpenQuestion(id="toolu_0123456789abcdef", kind="question", text="Which **database**?")

NAME = "Agent seven, the REST API one"
AFTER = "after two minutes and five seconds, twelve cents so far"
DONE = AGENT.model_copy(update={"state": "idle", "result": "See `src/app.py` at https://x.example/y."})

CASES: list[tuple[Output, str]] = [
    (StatusOutput(agent=AGENT), f"{NAME} is at work {AFTER}."),
    (
        StatusOutput(agent=AGENT.model_copy(update={"questions": (QUESTION,)})),
        f"{NAME} waits for an answer {AFTER}. It asks: Which database?",
    ),
    (WaitOutput(agent=AGENT, finished=False), f"It goes on: {NAME} is at work {AFTER}."),
    (WaitOutput(agent=DONE, finished=True), f"{NAME} is done {AFTER}. It says: See app.py at a link"),
    (ListOutput(agents=[AGENT]), "One agent: agent seven, the REST API one, is at work."),
    (ListOutput(agents=[]), "There are no agents."),
    (StopOutput(container_id=ID, was_running=True), f"{NAME} is stopped."),
    (SpawnOutput(container_id=ID, workspace="/opt/agentflow/workspaces/api"), f"{NAME} has started in api."),
    (
        SpawnOutput(container_id=ID, workspace="/opt/agentflow/workspace", queue_place=2),
        f"{NAME} waits to start in the scratch workspace, at place two.",
    ),
    (
        SendOutput(container_id=ID, message_id="6f0d7c1e-6a0c-5d0a-9b53-0c6a3c1d4e21"),
        "I passed it on to agent seven, the REST API one.",
    ),
    (InterruptOutput(container_id=ID, was_working=False), f"{NAME} was not at work."),
    (AnswerOutput(container_id=ID, question="q", answer="Postgres", call="c"), "I told agent seven: Postgres"),
    (TextOutput(container_id=ID, text="[Bash ls]\nAll tests pass."), f"{NAME} says: All tests pass."),
    (
        WorkspaceOutput(workspace=API, note="Brought up to date."),
        "Api, on branch feature rest api, three changed files, two new commits, one agent at work. Brought up to date.",
    ),
    (
        ListWorkspacesOutput(workspaces=[API]),
        "One workspace: api, on branch feature rest api, three changed files, two new commits, one agent at work.",
    ),
    (
        DiffOutput(
            workspace=API,
            base="origin/main",
            stat=" a | 3 +\n 1 file changed, 2 insertions(+), 1 deletion(-)",
            patch="",
        ),
        "Api: one file changed, two lines added and one line removed.",
    ),
    (DeleteOutput(workspace_name="api"), "The workspace api is deleted."),
    (
        PushOutput(
            workspace_name="api",
            branch="main",
            sha="0a1b2c3d4e5f",
            url="https://github.com/o/api",
            committed=1,
            commits=["x"],
            agents=[],
        ),
        "Api is pushed, branch main. One changed file went into a commit first.",
    ),
    (
        PullRequestOutput(url="https://github.com/o/api/pull/12", number=12, created=True),
        "Pull request twelve is open. The link is in Discord.",
    ),
]


@pytest.mark.parametrize(("output", "said"), CASES, ids=lambda each: type(each).__name__)
def test_an_answer_is_said_in_words(output: Output, said: str) -> None:
    assert spoken(output, ROLL) == said


def test_every_other_answer_is_said_too() -> None:
    budget = BudgetOutput(scope="day", who="", added=5, limit=10, spent=2.5, left=7.5)
    assert 0 < len(spoken(budget, ROLL)) <= LONGEST
    assert {type(output) for output, _ in CASES} < {tool.output for tool in voiced()}


UNSPEAKABLE = re.compile(r"https?:|claude-agent-|[`*#|\[\]{}]|/\w+/|[0-9a-f]{12}")


@pytest.mark.parametrize(
    "text",
    [
        f"**{ID}** is at `/opt/agentflow/workspaces/api` on https://github.com/o/api 0123456789abcdef0123",
        "# Done\n\n- one\n- two\n\n```python\nprint('x')\n```\n| a | b |",
        "word " * 500,
        "x" * 2000,
        "6f0d7c1e-6a0c-5d0a-9b53-0c6a3c1d4e21 [link](https://x.example) {json: 1} <@123456789012345678>",
    ],
)
def test_any_text_becomes_something_that_can_be_said(text: str) -> None:
    said = spoken(TextOutput(container_id=ID, text=text), ROLL)
    assert len(said) <= LONGEST
    assert not UNSPEAKABLE.search(said)


def test_a_long_list_is_counted_and_cut() -> None:
    said = spoken(ListOutput(agents=[AGENT] * 40), ROLL)
    assert said.startswith("Forty agents: agent seven")
    assert len(said) <= LONGEST


def test_text_is_cut_after_a_sentence_or_a_word() -> None:
    assert cut("One two. " * 60) == ("One two. " * 33).strip()
    assert cut("word " * 100).endswith("word...")


def test_a_refusal_keeps_its_remedy_and_a_yes_is_for_people() -> None:
    assert (
        trouble(BadInput("workspace_name", "is busy.", remedy="Wait for it."), ROLL)
        == "workspace name: is busy. Wait for it."
    )
    asked = ConfirmationRequired("Push api?", "abcde-23456")
    assert trouble(asked, ROLL) == "A person has to confirm that first, with the code abcde-23456. Push api?"
    assert plain("and/or 3/4", ROLL) == "and or or 3 or 4"
