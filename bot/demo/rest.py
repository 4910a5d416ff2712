"""The embedded Discord's REST API, over SimCord's route table.

discord.py's own HTTP client talks to it: paths under `/api/v10`, JSON or multipart bodies, Discord's error bodies.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import structlog
from aiohttp import web
from simcord.backend.errors import BackendError
from simcord.http import RouteNotImplemented, UnsupportedField, dispatch

from bot.demo.world import MESSAGE_CONTENT, Json, World

PREFIX = "/api/v10"
REQUEST_MAX_BYTES = 26 * 1024 * 1024
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Upload:
    """One file of a multipart request, as the route table wants it."""

    fp: io.BytesIO
    filename: str
    description: str | None


class Rest:
    """Handlers for `/api/v10/*`; `token` is the only bot token that is let in."""

    def __init__(self, world: World, token: str) -> None:
        self._world = world
        self._token = token
        self._sent: dict[tuple[str, str], str] = {}

    def add_to(self, app: web.Application) -> None:
        """Register the routes."""
        app.router.add_route("*", PREFIX + "/{path:.*}", self.handle)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one API request."""
        path = "/" + request.match_info["path"]
        if not self._allowed(request, path):
            return _json('{"message": "401: Unauthorized", "code": 0}', 401)
        body, files = await _read(request)
        nonce = _nonce(request.method, path, body)
        if nonce in self._sent:
            return _json(self._sent[nonce], 200)
        response = self._dispatch(request, path, body, files)
        if nonce is not None and response.status == 200:
            self._sent[nonce] = response.text or ""
        return response

    def _allowed(self, request: web.Request, path: str) -> bool:
        # Interaction and webhook routes carry their own token in the path, as on Discord.
        carries_token = path.startswith(("/interactions/", "/webhooks/"))
        return carries_token or request.headers.get("Authorization") == f"Bot {self._token}"

    def _dispatch(self, request: web.Request, path: str, body: object, files: list[Upload]) -> web.Response:
        self._world.tick()
        try:
            answer = dispatch(
                self._world.backend,
                request.method,
                path,
                json=body,
                params=dict(request.query),
                files=files,
                reason=request.headers.get("X-Audit-Log-Reason"),
            )
        except (RouteNotImplemented, UnsupportedField) as error:
            _log.error("embedded_discord_gap", method=request.method, path=path, detail=str(error))
            return _json(json.dumps(error.to_json()), 501)
        except BackendError as error:
            # A bot that was here before asks for channels of then, which went with the process.
            tell = _log.info if error.status == 404 else _log.warning
            tell("embedded_discord_refused", method=request.method, path=path, detail=str(error))
            return _json(json.dumps(error.to_json()), error.status)
        finally:
            self._world.touch()
        if path == "/oauth2/applications/@me":
            answer["flags"] = MESSAGE_CONTENT
        return web.Response(status=204) if answer is None else _json(self._world.dump(answer), 200)


def _nonce(method: str, path: str, body: object) -> tuple[str, str] | None:
    """The key under which a message is created only once, when its sender asked for that."""
    if method != "POST" or not path.endswith("/messages") or not isinstance(body, dict):
        return None
    fields = cast("Json", body)
    return (path, str(fields["nonce"])) if fields.get("enforce_nonce") and fields.get("nonce") else None


async def _read(request: web.Request) -> tuple[Any, list[Upload]]:
    """The JSON body and the files of a request."""
    if request.content_type.startswith("multipart/"):
        return await _read_multipart(request)
    raw = await request.read()
    return (json.loads(raw) if raw else None), []


async def _read_multipart(request: web.Request) -> tuple[Any, list[Upload]]:
    form = await request.post()
    fields = {key: value for key, value in form.items() if isinstance(value, str)}
    body: Any = json.loads(fields["payload_json"]) if "payload_json" in fields else fields
    described = _descriptions(body)
    files = [
        Upload(io.BytesIO(value.file.read()), value.filename, described.get(key))
        for key, value in form.items()
        if isinstance(value, web.FileField)
    ]
    return body, files


def _descriptions(body: Mapping[str, Any]) -> dict[str, str | None]:
    """The descriptions of `files[n]`, which the payload keeps apart from the files."""
    message = cast("Mapping[str, Any]", body.get("data") or body)
    listed = cast("list[Json]", message.get("attachments") or [])
    return {f"files[{entry['id']}]": entry.get("description") for entry in listed}


def _json(text: str, status: int) -> web.Response:
    # discord.py parses a body only when the type is exactly this, without a charset.
    return web.Response(body=text.encode(), status=status, headers={"Content-Type": "application/json"})
