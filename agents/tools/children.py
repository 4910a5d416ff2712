"""The tools by which an agent has children: other agents, that it starts, steers and reads. No surface of people's has them.

Who calls is the run whose log the call stands in (`Call.agent`), and its children are those that it started, whatever it says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, NoReturn

import structlog

from agents.crew import Crew, Order
from agents.rights import Right
from agents.tools.agents import TextOutput
from agents.tools.child_shapes import (
    Anything,
    ChildInput,
    ChildOutput,
    ChildOutputInput,
    ChildrenOutput,
    ChildResultInput,
    SendChildInput,
    SpawnChildInput,
    SpawnChildOutput,
)
from agents.tools.core import Announced, Call, Input, NotPermitted, Tool
from agents.tools.send import message_id
from agents.tools.views import transcript, view
from vps import inbox
from vps.errors import BadInput, VpsError, WorkspaceBusy
from vps.events.types import Supervisor
from vps.host.workspaces import SCRATCH, place
from vps.models import CliOptions, Kin, Network, Origin, RunRecord, new_name
from vps.run import Run, answers_to, short

log = structlog.get_logger()

_POLL_S = 1.0
_TAIL = 256 << 10
_TEXT = 30_000
"""Characters of one answer: more would crowd out what the agent works on."""
_MORE: dict[Network, int] = {"none": 0, "restricted": 1, "open": 2}


async def _children(crew: Crew, parent: RunRecord) -> list[Run]:
    return [run for run in await crew.runs.list() if run.record is not None and run.record.kin.parent == parent.name]


def _agent(call: Call) -> RunRecord:
    assert call.agent is not None, "no agent calls"
    return call.agent


async def _child(crew: Crew, call: Call, given: str) -> Run:
    """Its own of that id. Raises NotPermitted for any other, whether there is one or not."""
    mine = await _children(crew, _agent(call))
    hits = [run for run in mine if run.name == given] or [run for run in mine if answers_to(run, given)]
    if len(hits) != 1:
        remedy = "list_children tells those you have."
        raise NotPermitted(f"{given!r} is no child of yours.", remedy=remedy)
    return hits[0]


async def _spawn(crew: Crew, given: SpawnChildInput, call: Call) -> SpawnChildOutput:
    parent, name = _agent(call), call.run or new_name(round(time.time() * 1000))
    network = network_of_child(given.network, parent.bounds.network)
    if network == "open" and Right.MANAGE not in call.rights:
        raise NotPermitted(f"`network: open` takes the right to {Right.MANAGE}.", remedy="Leave it out.")
    await _has_room(crew, parent, name)
    origin = _of_child(parent)
    child = RunRecord(name=name, task=given.task, origin=origin, created_at=time.time())
    announced = await call.announce(child) if call.announce else None
    if announced is not None:
        origin = origin.model_copy(update={"thread_id": announced.thread_id})
    run = await _started(crew, _order(given, parent, network), origin, call, name, announced)
    return SpawnChildOutput(
        child=run.name,
        branch=run.record.branch if run.record else "",
        files=run.record.workspace if run.record else "",
        thread=str(announced.thread_id) if announced else "",
        waits_for=run.waiting.why if run.waiting else "",
    )


async def _started(crew: Crew, order: Order, origin: Origin, call: Call, name: str, announced: Announced | None) -> Run:
    try:
        return await crew.spawn(order, origin, call.progress, name=name)
    except VpsError as error:
        if announced is not None:
            await announced.failed(str(error))
        raise


def network_of_child(asked: Network | None, most: Network) -> Network:
    """Never more than the parent's; `open` only where it is asked for."""
    if asked is None:
        return "restricted" if most == "open" else most
    if _MORE[asked] > _MORE[most]:
        raise NotPermitted(f"`network: {asked}` is more than yours, which is {most}.", remedy="Leave it out.")
    return asked


async def _has_room(crew: Crew, parent: RunRecord, name: str) -> None:
    """Raises NotPermitted where it may have no more. The one called `name` may be there already: it is asked for again."""
    limits = crew.settings
    if parent.kin.depth >= limits.AGENTFLOW_CHILDREN_DEPTH:
        raise NotPermitted("You are a child's child: you may have none yourself.", remedy="Do it yourself.")
    others = [run for run in await _children(crew, parent) if run.name != name]
    if len(others) >= limits.AGENTFLOW_CHILDREN:
        raise NotPermitted(f"You have had {len(others)} children, as many as you may.", remedy="Do it yourself.")
    may_work(others, limits.AGENTFLOW_CHILDREN_ALIVE)


def may_work(others: Sequence[Run], most: int) -> None:
    """Raises NotPermitted where no other one may work beside these. Who is done and only stays warm does not count."""
    working = sum(_works(run) for run in others)
    if working >= most:
        remedy = "Wait for one with get_child_result, or stop one."
        raise NotPermitted(f"{working} children are at work, as many as you may have at once.", remedy=remedy)


def _works(run: Run) -> bool:
    """Whether it has something to do; by the host's account, which counts what it was told and has not read yet."""
    return run.alive and not run.idle


def _of_child(parent: RunRecord) -> Origin:
    """Who asked for it: the agent, for the person whose work it is."""
    changes = {"caller": f"agent:{parent.name}", "caller_name": f"agent {short(parent.name)}", "surface": "agent"}
    return parent.origin.model_copy(update={**changes, "behalf": parent.origin.person, "thread_id": None})


def _order(given: SpawnChildInput, parent: RunRecord, network: Network) -> Order:
    """Bound as the parent is. What that was given for itself, such as its environment and servers, it does not hand on."""
    bounds = parent.bounds
    options = CliOptions(
        model=given.model or parent.model,
        effort=given.effort,
        permission_mode=bounds.permission_mode,
        max_turns=given.max_turns,
        max_budget_usd=given.max_budget_usd,
        allowed_tools=bounds.allowed_tools,
        disallowed_tools=bounds.disallowed_tools,
    )
    return Order(
        task=given.task,
        workspace=parent.workspace,
        timeout_s=given.timeout / 1000,
        options=options,
        env={},
        memory=bounds.limits.memory,
        cpus=bounds.limits.cpus,
        disk=bounds.limits.disk,
        network=network,
        kin=Kin(parent=parent.name, depth=parent.kin.depth + 1, outlive=given.outlive),
        beside=WorkspaceBusy(parent.workspace, (parent.name,), inside=_inside(parent)),
    )


def _inside(parent: RunRecord) -> str:
    """The way from its workspace to the directory it works in."""
    return (
        "" if parent.workspace_name == SCRATCH else parent.workspace.partition(f"/{place(parent.workspace_name)}/")[2]
    )


async def _send(crew: Crew, given: SendChildInput, call: Call) -> TextOutput:
    run = await _child(crew, call, given.child)
    if not _works(run):
        # It sets it to work again, wakes it even.
        may_work(await _children(crew, _agent(call)), crew.settings.AGENTFLOW_CHILDREN_ALIVE)
    await inbox.say(crew.relay, run.name, given.message, message_id(call.origin.caller, call.id))
    return TextOutput(
        container_id=run.name, text="Said. It reads it at its next step; one that was done goes on with it."
    )


async def _output(crew: Crew, given: ChildOutputInput, call: Call) -> TextOutput:
    run = await _child(crew, call, given.child)
    assert run.record is not None
    if given.diff:
        diff = await crew.workspaces.diff(run.record.workspace_name)
        return TextOutput(container_id=run.name, text=_cut(diff.patch) or "It has changed nothing yet.")
    text = transcript(await crew.runs.read(run, tail=1 << 20), given.lines, raw=False)
    return TextOutput(container_id=run.name, text=text[-_TEXT:] or "Nothing yet.")


def _cut(patch: str) -> str:
    if len(patch) <= _TEXT:
        return patch
    return f"{patch[:_TEXT]}\n[cut: {len(patch)} characters; have the child commit, and a person merge its branch]"


async def _result(crew: Crew, given: ChildResultInput, call: Call) -> ChildOutput:
    run = await _child(crew, call, given.child)
    deadline = time.monotonic() + given.wait / 1000
    while True:
        run = await crew.runs.read(run, tail=_TAIL)
        if not _works(run):
            commit = await _handed_in(crew, run)
            return ChildOutput(agent=view(run, crew.mask), is_done=True, changes=_changes(run), commit=commit)
        if time.monotonic() >= deadline:
            return ChildOutput(agent=view(run, crew.mask), is_done=False)
        await asyncio.sleep(_POLL_S)


async def _handed_in(crew: Crew, run: Run) -> str:
    """The commit, where there is one to be had."""
    assert run.record is not None
    try:
        return (await crew.workspaces.hand_in(run.record.workspace_name)).sha
    except VpsError as error:
        await log.awarning("a child's commits are not handed in", run=run.name, error=str(error))
        return ""


def _changes(run: Run) -> str:
    events = [event for line in run.lines for event in line.events if isinstance(event, Supervisor)]
    stats = [event.changes.stat for event in events if event.changes is not None]
    return stats[-1].strip()[:2000] if stats else ""


async def _list(crew: Crew, _given: Input, call: Call) -> ChildrenOutput:
    runs = await _children(crew, _agent(call))
    read = await asyncio.gather(*(crew.runs.read(run, tail=_TAIL) for run in runs))
    return ChildrenOutput(agents=[view(run, crew.mask) for run in read])


async def _stop(crew: Crew, given: ChildInput, call: Call) -> TextOutput:
    run = await _child(crew, call, given.child)
    if run.alive:
        await crew.runs.stop(run.name)
    return TextOutput(container_id=run.name, text="Stopped." if run.alive else "It had ended already.")


async def _unknown(_crew: Crew, _given: Anything, _call: Call) -> NoReturn:
    remedy = f"The tools are {', '.join(tool.name for tool in TOOLS)}."
    raise BadInput("tool", "there is none of that name.", remedy=remedy)


SPAWN_CHILD = Tool(
    "spawn_child",
    "spawn_child",
    "Start an agent on a part of the work",
    Right.RUN,
    SpawnChildInput,
    SpawnChildOutput,
    _spawn,
    timeout_s=1800,
    is_once=True,
)
SEND_CHILD = Tool(
    "send_to_child", "send_to_child", "Say something to a child", Right.RUN, SendChildInput, TextOutput, _send,
    timeout_s=300, is_once=True,
)  # fmt: skip
CHILD_OUTPUT = Tool(
    "get_child_output", "get_child_output", "What a child said and did", Right.VIEW, ChildOutputInput, TextOutput, _output,
    timeout_s=120,
)  # fmt: skip
CHILD_RESULT = Tool(
    "get_child_result", "get_child_result", "Wait for a child", Right.VIEW, ChildResultInput, ChildOutput, _result, timeout_s=660
)  # fmt: skip
LIST_CHILDREN = Tool(
    "list_children", "list_children", "An agent's children", Right.VIEW, Input, ChildrenOutput, _list
)  # fmt: skip
STOP_CHILD = Tool(
    "stop_child", "stop_child", "Stop a child", Right.RUN, ChildInput, TextOutput, _stop, timeout_s=90, is_once=True
)
TOOLS: tuple[Tool[Any, Any], ...] = (SPAWN_CHILD, SEND_CHILD, CHILD_OUTPUT, CHILD_RESULT, LIST_CHILDREN, STOP_CHILD)
UNKNOWN: Tool[Any, Any] = Tool("unknown", "unknown", "What no agent has", Right.VIEW, Anything, TextOutput, _unknown)
