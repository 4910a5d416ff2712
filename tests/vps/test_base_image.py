"""Which base the agent image gets: the given one, the public one, or one the host makes itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest

from vps.base_image import PUBLIC_BASE, obtain_base
from vps.errors import ImageBuildFailed
from vps.runner import Done
from vps.shell import Command


class Finished:
    """A command that has ended."""

    def __init__(self, output: bytes, exit_code: int) -> None:
        self._output = output
        self._exit_code = exit_code

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._output

    async def write(self, data: bytes) -> None:
        del data

    async def wait(self) -> Done:
        return Done(self._exit_code, b"", b"")


class Host:
    """A Runner for a host that has and can reach some images."""

    def __init__(self, *, has: set[str], reaches: set[str], codename: str = "bookworm", makes: bool = True) -> None:
        self.has = has
        self.reaches = reaches
        self.codename = codename
        self.makes = makes
        self.files: list[str] = []

    async def run(self, command: Command, *, stdin: bytes = b"", timeout: float = 60.0) -> Done:
        del stdin, timeout
        line = str(command)
        name = line.rsplit(" ", 1)[-1]
        if line.startswith("docker image inspect"):
            return Done(0 if name in self.has else 1, b"", b"")
        if " docker pull " in line:
            return Done(0, b"", b"") if name in self.reaches else Done(1, b"", b"no such host")
        return Done(0, f"{self.codename}\n".encode(), b"")

    @asynccontextmanager
    async def stream(self, command: Command) -> AsyncGenerator[Finished]:
        assert "make_base.sh agentflow-base:bookworm /r" in str(command)
        yield Finished(b"base: making it\nbase: takes root\n", 0 if self.makes else 1)

    async def put(self, path: str, data: bytes, *, mode: int = 0o600) -> None:
        assert data.startswith(b"#!/bin/sh")
        del mode
        self.files.append(path)


class Told(list[str]):
    """The progress that was told."""

    async def __call__(self, text: str) -> None:
        self.append(text)


async def test_a_given_base_the_host_has_is_used_without_a_word() -> None:
    told = Told()
    assert await obtain_base(Host(has={"mine:1"}, reaches=set()), "mine:1", "/r", told) == "mine:1"
    assert told == []


async def test_a_given_base_is_pulled() -> None:
    assert await obtain_base(Host(has=set(), reaches={"mine:1"}), "mine:1", "/r", Told()) == "mine:1"


async def test_a_given_base_that_cannot_be_had_is_an_error_and_no_other_is_taken() -> None:
    host = Host(has={PUBLIC_BASE}, reaches=set())
    with pytest.raises(ImageBuildFailed, match="AGENTFLOW_BASE_IMAGE: mine:1 cannot be pulled: no such host") as raised:
        await obtain_base(host, "mine:1", "/r", Told())
    assert raised.value.remedy


async def test_by_default_the_public_base_is_pulled() -> None:
    assert await obtain_base(Host(has=set(), reaches={PUBLIC_BASE}), None, "/r", Told()) == PUBLIC_BASE


async def test_without_a_registry_the_host_makes_one_of_its_distribution() -> None:
    host, told = Host(has=set(), reaches=set()), Told()
    assert await obtain_base(host, None, "/r", told) == "agentflow-base:bookworm"
    assert host.files == ["/r/make_base.sh"]
    assert told[-2:] == ["making it", "takes root"]


async def test_one_that_was_made_before_is_used_again() -> None:
    told = Told()
    host = Host(has={"agentflow-base:bookworm"}, reaches=set())
    assert await obtain_base(host, None, "/r", told) == "agentflow-base:bookworm"
    assert told == []


async def test_a_host_that_can_make_none_says_why() -> None:
    with pytest.raises(ImageBuildFailed, match="takes root"):
        await obtain_base(Host(has=set(), reaches=set(), makes=False), None, "/r", Told())


async def test_a_distribution_without_a_codename_says_what_kept_it_from_the_public_base() -> None:
    with pytest.raises(ImageBuildFailed, match="no such host"):
        await obtain_base(Host(has=set(), reaches=set(), codename=""), None, "/r", Told())
