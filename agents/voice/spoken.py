"""A tool's answer as a voice says it: short, in words, without ids, addresses, paths and markup. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from agents.tools.agents import ListOutput, StatusOutput, StopOutput, TextOutput, WaitOutput
from agents.tools.answer import AnswerOutput
from agents.tools.confirmation import ConfirmationRequired
from agents.tools.core import Output
from agents.tools.publishing import PullRequestOutput, PushOutput
from agents.tools.send import InterruptOutput, SendOutput
from agents.tools.spawn import SpawnOutput
from agents.tools.views import AgentView
from agents.tools.workspaces import DeleteOutput, DiffOutput, ListWorkspacesOutput, WorkspaceOutput
from agents.voice import names, words
from agents.voice.names import Named
from vps.errors import VpsError
from vps.workspace import Workspace

LONGEST = 300
"""Characters: about twenty seconds of speech."""
_MOST = 5
_REST = 160
"""Characters of what an agent wrote, in a longer answer."""
_AGENT = re.compile(r"claude-agent-[A-Za-z0-9_.-]+")
_URL = re.compile(r"\b(?:https?|ssh|git|wss?)://\S+|\bgit@\S+")
_PATH = re.compile(r"(?<![\w/.])~?/?(?:[\w.@+-]+/)+[\w.@+-]*")
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_HASH = re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,64}\b|\b\d{15,}\b")
_MARKUP = re.compile(r"```[\s\S]*?```|[`*_#>|~\[\]{}<>\\]+|^\s*[-+•]\s+", re.MULTILINE)
_SIGNS = {"·": ",", "↑": " ahead ", "↓": " behind ", "→": " to ", "…": "...", "&": " and ", "%": " percent"}

Roll = Mapping[str, Named]
"""The listed agents by their ids."""


def spoken(output: Output, roll: Roll) -> str:
    """What an answer comes to, at most `LONGEST` characters."""
    said = _SAID.get(type(output))
    text = said(output, roll) if said else plain(output.summary(), roll)
    return cut(text) or "Done."


def trouble(error: VpsError, roll: Roll) -> str:
    """What a refusal comes to, with what helps."""
    if isinstance(error, ConfirmationRequired):
        # Only a person can use the code, by a command of their own; nobody else can tell it to them.
        return cut(f"A person has to confirm that first, with the code {error.code}. {plain(error.question, roll)}")
    return cut(plain(str(error), roll))


def plain(text: str, roll: Roll) -> str:
    """Any text without what cannot be said."""
    text = _URL.sub(" a link ", text)
    text = _AGENT.sub(lambda found: _of(found[0].rstrip("."), roll), text)
    text = _HASH.sub("", _UUID.sub("", _MARKUP.sub(" ", text)))
    text = _PATH.sub(lambda found: _last(found[0]), text)
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    text = re.sub(r"\(\s*[,;]?\s*\)", " ", " ".join(text.split()))
    return re.sub(r"\s+([.,;:!?])", r"\1", re.sub(r"\s{2,}", " ", text)).strip()


def cut(text: str, longest: int = LONGEST) -> str:
    """Not longer, ending with a sentence or at least with a word."""
    if len(text) <= longest:
        return text
    head = text[: longest - 3]
    end = max(head.rfind(sign) for sign in (". ", "! ", "? "))
    if end > longest // 2:
        return head[: end + 1]
    return f"{head.rpartition(' ')[0].rstrip(',;:')}..."


def _of(container_id: str, roll: Roll) -> str:
    return roll[container_id].spoken if container_id in roll else "the agent"


def _brief(container_id: str, roll: Roll) -> str:
    return roll[container_id].brief if container_id in roll else "the agent"


def _last(path: str) -> str:
    """The end of a path; a fraction or `and/or` has none."""
    parts = [part for part in path.split("/") if part]
    return parts[-1] if path.startswith(("/", "~")) or len(parts) > 2 or "." in path else " or ".join(parts)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _agent(agent: AgentView, roll: Roll) -> str:
    """One agent in a sentence or two."""
    name = _capital(_of(agent.container_id, roll))
    if agent.by_hand:
        return f"{name} was started by hand."
    parts = [f"{name} {_standing(agent)}"]
    if agent.elapsed_ms:
        parts.append(f"after {words.duration(agent.elapsed_ms)}")
    told = " ".join(parts) + (f", {words.money(agent.cost_usd)} so far." if agent.cost_usd else ".")
    if agent.questions:
        told += f" It asks: {cut(plain(agent.questions[0].text, roll), _REST)}"
    elif agent.state == "failed" and agent.reason:
        told += f" {cut(plain(agent.reason, roll), _REST)}"
    return told


def _standing(agent: AgentView) -> str:
    if agent.waiting:
        return f"waits to start, at place {words.number(agent.waiting.place)}"
    if agent.questions:
        return "waits for an answer"
    usual = {
        "running": "is at work",
        "starting": "is starting",
        "waiting": "waits",
        "stopped": "is stopped",
        "failed": "failed",
    }
    if agent.state == "idle":
        return "was interrupted" if agent.ending == "interrupted" else "is done"
    return usual.get(agent.state, f"is {agent.state}")


def _status(output: StatusOutput, roll: Roll) -> str:
    return _agent(output.agent, roll)


def _wait(output: WaitOutput, roll: Roll) -> str:
    if not output.finished:
        return f"It goes on: {_agent(output.agent, roll)}"
    result = f" It says: {cut(plain(output.agent.result, roll), _REST)}" if output.agent.result else ""
    return _agent(output.agent, roll) + result


def _list(output: ListOutput, roll: Roll) -> str:
    if not output.agents:
        return "There are no agents."
    shown = [f"{_of(agent.container_id, roll)}, {_standing(agent)}" for agent in output.agents[:_MOST]]
    more = f"; and {words.number(len(output.agents) - _MOST)} more" if len(output.agents) > _MOST else ""
    return f"{_capital(words.counted(len(output.agents), 'agent'))}: {'; '.join(shown)}{more}."


def _text(output: TextOutput, roll: Roll) -> str:
    """The end of a transcript: what it said last."""
    lines = [line for line in output.text.splitlines() if line.strip() and not line.startswith("[")]
    last = plain(" ".join(lines[-3:]), roll)
    return f"{_capital(_of(output.container_id, roll))} says: {last[-_REST:] if len(last) > LONGEST else last}"


def _stop(output: StopOutput, roll: Roll) -> str:
    name = _capital(_of(output.container_id, roll))
    if output.was_queued:
        return f"{name} was stopped before it started."
    return f"{name} is stopped." if output.was_running else f"{name} had ended already."


def _spawn(output: SpawnOutput, roll: Roll) -> str:
    name, where = _capital(_of(output.container_id, roll)), _place(output.workspace)
    if output.queue_place is not None:
        return f"{name} waits to start in {where}, at place {words.number(output.queue_place)}."
    return f"{name} has started in {where}."


def _place(path: str) -> str:
    if "/workspaces/" not in path:
        return "the scratch workspace"
    return names.workspace(path.partition("/workspaces/")[2].partition("/")[0])


def _send(output: SendOutput, roll: Roll) -> str:
    refused = f" {words.counted(len(output.refused), 'file')} did not go with it." if output.refused else ""
    return f"I passed it on to {_of(output.container_id, roll)}.{refused}"


def _interrupt(output: InterruptOutput, roll: Roll) -> str:
    name = _capital(_of(output.container_id, roll))
    return (
        f"{name} is interrupted; say what it should do instead." if output.was_working else f"{name} was not at work."
    )


def _answer(output: AnswerOutput, roll: Roll) -> str:
    return f"I told {_brief(output.container_id, roll)}: {cut(plain(output.answer, roll), _REST)}"


def _workspace(workspace: Workspace) -> str:
    """One workspace in a part of a sentence."""
    parts = [names.workspace(workspace.name)]
    if workspace.kind != "git":
        return f"{parts[0]}, which git cannot read" if workspace.kind == "unreadable" else f"{parts[0]}, without git"
    if workspace.branch:
        parts.append(f"on {_branch(workspace.branch)}")
    counts = ((workspace.changed, "changed file"), (workspace.conflicts, "conflict"), (workspace.ahead, "new commit"))
    parts += [words.counted(count, what) for count, what in counts if count]
    if workspace.behind:
        parts.append(f"{words.counted(workspace.behind, 'commit')} behind")
    if workspace.agents:
        parts.append(f"{words.counted(len(workspace.agents), 'agent')} at work")
    return ", ".join(parts)


def _branch(name: str) -> str:
    return f"branch {re.sub(r'[/_.-]+', ' ', name)}"


def _one_workspace(output: WorkspaceOutput, roll: Roll) -> str:
    return f"{_capital(_workspace(output.workspace))}. {plain(output.note, roll)}".strip()


def _workspaces(output: ListWorkspacesOutput, _roll: Roll) -> str:
    found = output.workspaces
    if not found:
        return "There are no workspaces."
    more = f"; and {words.number(len(found) - _MOST)} more" if len(found) > _MOST else ""
    told = "; ".join(_workspace(each) for each in found[:_MOST])
    return f"{_capital(words.counted(len(found), 'workspace'))}: {told}{more}."


def _diff(output: DiffOutput, _roll: Roll) -> str:
    """git's own last line of a stat has the counts."""
    name = _capital(names.workspace(output.workspace.name))
    if not output.stat:
        return f"{name} has no changes."
    found = [re.search(rf"(\d+) {what}", output.stat) for what in ("files? changed", "insertion", "deletion")]
    files, added, removed = (int(each[1]) if each else 0 for each in found)
    return (
        f"{name}: {words.counted(files, 'file')} changed, {words.counted(added, 'line')} added and "
        f"{words.counted(removed, 'line')} removed."
    )


def _delete(output: DeleteOutput, _roll: Roll) -> str:
    return f"The workspace {names.workspace(output.workspace_name)} is deleted."


def _push(output: PushOutput, _roll: Roll) -> str:
    name = names.workspace(output.workspace_name)
    committed = (
        f" {_capital(words.counted(output.committed, 'changed file'))} went into a commit first."
        if output.committed
        else ""
    )
    working = f" {_capital(words.counted(len(output.agents), 'agent'))} still at work there." if output.agents else ""
    return f"{_capital(name)} is pushed, {_branch(output.branch)}.{committed}{working}"


def _pull_request(output: PullRequestOutput, _roll: Roll) -> str:
    done = "is open" if output.created else "was open already"
    return f"Pull request {words.number(output.number)} {done}. The link is in Discord."


_SAID: Mapping[type[Output], Callable[[Any, Roll], str]] = cast(
    "Mapping[type[Output], Callable[[Any, Roll], str]]",
    {
        StatusOutput: _status,
        WaitOutput: _wait,
        ListOutput: _list,
        TextOutput: _text,
        StopOutput: _stop,
        SpawnOutput: _spawn,
        SendOutput: _send,
        InterruptOutput: _interrupt,
        AnswerOutput: _answer,
        WorkspaceOutput: _one_workspace,
        ListWorkspacesOutput: _workspaces,
        DiffOutput: _diff,
        DeleteOutput: _delete,
        PushOutput: _push,
        PullRequestOutput: _pull_request,
    },
)
