"""`agentflow voice setup`: makes the agent and its client tools in ElevenLabs as they are wanted, and nothing where they are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from agents.config import Settings
from agents.voice import difference, wanted
from agents.voice.account import Account, opened_account
from agents.voice.difference import Field, FoundTool, ToolChange
from agents.voice.errors import VoiceUnavailable


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. `agent` is None where there is none yet."""

    agent: dict[str, Any] | None
    found: list[FoundTool]
    tools: list[ToolChange]
    fields: list[Field] = field(default_factory=list[Field])

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.tools or self.fields or self.agent is None)

    @property
    def is_foreign(self) -> bool:
        """Whether the agent has our name, or the id in the settings, and no mark of ours."""
        return self.agent is not None and not difference.is_our_agent(self.agent)

    def lines(self) -> list[str]:
        """For a person."""
        lines = [line for change in self.tools for line in change.lines()]
        if self.agent is None:
            return [*lines, f"+ agent {wanted.AGENT_NAME}"]
        if self.fields:
            lines += [f"~ agent {self.agent['name']}", *(f"    {each.line()}" for each in self.fields)]
        return lines


async def look(account: Account, settings: Settings) -> Plan:
    """What is there against what is wanted. Raises VoiceUnavailable, also where the agent of the settings is gone."""
    found = await account.tools()
    agent = await _agent(account, settings.ELEVENLABS_AGENT_ID)
    tools = await _changes(account, agent, found)
    if agent is None:
        return Plan(None, found, tools)
    return Plan(agent, found, tools, [*_fields(agent), *_attachments(agent, found, tools)])


async def setup(
    settings: Settings,
    *,
    dry_run: bool,
    confirm: Callable[[str], Awaitable[bool]],
    say: Callable[[str], None],
) -> str | None:
    """Do what is to be done and tell it; the agent's id. None where nothing was done because a person said no, or in a dry run
    without an agent. Raises SettingsError without a key, VoiceUnavailable where ElevenLabs refuses.
    """
    with opened_account(settings) as account:
        plan = await look(account, settings)
        for line in plan.lines() or ["Nothing to change."]:
            say(line)
        known: str | None = plan.agent["agent_id"] if plan.agent else None
        if dry_run or not plan.is_needed:
            return known
        if plan.is_foreign and not await confirm(f"The agent {known} was not made by AgentFlow. Change it?"):
            say("Nothing was changed.")
            return None
        return await _carry_out(account, plan, say)


async def _carry_out(account: Account, plan: Plan, say: Callable[[str], None]) -> str:
    """Tools before the agent that names them, and those that go after it: one that an agent has cannot be deleted."""
    configs = wanted.tool_configs()
    ids = {tool.name: tool.id for tool in reversed(plan.found) if tool.is_ours}
    for change in plan.tools:
        if change.kind == "created":
            ids[change.name] = await account.create_tool(configs[change.name])
        elif change.kind == "changed" and change.id:
            await account.update_tool(change.id, configs[change.name])
    gone = [change.id for change in plan.tools if change.kind == "removed" and change.id]
    agent_id = await _save_agent(account, plan, [ids[name] for name in configs], gone)
    for change in plan.tools:
        if change.kind == "removed" and change.id and not await account.delete_tool(change.id):
            say(f"  tool {change.name} is left: another agent uses it.")
    say("Done.")
    return agent_id


async def _save_agent(account: Account, plan: Plan, ours: list[str], gone: list[str]) -> str:
    config = wanted.agent_config()
    prompt = config["conversation_config"]["agent"]["prompt"]
    if plan.agent is None:
        prompt["tool_ids"] = ours
        return await account.create_agent(config)
    prompt["tool_ids"] = difference.tool_ids(difference.attached(plan.agent), ours, gone)
    config |= {"name": plan.agent["name"], "tags": sorted({*(plan.agent.get("tags") or ()), wanted.AGENT_MARK})}
    agent_id: str = plan.agent["agent_id"]
    if plan.fields:
        await account.update_agent(agent_id, config)
    return agent_id


async def _changes(account: Account, agent: dict[str, Any] | None, found: list[FoundTool]) -> list[ToolChange]:
    """Without those that cannot be carried out: a tool that only other agents have is theirs now."""
    has = difference.attached(agent) if agent is not None else ()
    changes = difference.tool_changes(wanted.tool_configs(), found)
    return [
        each
        for each in changes
        if each.kind != "removed" or each.id is None or each.id in has or not await account.is_used(each.id)
    ]


async def _agent(account: Account, agent_id: str | None) -> dict[str, Any] | None:
    """The one of the settings; else the one that is ours, else one of our name."""
    if agent_id is not None:
        if (found := await account.agent(agent_id)) is None:
            remedy = "Take the line out of .env and run `agentflow voice setup` for a new one."
            raise VoiceUnavailable("There is no agent of ELEVENLABS_AGENT_ID.", remedy=remedy)
        return found
    named = await account.agents(wanted.AGENT_NAME)
    best = sorted(named, key=lambda each: not difference.is_our_agent(each))
    return await account.agent(best[0]["agent_id"]) if best else None


def _fields(agent: dict[str, Any]) -> list[Field]:
    """The name is the owner's to choose, and tags of theirs stay."""
    config = wanted.agent_config()
    config.pop("name")
    tags: list[str] = config.pop("tags")
    marked = [] if difference.is_our_agent(agent) else [Field("tags", agent.get("tags"), tags)]
    return [*marked, *difference.agent_changes(config, agent)]


def _attachments(agent: dict[str, Any], found: list[FoundTool], changes: list[ToolChange]) -> list[Field]:
    """Tools of ours that the agent lacks, by name, and those that go."""
    has = set(difference.attached(agent))
    gone = {change.id for change in changes if change.kind == "removed"}
    lacks = [tool.name for tool in difference.kept(found, wanted.tool_configs()) if tool.id not in has]
    lacks += [change.name for change in changes if change.kind == "created"]
    drops = [tool.name for tool in found if tool.id in gone & has]
    path = "conversation_config.agent.prompt.tool_ids"
    return [Field(path, ", ".join(drops) or None, ", ".join(lacks) or None)] if lacks or drops else []
