"""GitHub's REST API, as far as workspaces need it: a new repository, a pull request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
from pydantic import BaseModel, SecretStr, TypeAdapter

from vps.errors import BadInput, VpsError
from vps.remotes import Remote

PUBLIC_API = "https://api.github.com"
_TIMEOUT_S = 30.0
_VERSION = "2022-11-28"
_NO_RIGHT = "Set GITHUB_TOKEN to a token that may do this."


class GitHubError(VpsError):
    """GitHub refused, or did not answer."""


class _Error(BaseModel):
    message: str = ""
    code: str = ""


class _Answer(BaseModel):
    """The fields that are used of a repository, a user, a pull request or a refusal."""

    message: str = ""
    errors: list[_Error | str] = []
    clone_url: str = ""
    html_url: str = ""
    number: int = 0
    login: str = ""
    private: bool = False

    @property
    def why(self) -> str:
        """Its message, and the first of its errors."""
        first = self.errors[0] if self.errors else ""
        detail = first if isinstance(first, str) else first.message or first.code
        return " ".join(filter(None, (self.message, detail)))[:300] or "it gave no reason"


_Answers = TypeAdapter(list[_Answer])


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request; `created` is false when it was open already."""

    url: str
    number: int
    created: bool


def git_host(api_url: str) -> str:
    """The host whose repositories an API's token opens: the API has one of its own on github.com alone."""
    parts = urlsplit(api_url)
    if parts.hostname == "api.github.com":
        return "github.com"
    return parts.netloc.rsplit("@", 1)[-1]


class GitHub:
    """The API at one address, with one token."""

    def __init__(self, token: SecretStr | None, api_url: str | None) -> None:
        self._token = token
        self._api = (api_url or PUBLIC_API).rstrip("/")

    def require_token(self) -> None:
        """Raises BadInput where there is none."""
        if self._token is None:
            raise BadInput("GITHUB_TOKEN", "is not set.", remedy=_NO_RIGHT)

    async def create_repository(self, name: str, *, private: bool) -> str:
        """A new, empty repository of the token's owner; its clone address. Raises GitHubError or BadInput.

        One that is there already is taken if it is as empty and as visible: an answer that was lost on the way left it.
        """
        status, body = await self._call("POST", "/user/repos", {"name": name, "private": private, "auto_init": False})
        answer = _Answer.model_validate_json(body)
        if status == 201:
            return answer.clone_url
        if status != 422:
            raise _refused(status, answer)
        found = await self._own(name)
        if found is None:
            why = f"GitHub takes no new repository {name}: {answer.why}."
            raise BadInput("workspace_name", why, remedy="Choose another name.")
        url, adoptable = found.clone_url, found.private == private and await self._is_empty(found)
        if not adoptable:
            what = "is not empty" if found.private == private else f"is {'private' if found.private else 'public'}"
            remedy = f"Clone it with `workspace clone` ({url}), or choose another name."
            raise BadInput("workspace_name", f"GitHub has a repository {name} of yours, which {what}.", remedy=remedy)
        return url

    async def _own(self, name: str) -> _Answer | None:
        """The repository of that name that belongs to the token's owner."""
        status, body = await self._call("GET", "/user")
        user = _Answer.model_validate_json(body)
        if status != 200:
            raise _refused(status, user)
        status, body = await self._call("GET", f"/repos/{quote(user.login)}/{quote(name)}")
        return _Answer.model_validate_json(body) if status == 200 else None

    async def _is_empty(self, repository: _Answer) -> bool:
        path = urlsplit(repository.clone_url).path.strip("/").removesuffix(".git")
        status, body = await self._call("GET", f"/repos/{quote(path)}/branches?per_page=1")
        return status == 200 and json.loads(body) == []

    async def open_pull_request(self, remote: Remote, head: str, base: str, title: str, body: str) -> PullRequest:
        """From `head` into `base` of one repository; the one that is open already, if there is. Raises GitHubError or BadInput."""
        if remote.host != git_host(self._api) or remote.path.count("/") != 1:
            remedy = "Open it there by hand."
            raise BadInput("workspace_name", f"its remote {remote.url} is not on GitHub.", remedy=remedy)
        pulls = f"/repos/{quote(remote.path)}/pulls"
        status, told = await self._call("POST", pulls, {"title": title, "body": body, "head": head, "base": base})
        answer = _Answer.model_validate_json(told)
        if status == 201:
            return PullRequest(answer.html_url, answer.number, created=True)
        if status != 422:
            raise _refused(status, answer)
        query = urlencode({"state": "open", "head": f"{remote.path.split('/')[0]}:{head}", "base": base})
        status, told = await self._call("GET", f"{pulls}?{query}")
        found = _Answers.validate_json(told) if status == 200 else []
        if found:
            return PullRequest(found[0].html_url, found[0].number, created=False)
        raise BadInput("workspace_name", f"GitHub takes no pull request from {head}: {answer.why}.")

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, bytes]:
        self.require_token()
        assert self._token is not None
        headers = {
            "Authorization": f"Bearer {self._token.get_secret_value()}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": _VERSION,
        }
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        try:
            # The token goes to the configured address and nowhere a redirect points to.
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
                session.request(method, self._api + path, json=body, allow_redirects=False) as response,
            ):
                text = await response.read()
                json.loads(text)
                return response.status, text
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            remedy = "Check GITHUB_API_URL and the network, and try again."
            raise GitHubError(f"GitHub's API does not answer ({type(error).__name__}).", remedy=remedy) from error


_REMEDIES = {
    301: "The repository was renamed; clone it anew.",
    401: "GITHUB_TOKEN is not accepted; it may have expired.",
    403: _NO_RIGHT,
    404: "The token may not see that repository, or it was renamed.",
}


def _refused(status: int, answer: _Answer) -> GitHubError:
    return GitHubError(f"GitHub answered {status}: {answer.why}.", remedy=_REMEDIES.get(status, "Try again later."))
