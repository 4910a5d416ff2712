"""Every tool there is. A surface is a projection of this tuple; adding a tool is one file and one name here."""

from __future__ import annotations

from typing import Any

from agents.tools import agents, audit, confirm, publishing, send, spawn, workspaces
from agents.tools.core import Tool

TOOLS: tuple[Tool[Any, Any], ...] = (
    *spawn.TOOLS,
    *agents.TOOLS,
    *send.TOOLS,
    *workspaces.TOOLS,
    *publishing.TOOLS,
    *audit.TOOLS,
    *confirm.TOOLS,
)
