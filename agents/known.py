"""What was last seen of each agent: the answer while the host cannot be asked, with its age."""

from __future__ import annotations

import time
from collections import OrderedDict

from agents.tools.views import AgentView
from vps.errors import HostUnreachable, NoSuchRun

_MOST = 1000


class Known:
    """Newest last. What ended long ago goes first."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[float, AgentView]] = OrderedDict()

    def note(self, view: AgentView) -> AgentView:
        """Remember what was just seen, and give it back."""
        self._seen[view.container_id] = (time.time(), view)
        self._seen.move_to_end(view.container_id)
        while len(self._seen) > _MOST:
            self._seen.popitem(last=False)
        return view

    def recall(self, given: str, lost: HostUnreachable) -> AgentView:
        """What is known of the agent a name or a unique part of one means. Raises `lost` where that is nothing."""
        hits = [name for name in self._seen if name == given] or [
            name for name in self._seen if name.startswith(given) or name.endswith(given)
        ]
        if not hits:
            raise lost
        if len(hits) > 1:
            raise NoSuchRun(given, tuple(sorted(hits)))
        return self._aged(hits[0])

    def all(self, lost: HostUnreachable) -> list[AgentView]:
        """All that is known, those at work first and of both the newest first. Raises `lost` where that is nothing."""
        if not self._seen:
            raise lost
        return sorted(map(self._aged, sorted(self._seen, reverse=True)), key=lambda view: not view.alive)

    def _aged(self, name: str) -> AgentView:
        at, view = self._seen[name]
        # The end of a run is known for good.
        return view.model_copy(update={"stale_ms": round((time.time() - at) * 1000)}) if view.alive else view
