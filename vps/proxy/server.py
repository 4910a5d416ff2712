"""Where Envoy asks: an HTTP server on a UNIX socket, with a thread for each request that waits."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import socketserver
import sys
from typing import Any

from vps.proxy import paths
from vps.proxy.gate import ENDED, Gate


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Serves one gate."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, gate: Gate) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(paths.GATE)
        super().__init__(paths.GATE, _Request)
        os.chmod(paths.GATE, 0o600)
        self.gate = gate

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked went away; what else goes wrong is shown by the base class."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Request(http.server.BaseHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]  the only one that makes it
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/refused":
            self.server.gate.refused(self.headers.get("x-status", ""), self.headers.get("x-reset"))
            return self._answer(200)
        # /ask/<run>/v1/messages…
        words = self.path.split("/")
        why = self.server.gate.why_not(words[2]) if len(words) > 2 and words[1] == "ask" else ENDED
        return self._answer(200) if why is None else self._answer(403, _refusal(why))

    do_GET = do_POST  # noqa: N815  the base class's name

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        if body:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "envoy"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        pass


def _refusal(why: str) -> bytes:
    """In the form of the API's own errors (https://docs.anthropic.com/en/api/errors). Nobody asks again after a 403."""
    return json.dumps({"type": "error", "error": {"type": "permission_error", "message": why}}).encode()
