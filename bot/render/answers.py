"""A tool's answer as a Discord message: a text, or a text with a file when it is long."""

from __future__ import annotations

import time

from agents.tools.agents import ListOutput, StatusOutput, TextOutput, WaitOutput
from agents.tools.core import Output
from agents.tools.usage import UsageOutput
from agents.tools.views import AgentView
from agents.tools.workspaces import DiffOutput
from bot.render import usage
from bot.render.activity import said
from bot.render.blocks import Attachment, attachment
from bot.render.text import duration, fence, inline_code, money, plain, shorten, width
from vps.errors import VpsError
from vps.mask import Mask
from vps.outcome import Ending

_SIGNS = {
    "queued": "🕓", "starting": "🚀", "running": "⏳", "waiting": "⏸️", "succeeded": "✅",
    "failed": "❌", "refused": "🚫", "limited": "⛔",
    "interrupted": "⏹️", "stopped": "⏹️", "timed_out": "⏱️", "out_of_memory": "💥", "vanished": "👻", "hung": "🧊",
}  # fmt: skip
_LIMIT = 1900
_ROWS = 15

Answer = tuple[str, tuple[Attachment, ...]]


def answer(output: Output) -> Answer:
    """The message for any tool's output."""
    if isinstance(output, ListOutput):
        return _table(output), ()
    if isinstance(output, StatusOutput):
        used = f"\n🖥️ CPU {output.cpu} · memory {output.memory}" if output.cpu else ""
        return _agent(output.agent) + used, ()
    if isinstance(output, TextOutput):
        return _text(output.text, f"{output.container_id}.txt")
    if isinstance(output, WaitOutput):
        state = "" if output.finished else "It still waits.\n" if output.agent.waiting else "It still runs.\n"
        return _text(f"{state}{_agent(output.agent)}\n{plain(output.agent.result)}", "result.md", fenced=False)
    if isinstance(output, DiffOutput):
        return _diff(output)
    return (
        _usage(output)
        if isinstance(output, UsageOutput)
        else _text(plain(output.summary()), "answer.txt", fenced=False)
    )


def _usage(output: UsageOutput) -> Answer:
    picture = Attachment("usage.png", usage.picture(output.usage), usage.alt(output.usage))
    return usage.text(output.usage), (picture,)


def failure(error: VpsError, mask: Mask) -> str:
    """The message for what a tool could not or would not do."""
    return f"❌ {shorten(plain(mask.text(str(error))), 1800)}"


def _diff(output: DiffOutput) -> Answer:
    """The stat, and the patch whole in a file, which Discord shows in colours."""
    against = inline_code(output.base) if output.base else "an empty tree"
    if not output.stat:
        return f"{inline_code(output.workspace.name)} has no change against {against}.", ()
    stat = fence(plain(shorten(output.stat, _LIMIT - 200)))
    note = "\nThe patch is cut at 4 MiB." if output.cut else ""
    files = (attachment(f"{output.workspace.name}.diff", output.patch),)
    return f"{inline_code(output.workspace.name)} against {against}:\n{stat}{note}", files


def _text(text: str, name: str, *, fenced: bool = True) -> Answer:
    shown = fence(plain(text)) if fenced else text
    if width(shown) <= _LIMIT:
        return shown, ()
    tail = plain(text)[-800:]
    return f"The whole text is in the file; its end:\n{fence(tail)}", (attachment(name, text),)


def _table(output: ListOutput) -> str:
    if not output.agents:
        return "No agents. Start one with `/spawn`."
    rows = [_row(agent) for agent in output.agents[:_ROWS]]
    more = len(output.agents) - _ROWS
    return shorten("\n".join(rows), _LIMIT) + (f"\n… and {more} more; `agentflow list` shows all." if more > 0 else "")


def _row(agent: AgentView) -> str:
    head = f"{_sign(agent)} {inline_code(agent.container_id)}"
    if agent.by_hand:
        return f"{head} started by hand · {plain(agent.state)}{_stale(agent)}"
    is_told = agent.waiting or (agent.activity and agent.activity.is_trouble)
    trouble = f"\n↳ {_doing(agent)}" if is_told else ""
    figures = f"{duration(agent.elapsed_ms)} · {money(agent.cost_usd)}{trouble}{_stale(agent)}"
    return f"{head} {plain(shorten(' '.join(agent.task.split()), 50))} · {figures}"


def _sign(agent: AgentView) -> str:
    return _SIGNS.get(agent.ending or agent.state, "▫️")


def _doing(agent: AgentView) -> str:
    return said(agent.activity, time.time() - agent.stale_ms / 1000) if agent.activity else plain(agent.doing)


def _stale(agent: AgentView) -> str:
    return f"\n⚠️ As of {duration(agent.stale_ms)} ago; the VPS does not answer." if agent.stale_ms else ""


def _agent(agent: AgentView) -> str:
    if agent.by_hand:
        return _row(agent)
    lines = [f"{_sign(agent)} **{agent.standing}** {inline_code(agent.container_id)}"]
    lines.append(plain(shorten(" ".join(agent.task.split()), 200)))
    lines.append(
        f"⏱️ {duration(agent.elapsed_ms)} · {agent.turns} turns · {money(agent.cost_usd)} · {plain(agent.model)}"
    )
    if agent.given:
        lines.append(f"⚙️ {plain(shorten(agent.given, 400))}")
    if agent.alive and agent.doing:
        lines.append(f"↳ {_doing(agent)}")
    if agent.reason and agent.ending not in ("", Ending.SUCCEEDED):
        lines.append(plain(shorten(f"{agent.reason} {agent.remedy}".strip(), 600)))
    return "\n".join(lines) + _stale(agent)
