"""GitHub's API: what is sent is checked by the stand-in, what comes back is told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from agents.github import GitHub, GitHubError, git_host
from tests.agents.github_standin import TOKEN, GitHubStandin, github_standin
from vps.errors import BadInput
from vps.remotes import parse_remote


@pytest.fixture
async def standin() -> AsyncIterator[GitHubStandin]:
    async with github_standin() as served:
        yield served


@pytest.fixture
def github(standin: GitHubStandin) -> GitHub:
    return GitHub(SecretStr(TOKEN), standin.url)


async def test_a_repository_is_created_once(github: GitHub, standin: GitHubStandin) -> None:
    url = await github.create_repository("api", private=True)

    assert parse_remote(url).name == "api"
    assert standin.repositories["api"]["private"] is True


async def test_a_repository_whose_making_was_never_answered_is_taken(github: GitHub, standin: GitHubStandin) -> None:
    standin.loses_answers = True
    with pytest.raises(GitHubError):
        await github.create_repository("api", private=True)

    assert await github.create_repository("api", private=True) == standin.repositories["api"]["clone_url"]


async def test_a_repository_that_is_in_use_or_visible_to_others_is_not_taken(
    github: GitHub, standin: GitHubStandin
) -> None:
    url = await github.create_repository("api", private=True)
    with pytest.raises(BadInput, match=rf"which is private.*Clone it.*{url}"):
        await github.create_repository("api", private=False)
    standin.filled.add("api")
    with pytest.raises(BadInput, match=rf"which is not empty.*Clone it.*{url}"):
        await github.create_repository("api", private=True)


async def test_a_pull_request_is_opened_once_and_found_again(github: GitHub, standin: GitHubStandin) -> None:
    remote = parse_remote(f"{standin.url}/owner/api.git")

    first = await github.open_pull_request(remote, "agent/x", "main", "A title", "A text")
    again = await github.open_pull_request(remote, "agent/x", "main", "A title", "A text")

    assert (first.created, again.created) == (True, False)
    assert first.url == again.url == "https://github.com/owner/api/pull/1"
    assert (standin.pulls[0]["title"], standin.pulls[0]["body"]) == ("A title", "A text")


async def test_a_remote_elsewhere_is_not_sent_the_token(github: GitHub, standin: GitHubStandin) -> None:
    with pytest.raises(BadInput, match="not on GitHub"):
        await github.open_pull_request(parse_remote("https://gitlab.com/owner/api"), "x", "main", "t", "")
    assert standin.pulls == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ((401, {"message": "Bad credentials"}), "GITHUB_TOKEN is not accepted"),
        (
            (403, {"message": "Resource not accessible by personal access token"}),
            "Set GITHUB_TOKEN to a token that may",
        ),
        ((404, {"message": "Not Found"}), "renamed"),
        ((301, {"message": "Moved Permanently"}), "renamed"),
        ((503, {"message": "Unavailable"}), "Try again later"),
        ((422, {"message": "Validation Failed", "errors": [{"code": "invalid"}]}), "invalid"),
    ],
)
async def test_a_refusal_is_told_with_the_next_step(
    github: GitHub, standin: GitHubStandin, fault: tuple[int, dict[str, object]], said: str
) -> None:
    standin.fault = fault
    with pytest.raises((GitHubError, BadInput)) as refused:
        await github.create_repository("api", private=True)
    assert said in str(refused.value)
    assert TOKEN not in str(refused.value)


async def test_an_api_that_does_not_answer_is_told(unused_tcp_port: int) -> None:
    github = GitHub(SecretStr(TOKEN), f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(GitHubError, match="GITHUB_API_URL"):
        await github.create_repository("api", private=True)


def test_without_a_token_it_is_said_which_setting_is_missing() -> None:
    with pytest.raises(BadInput, match="GITHUB_TOKEN"):
        GitHub(None, None).require_token()


@pytest.mark.parametrize(
    ("api", "host"),
    [
        ("https://api.github.com", "github.com"),
        ("https://ghe.example/api/v3", "ghe.example"),
        ("http://127.0.0.1:80/x", "127.0.0.1:80"),
    ],
)
def test_a_token_belongs_to_the_host_of_its_api(api: str, host: str) -> None:
    assert git_host(api) == host
