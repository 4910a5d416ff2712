"""The REST part."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web
from elevenlabs.types import (
    GetToolDependentAgentsResponseModel,
    GetToolDependentAgentsResponseModelAgentsItem,
)
from elevenlabs.types import (
    GetToolDependentAgentsResponseModelAgentsItem_Available as DependentAvailable,
)

from tests.elevenlabs_standin.keys import Problem
from tests.elevenlabs_standin.spec import specification
from tests.elevenlabs_standin.state import Account, merged, with_defaults

_PAGE = 10
"""Whatever is asked for: paging is to be needed."""

_BY_SDK = ("/v1/convai/tools/{tool_id}/dependent-agents get",)
"""What the snapshot of the documents lacks; the SDK's types (2.78.0) stand for it."""


def error(status: int, message: str) -> web.Response:
    return web.json_response({"detail": {"status": "error", "message": message}}, status=status)


def invalid(problems: Sequence[Problem]) -> web.Response:
    """A validation error, in the form of the public document's HTTPValidationError."""
    detail = [{"loc": ["body", *each.path], "msg": each.message, "type": each.kind} for each in problems]
    return web.json_response({"detail": detail}, status=422)


class Rest:
    """The endpoints on one account; what does not fit the public documents goes into `problems`."""

    def __init__(self, account: Account, key: str, problems: list[Problem]) -> None:
        self.account, self._key, self.problems = account, key, problems
        self.answers: list[int] = []
        """Statuses to be answered instead, one a request."""

    def routes(self) -> list[web.RouteDef]:
        handlers = (
            (web.get, "/v1/convai/tools", self._list_tools),
            (web.post, "/v1/convai/tools", self._create_tool),
            (web.patch, "/v1/convai/tools/{tool_id}", self._update_tool),
            (web.delete, "/v1/convai/tools/{tool_id}", self._delete_tool),
            (web.get, "/v1/convai/tools/{tool_id}/dependent-agents", self._list_users),
            (web.get, "/v1/convai/agents", self._list_agents),
            (web.post, "/v1/convai/agents/create", self._create_agent),
            (web.get, "/v1/convai/agents/{agent_id}", self._get_agent),
            (web.patch, "/v1/convai/agents/{agent_id}", self._update_agent),
        )
        return [verb(path, self._checked(path, handler)) for verb, path, handler in handlers]

    def _checked(
        self, path: str, handler: Callable[[web.Request, Any], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            if request.headers.get("xi-api-key") != self._key:
                return error(401, "Invalid API key")
            if self.answers:
                return error(self.answers.pop(0), "not now")
            operation = f"{path} {request.method.lower()}"
            body = await request.json() if request.can_read_body else None
            if body is not None and (problems := specification().request(operation, body)):
                self.problems += problems
                return invalid(problems)
            response = await handler(request, body)
            if response.status == 200 and response.text and operation not in _BY_SDK:
                self.problems += specification().response(operation, json.loads(response.text))
            return response

        return answer

    async def _list_tools(self, request: web.Request, _body: Any) -> web.Response:
        page, following = self._page(request, list(self.account.tools))
        return web.json_response({"tools": [self.account.tool(each) for each in page], **following})

    async def _create_tool(self, _request: web.Request, body: Any) -> web.Response:
        made = self.account.add_tool(body["tool_config"])
        self.account.changes.append(f"created {made}")
        return web.json_response(self.account.tool(made))

    async def _update_tool(self, request: web.Request, body: Any) -> web.Response:
        tool_id = request.match_info["tool_id"]
        self.account.tools[tool_id] = with_defaults(body["tool_config"])
        self.account.changes.append(f"updated {tool_id}")
        return web.json_response(self.account.tool(tool_id))

    async def _delete_tool(self, request: web.Request, _body: Any) -> web.Response:
        tool_id = request.match_info["tool_id"]
        if self.account.users_of(tool_id):
            return error(409, "The tool is used by an agent")
        del self.account.tools[tool_id]
        self.account.changes.append(f"deleted {tool_id}")
        return web.json_response({})

    async def _list_users(self, request: web.Request, _body: Any) -> web.Response:
        users: list[GetToolDependentAgentsResponseModelAgentsItem] = [
            DependentAvailable(
                id=each, name=self.account.agents[each]["name"], created_at_unix_secs=0, access_level="admin"
            )
            for each in self.account.users_of(request.match_info["tool_id"])
        ]
        return web.json_response(
            GetToolDependentAgentsResponseModel(agents=users, has_more=False).model_dump(mode="json")
        )

    async def _list_agents(self, request: web.Request, _body: Any) -> web.Response:
        search = request.query.get("search", "").lower()
        fitting = [name for name, agent in self.account.agents.items() if search in agent["name"].lower()]
        page, following = self._page(request, fitting)
        return web.json_response({"agents": [self.account.summary(each) for each in page], **following})

    async def _create_agent(self, _request: web.Request, body: Any) -> web.Response:
        made = self.account.add_agent(body)
        self.account.changes.append(f"created {made}")
        return web.json_response({"agent_id": made})

    async def _get_agent(self, request: web.Request, _body: Any) -> web.Response:
        agent_id = request.match_info["agent_id"]
        if agent_id not in self.account.agents:
            return error(404, "Agent not found")
        return web.json_response(self.account.agent(agent_id))

    async def _update_agent(self, request: web.Request, body: Any) -> web.Response:
        agent_id = request.match_info["agent_id"]
        self.account.agents[agent_id] = merged(self.account.agents[agent_id], body)
        self.account.changes.append(f"updated {agent_id}")
        return web.json_response(self.account.agent(agent_id))

    def _page(self, request: web.Request, ids: list[str]) -> tuple[list[str], dict[str, Any]]:
        start = int(request.query.get("cursor") or 0)
        more = start + _PAGE < len(ids)
        return ids[start : start + _PAGE], {"has_more": more, "next_cursor": str(start + _PAGE) if more else None}
