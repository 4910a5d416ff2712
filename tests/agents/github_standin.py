"""A stand-in for GitHub's REST API on loopback, checked against models that others made from GitHub's own OpenAPI document."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from githubkit_schemas.latest import models  # pyright: ignore[reportMissingTypeStubs]  it is not marked as typed

TOKEN = "github_pat_standin0123456789abcdef"


@dataclass
class GitHubStandin:
    """Its state: repositories by name, open pull requests; `fault` answers every call with a status and a message."""

    url: str = ""
    token: str = TOKEN
    repositories: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    pulls: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    fault: tuple[int, dict[str, Any]] | None = None
    filled: set[str] = field(default_factory=set[str])
    """Repositories with a branch."""
    loses_answers: bool = False
    """The next repository is made, and nobody is told."""

    def add_to(self, app: web.Application) -> None:
        """Serve it as a part of another server, such as one that has the repositories too."""
        app.router.add_post("/user/repos", self.create_repository)
        app.router.add_get("/user", self.user)
        app.router.add_get("/repos/{owner}/{repo}", self.repository)
        app.router.add_get("/repos/{owner}/{repo}/branches", self.branches)
        app.router.add_post("/repos/{owner}/{repo}/pulls", self.open_pull)
        app.router.add_get("/repos/{owner}/{repo}/pulls", self.list_pulls)

    async def create_repository(self, request: web.Request) -> web.Response:
        """POST /user/repos."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        body = models.UserReposPostBody.model_validate(await request.json())
        if body.name in self.repositories:
            errors = [{"resource": "Repository", "code": "custom", "field": "name", "message": "name already exists"}]
            return web.json_response({"message": "Repository creation failed.", "errors": errors}, status=422)
        made = {
            "name": body.name,
            "private": body.private,
            "clone_url": f"{self.url}/owner/{body.name}.git",
        }
        assert made.keys() <= models.FullRepository.model_fields.keys()
        self.repositories[body.name] = made
        if self.loses_answers:
            self.loses_answers = False
            return web.Response(status=502, text="<html>Bad Gateway</html>")
        return web.json_response(made, status=201)

    async def user(self, request: web.Request) -> web.Response:
        """GET /user."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        return web.json_response({"login": "owner"})

    async def repository(self, request: web.Request) -> web.Response:
        """GET /repos/{owner}/{repo}."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        found = self.repositories.get(request.match_info["repo"]) if request.match_info["owner"] == "owner" else None
        return web.json_response(found or {"message": "Not Found"}, status=200 if found else 404)

    async def branches(self, request: web.Request) -> web.Response:
        """GET /repos/{owner}/{repo}/branches."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        return web.json_response([{"name": "main"}] if request.match_info["repo"] in self.filled else [])

    async def open_pull(self, request: web.Request) -> web.Response:
        """POST /repos/{owner}/{repo}/pulls."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        body = models.ReposOwnerRepoPullsPostBody.model_validate(await request.json())
        path = f"{request.match_info['owner']}/{request.match_info['repo']}"
        if any((pull["path"], pull["head"], pull["base"]) == (path, body.head, body.base) for pull in self.pulls):
            errors = [
                {
                    "resource": "PullRequest",
                    "code": "custom",
                    "message": f"A pull request already exists for {body.head}.",
                }
            ]
            return web.json_response({"message": "Validation Failed", "errors": errors}, status=422)
        number = len(self.pulls) + 1
        made = {"html_url": f"https://github.com/{path}/pull/{number}", "number": number, "title": body.title}
        assert made.keys() <= models.PullRequest.model_fields.keys()
        self.pulls.append({**made, "path": path, "head": body.head, "base": body.base, "body": body.body})
        return web.json_response(made, status=201)

    async def list_pulls(self, request: web.Request) -> web.Response:
        """GET /repos/{owner}/{repo}/pulls."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        path = f"{request.match_info['owner']}/{request.match_info['repo']}"
        head = request.query["head"].split(":", 1)[1]
        found = [
            pull
            for pull in self.pulls
            if (pull["path"], pull["head"], pull["base"]) == (path, head, request.query["base"])
        ]
        return web.json_response([{"html_url": pull["html_url"], "number": pull["number"]} for pull in found])

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self.fault is not None:
            return web.json_response(self.fault[1], status=self.fault[0], headers={"Location": "https://evil.example/"})
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"message": "Bad credentials"}, status=401)
        assert request.headers["Accept"] == "application/vnd.github+json"
        assert request.headers["X-GitHub-Api-Version"]
        return None


@asynccontextmanager
async def github_standin() -> AsyncGenerator[GitHubStandin]:
    """Serve it on a free port of loopback."""
    standin = GitHubStandin()
    app = web.Application()
    standin.add_to(app)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        standin.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield standin
    finally:
        await runner.cleanup()
