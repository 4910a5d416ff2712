"""Every string a person can give, down to the argv that reaches the host: nothing but the intended argument arrives."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from agents.tools.catalogue import TOOLS
from agents.tools.core import Tool
from agents.tools.spawn import SPAWN
from vps.commands import claude, git, home
from vps.config import HostConfig
from vps.errors import BadInput
from vps.hosts import host as host_of
from vps.models import CliOptions, RunRequest
from vps.provision import provision
from vps.relay import Relay
from vps.remotes import parse_remote
from vps.runner import Runner
from vps.shell import cmd
from vps.ssh import SshHost

NASTY = st.sampled_from(
    [
        *(
            "$(id)",
            "`id`",
            "; id",
            "| id",
            "&& id",
            "> /tmp/x",
            "\n id",
            "\r",
            "'",
            '"',
            "\\",
            "$HOME",
            "${IFS}",
            "*",
            "~",
            "!",
            "#",
        ),
        *(
            "--help",
            "-v",
            "--upload-pack=id",
            "-oProxyCommand=id",
            "ext::sh -c id",
            "../..",
            "/etc/passwd",
            "a,dst=/",
            "\u202e",
        ),
        *(
            "\u0430pi",
            "\uff0e\uff0e",
            "%2e%2e",
            "\x1b[31m",
            "\x7f",
            "\u2028",
            "\ud7ff",
            "\U0001f600",
            " ",
            "",
            "x" * 400,
            "@everyone",
        ),
    ]
)
PLAIN = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
HOSTILE = st.one_of(PLAIN, NASTY, st.lists(st.one_of(NASTY, PLAIN), min_size=2, max_size=4).map("".join))
EVERYTHING = st.one_of(HOSTILE, st.lists(st.one_of(NASTY, st.text(max_size=20)), max_size=4).map("".join))
SLOW = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
GOOD: dict[str, Any] = {
    "task": "do it",
    "container_id": "a",
    "message": "Go on",
    "answer": "yes",
    "workspace_name": "api",
    "repo_url": "https://github.com/owner/api",
    "branch_name": "feature",
    "title": "A title",
    "code": "abcde-23456",
    "host": "example.com",
    "scope": "day",
    "usd": 5,
    "message_id": "6f0d7c1e-6a0c-5d0a-9b53-0c6a3c1d4e21",
    "option": "model",
    "name": "NPM_TOKEN",
    "value": "npm_0123456789abcdef",
}


@pytest.fixture(scope="session")
async def host(host_config: HostConfig) -> AsyncIterator[SshHost]:
    async with SshHost(host_config) as connected:
        yield connected


@pytest.fixture(scope="session")
async def relay(host: SshHost, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Relay]:
    root = str(tmp_path_factory.mktemp("fuzz"))
    async with Relay(host, await provision(host, root), root) as started:
        yield started


async def arrived(runner: Runner, words: list[str]) -> list[str]:
    """What a program on the host got as its arguments."""
    done = await runner.run(cmd("printf", "%s\\0", words))
    return done.stdout.decode().split("\0")[:-1]


@SLOW
@given(words=st.lists(HOSTILE, min_size=50, max_size=60))
async def test_ten_thousand_words_arrive_as_they_are_through_the_shell(host: SshHost, words: list[str]) -> None:
    assert await arrived(host, words) == words


@SLOW
@given(words=st.lists(HOSTILE, min_size=50, max_size=60))
async def test_ten_thousand_words_arrive_as_they_are_through_the_relay(relay: Relay, words: list[str]) -> None:
    assert await arrived(relay, words) == words


def strings(tool: Tool[Any, Any]) -> list[str]:
    """The parameters that are free text."""
    return [name for name, field in tool.input.model_fields.items() if str in _types(field)]


def _types(field: FieldInfo) -> tuple[Any, ...]:
    union = get_origin(field.annotation) in (UnionType, Union)
    found = get_args(field.annotation) if union else (field.annotation,)
    return tuple(get_args(each)[0] if hasattr(each, "__metadata__") else each for each in found)


@pytest.mark.parametrize(
    ("tool", "name"),
    [(tool, name) for tool in TOOLS for name in strings(tool)],
    ids=lambda each: each.name if isinstance(each, Tool) else each,
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=EVERYTHING)
def test_a_parameter_is_taken_as_it_is_or_refused_by_its_name(tool: Tool[Any, Any], name: str, value: str) -> None:
    required = {key: GOOD[key] for key, field in tool.input.model_fields.items() if field.is_required()}
    refused, parsed = None, None
    try:
        parsed = tool.parse(required | {name: value})
    except BadInput as error:
        refused = error
    if refused is not None:
        assert refused.field == name
    else:
        # A code is taken however people copy it, a host in the form it is compared in.
        assert name in ("code", "host") or getattr(parsed, name) == value
        if check := CHECKS.get(name):
            check(value)


def _check_name(value: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", value)
    place = git.Place("image", "/lib", f"/root/workspaces/{value}", "/root/git/x.git")
    assert (
        f"type=bind,src=/root/workspaces/{value},dst=/root/workspaces/{value}"
        in git.tree(place, "agentflow-git-0", write=True).argv
    )


def _check_remote(value: str) -> None:
    remote = parse_remote(value)
    assert remote.url.split(":")[0].isascii()
    assert not remote.url.startswith("-")
    assert not re.search(r"[\s\x00-\x1f;|&$`\"'<>\\]|::", remote.url)
    assert ".." not in remote.path.split("/")


def _check_branch(value: str) -> None:
    assert not value.startswith("-")
    assert not re.search(r"[\s\x00-\x1f~^:?*\[\\]|\.\.|@\{", value)


def _check_host(value: str) -> None:
    taken = host_of(value)
    assert host_of(taken) == taken
    assert re.fullmatch(r"(\*\.)?[a-z0-9.-]+(:[0-9]+)?|\[[0-9a-f:.]+\](:[0-9]+)?", taken)


def _check_option(name: str) -> Any:
    def check(value: str) -> None:
        words = claude.argv(CliOptions.model_validate({name: value}), "session")
        assert sum(value in word and word.endswith(f"={value}") for word in words) >= 1
        assert not any("\0" in word for word in words)

    return check


def _check_prompt(name: str, path: str) -> Any:
    def check(value: str) -> None:
        options = CliOptions.model_validate({name: value})
        assert home.files(RunRequest.model_construct(options=options, network="none", secrets=()))[path] == value
        assert claude.argv(options, "session") == claude.argv(CliOptions.model_validate({name: "another"}), "session")

    return check


CHECKS: dict[str, Any] = {
    "workspace_name": _check_name,
    "repo_url": _check_remote,
    "host": _check_host,
    "branch": _check_branch,
    "branch_name": _check_branch,
    **{name: _check_option(name) for name in ("model", "fallback_model")},
    "system_prompt": _check_prompt("system_prompt", home.SYSTEM_PROMPT),
    "append_system_prompt": _check_prompt("append_system_prompt", home.APPENDED_PROMPT),
}


def test_every_text_parameter_is_covered() -> None:
    assert {"task", "env", "mcp_config", "model"} <= set(strings(SPAWN))
    assert sum(len(strings(tool)) for tool in TOOLS) * 80 > 4000
