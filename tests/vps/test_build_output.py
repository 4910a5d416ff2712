"""What people see of a build."""

from __future__ import annotations

import pytest

from vps.build_output import step_text


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('Step 5/18 : RUN : "Fetching Node.js"  && python3 -m venv /tmp/fetch', "Step 5 of 18: Fetching Node.js"),
        ('#7 [3/9] RUN : "Fetching Node.js"  && python3 -m venv /tmp/fetch', "Step 3 of 9: Fetching Node.js"),
        ('#7 [stage-0 3/9] RUN : "Fetching Node.js"  && true', "Step 3 of 9: Fetching Node.js"),
        ("base: making bookworm with debootstrap", "making bookworm with debootstrap"),
        ("I: Installing core packages...", "Installing core packages..."),
        ("I: Base system installed successfully.", "Base system installed successfully."),
    ],
)
def test_a_step_becomes_a_line_for_people(line: str, text: str) -> None:
    assert step_text(line) == text


@pytest.mark.parametrize(
    "line",
    [
        "Step 6/18 : ENV LANG=C.UTF-8",
        " ---> Running in 72a867b74197",
        "#7 12.3 Setting up git (1:2.39.5-0+deb12u3) ...",
        "#7 DONE 1.2s",
        "I: Unpacking libacl1:amd64...",
        "I: Retrieving libacl1 2.3.1-3",
        "I: Validating adduser 3.134",
        "",
    ],
)
def test_what_says_nothing_to_people_is_left_out(line: str) -> None:
    assert step_text(line) is None
