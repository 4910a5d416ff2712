"""Renews a subscription's token, here and nowhere else: each renewal makes the refresh token before it worthless."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any

# What CLI 2.1.197 renews its own token with.
TOKEN_URL = "https://platform.claude.com/v1/oauth/token"  # noqa: S105  an address
CLIENT_ID = "9d1c250a-e61b-44d9-88ed-5944d1962f5e"
AHEAD_S = 300.0
_BOUND_S = 30.0
_ANSWER_BYTES = 1 << 16


class NotRenewed(Exception):
    """Why not. `final`: only a new login helps."""

    def __init__(self, message: str, *, final: bool) -> None:
        super().__init__(message)
        self.final = final


def due(credential: dict[str, Any], *, refused: bool, now: float) -> bool:
    """Whether it ends soon or was refused, and can be renewed."""
    if not credential.get("refresh_token"):
        return False
    expires_at = credential.get("expires_at")
    return refused or (expires_at is not None and float(expires_at) - now < AHEAD_S)


def renewed(credential: dict[str, Any]) -> dict[str, Any]:
    """The credential with a new token. Raises NotRenewed."""
    asked = {"grant_type": "refresh_token", "refresh_token": credential["refresh_token"], "client_id": CLIENT_ID}
    answer = _post(str(credential.get("token_url") or TOKEN_URL), asked)
    try:
        token, seconds = str(answer["access_token"]), float(answer["expires_in"])
    except (KeyError, ValueError) as error:
        raise NotRenewed("the answer holds no token", final=False) from error
    again = str(answer.get("refresh_token") or credential["refresh_token"])
    return {**credential, "secret": token, "refresh_token": again, "expires_at": time.time() + seconds}


def _post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "User-Agent": "agentflow"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=_BOUND_S) as response:
            answer = json.loads(response.read(_ANSWER_BYTES))
    except urllib.error.HTTPError as error:
        raise NotRenewed(f"the token's server answered {error.code}", final=error.code in (400, 401, 403)) from error
    except (OSError, ValueError) as error:
        raise NotRenewed(f"the token's server cannot be reached ({type(error).__name__})", final=False) from error
    if not isinstance(answer, dict):
        raise NotRenewed("the answer is no JSON object", final=False)
    return answer  # pyright: ignore[reportUnknownVariableType]  JSON
