"""Every tool there is. A surface is a projection of this tuple; adding a tool is one file and one name here."""

from __future__ import annotations

from typing import Any

from agents.tools import (
    agents,
    answer,
    audit,
    budget,
    confirm,
    edit,
    keyring,
    publishing,
    reach,
    send,
    settings,
    spawn,
    usage,
    workspaces,
)
from agents.tools.core import Tool

TOOLS: tuple[Tool[Any, Any], ...] = (
    *spawn.TOOLS,
    *agents.TOOLS,
    *send.TOOLS,
    *edit.TOOLS,
    *answer.TOOLS,
    *reach.TOOLS,
    *budget.TOOLS,
    *usage.TOOLS,
    *settings.TOOLS,
    *keyring.TOOLS,
    *workspaces.TOOLS,
    *publishing.TOOLS,
    *audit.TOOLS,
    *confirm.TOOLS,
)
