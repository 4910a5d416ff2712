"""A tool's answer is one message, with a file where it is long."""

from __future__ import annotations

from agents.tools.agents import ListOutput, StatusOutput, StopOutput, TextOutput, WaitOutput
from agents.tools.views import AgentView
from agents.tools.workspaces import DiffOutput, ListWorkspacesOutput
from bot.render.answers import answer
from bot.render.text import width
from vps.workspace import Workspace

NAME = "claude-agent-1795300000000-a1b2c3"
AGENT = AgentView(
    container_id=NAME,
    state="running",
    task="fix add()\nand add a test",
    elapsed_ms=65_000,
    turns=7,
    cost_usd=0.0826,
    model="claude-opus-4-8",
    last_action="Bash pytest -q",
    alive=True,
)
DONE = AGENT.model_copy(update={"state": "idle", "ending": "succeeded", "alive": False, "result": "All is **well**."})
FAILED = AGENT.model_copy(
    update={
        "state": "failed",
        "ending": "timed_out",
        "alive": False,
        "reason": "It took 10m.",
        "remedy": "Raise timeout.",
    }
)
BY_HAND = AgentView(container_id="claude-agent-mine", state="Up 3 minutes", alive=True, by_hand=True)


def text(output: ListOutput | StatusOutput | StopOutput | TextOutput | WaitOutput) -> str:
    shown, files = answer(output)
    assert files == ()
    assert width(shown) <= 2000
    return shown


def test_the_status_of_a_running_agent_has_its_figures_and_last_action() -> None:
    lines = text(StatusOutput(agent=AGENT, cpu="12.3%", memory="151MiB / 4GiB")).split("\n")
    assert lines == [
        f"⏳ **running** `{NAME}`",
        "fix add() and add a test",
        "⏱️ 1m 05s · 7 turns · $0.08 · claude-opus-4-8",
        "↳ Bash pytest -q",
        "🖥️ CPU 12.3% · memory 151MiB / 4GiB",
    ]


def test_the_status_of_one_that_ended_badly_has_reason_and_remedy() -> None:
    shown = text(StatusOutput(agent=FAILED))
    assert shown.startswith("⏱️ **failed (timed out)**")
    assert shown.endswith("It took 10m. Raise timeout.")
    assert "↳" not in shown


def test_a_container_started_by_hand_says_so() -> None:
    assert text(StatusOutput(agent=BY_HAND)) == "▫️ `claude-agent-mine` started by hand · Up 3 minutes"


def test_a_list_has_a_row_each_and_says_how_many_more_there_are() -> None:
    assert text(ListOutput(agents=[AGENT, DONE])).split("\n") == [
        f"⏳ `{NAME}` fix add() and add a test · 1m 05s · $0.08",
        f"✅ `{NAME}` fix add() and add a test · 1m 05s · $0.08",
    ]
    long = text(ListOutput(agents=[AGENT] * 40))
    assert long.count(NAME) == 15
    assert long.endswith("… and 25 more; `agentflow list` shows all.")


def test_an_empty_list_says_what_to_do() -> None:
    assert text(ListOutput(agents=[])) == "No agents. Start one with `/spawn`."


def test_output_is_fenced_and_cannot_leave_its_fence_or_ping() -> None:
    shown = text(TextOutput(container_id=NAME, text="a\n```\n@everyone\n```\nb"))
    first, *_, last = shown.split("\n")
    assert first == last
    assert first.startswith("```")
    assert shown.count(first) == 2 or "`\u200b" in shown


def test_long_output_is_a_file_with_its_end_in_sight() -> None:
    body = "".join(f"line {number}\n" for number in range(1000))
    shown, (file,) = answer(TextOutput(container_id=NAME, text=body))
    assert (file.name, file.content.decode()) == (f"{NAME}.txt", body)
    assert "line 999" in shown
    assert width(shown) <= 2000


def test_wait_gives_the_result_as_it_was_written_or_says_that_it_still_runs() -> None:
    assert text(WaitOutput(agent=DONE, finished=True)).endswith("\nAll is **well**.")
    assert text(WaitOutput(agent=AGENT, finished=False)).startswith("It still runs.\n⏳")


def test_a_long_result_is_a_file() -> None:
    result = "# Report\n" + "word " * 1000
    shown, (file,) = answer(WaitOutput(agent=DONE.model_copy(update={"result": result}), finished=True))
    assert file.name == "result.md"
    assert "# Report" in file.content.decode()
    assert width(shown) <= 2000


def test_other_answers_are_their_summary() -> None:
    assert text(StopOutput(container_id=NAME, was_running=True)) == f"{NAME} stopped."


def test_a_long_list_of_workspaces_becomes_a_file() -> None:
    workspaces = [Workspace(name=f"api-{at}", path=f"/w/api-{at}", kind="git", branch="x" * 80) for at in range(40)]
    output = ListWorkspacesOutput(workspaces=workspaces)
    shown, (file,) = answer(output)
    assert width(shown) <= 2000
    assert file.name == "answer.txt"
    assert file.content.decode() == output.summary()


def test_a_diff_has_its_stat_in_the_message_and_its_patch_in_a_file() -> None:
    workspace = Workspace(name="api--fix", path="/w/api--fix", kind="git", branch="agent/fix")
    output = DiffOutput(workspace=workspace, base="main", stat=" calc.py | 2 +-\n" * 300, patch="+a\n" * 9000)
    shown, (file,) = answer(output)
    assert "calc.py | 2 +-" in shown
    assert width(shown) <= 2000
    assert (file.name, file.content) == ("api--fix.diff", b"+a\n" * 9000)
