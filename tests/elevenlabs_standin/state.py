"""The account that the stand-in keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

_ACCESS = {"is_creator": True, "creator_name": "A", "creator_email": "a@example.com", "role": "admin"}


def merged(before: Any, change: Any) -> Any:
    """A PATCH: objects are merged, everything else is replaced."""
    if not (isinstance(before, dict) and isinstance(change, dict)):
        return change
    old, new = cast("dict[str, Any]", before), cast("dict[str, Any]", change)
    return old | {name: merged(old.get(name), value) for name, value in new.items()}


@dataclass
class Account:
    """Tools and agents by id, and how often something was changed."""

    tools: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    agents: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    changes: list[str] = field(default_factory=list[str])
    _made: int = 0

    def new_id(self, kind: str) -> str:
        self._made += 1
        return f"{kind}_{self._made:03}"

    def add_tool(self, config: dict[str, Any]) -> str:
        """As ElevenLabs keeps it: with what it adds by itself."""
        tool_id = self.new_id("tool")
        self.tools[tool_id] = with_defaults(config)
        return tool_id

    def add_agent(self, config: dict[str, Any]) -> str:
        agent_id = self.new_id("agent")
        self.agents[agent_id] = {"name": "", "tags": [], **config}
        return agent_id

    def users_of(self, tool_id: str) -> list[str]:
        """The agents that have a tool."""
        return [name for name, agent in self.agents.items() if tool_id in tool_ids(agent)]

    def tool(self, tool_id: str) -> dict[str, Any]:
        usage = {"total_calls": 0, "avg_latency_secs": 0.0}
        return {"id": tool_id, "tool_config": self.tools[tool_id], "access_info": _ACCESS, "usage_stats": usage}

    def agent(self, agent_id: str) -> dict[str, Any]:
        metadata = {"created_at_unix_secs": 0, "updated_at_unix_secs": 0}
        return {"agent_id": agent_id, "metadata": metadata, **self.agents[agent_id]}

    def summary(self, agent_id: str) -> dict[str, Any]:
        kept = {name: self.agents[agent_id][name] for name in ("name", "tags")}
        return {"agent_id": agent_id, "created_at_unix_secs": 0, "access_info": _ACCESS, **kept}


def tool_ids(agent: dict[str, Any]) -> list[str]:
    """Of an agent."""
    return agent.get("conversation_config", {}).get("agent", {}).get("prompt", {}).get("tool_ids", [])


def with_defaults(config: dict[str, Any]) -> dict[str, Any]:
    """A tool's config with the values that ElevenLabs fills in."""
    given: dict[str, Any] = config.get("parameters") or {"type": "object", "properties": {}, "required": []}
    filled = {"dynamic_variable": "", "constant_value": ""}
    properties: dict[str, Any] = {name: filled | each for name, each in given.get("properties", {}).items()}
    defaults: dict[str, Any] = {"disable_interruptions": False, "force_pre_tool_speech": False, "assignments": []}
    return defaults | config | {"parameters": {"description": "", **given, "properties": properties}}
