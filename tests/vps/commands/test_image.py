"""The commands that make the agent image."""

from __future__ import annotations

from vps.commands import image as commands


def test_a_build_gives_its_inputs_last_and_uses_the_hosts_network() -> None:
    argv = commands.build("/r/context", image="a:b", base="base:1", version="2.1.197", inputs="cafe").argv
    assert argv[:4] == ("sh", "-c", 'exec "$@" 2>&1', "sh")
    assert argv[4:8] == ("docker", "build", "--network", "host")
    assert argv[-7:] == (
        "--build-arg", "BASE_IMAGE=base:1", "--build-arg", "CLAUDE_CODE_VERSION=2.1.197",
        "--build-arg", "AGENTFLOW_INPUTS=cafe", "/r/context",
    )  # fmt: skip


def test_names_are_one_word_of_the_shell_line_whatever_they_hold() -> None:
    assert commands.exists("x; reboot").render().endswith("'x; reboot'")


def test_only_our_own_unnamed_images_are_pruned() -> None:
    assert commands.prune().argv == ("docker", "image", "prune", "--force", "--filter", "label=agentflow.image")


def test_a_pull_is_bounded_on_the_host() -> None:
    assert commands.pull("debian:x", seconds=60).render() == "timeout 60 docker pull --quiet debian:x"
