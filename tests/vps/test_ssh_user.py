"""deploy/ssh-user.sh: a user without root for AgentFlow to log in as, made on this machine and removed again."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host_figures import proc, variable
from tests.login import login
from tests.vps.conftest import KEY, machine_at
from vps.outcome import Ending
from vps.testing.model import ScriptedModel
from vps.testing.sshd import generate_key, sshd

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user")

_SCRIPT = Path(__file__).parents[2] / "deploy" / "ssh-user.sh"


class Setup:
    """The script with a key, a user and a root directory of this test's."""

    def __init__(self, place: Path) -> None:
        self.user = f"aflow-{secrets.token_hex(3)}"
        self.root = place / "opt" / "agentflow"
        self.key = place / "key"
        (place / "key.pub").write_text(generate_key(self.key) + " somebody@somewhere\n")

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        given = ["--key", f"{self.key}.pub", "--user", self.user, "--root", str(self.root)]
        return subprocess.run(["sh", str(_SCRIPT), *given, *words], capture_output=True, text=True, check=False)

    @property
    def keys(self) -> Path:
        return Path(pwd.getpwnam(self.user).pw_dir) / ".ssh" / "authorized_keys"


@pytest.fixture
def setup() -> Iterator[Setup]:
    place = Path(tempfile.mkdtemp(prefix="agentflow-ssh-user-", dir="/tmp"))
    place.chmod(0o755)
    (place / "opt").mkdir()
    made = Setup(place)
    yield made
    subprocess.run(["userdel", "--force", "--remove", made.user], check=False, capture_output=True)
    shutil.rmtree(place)


async def test_the_user_it_makes_logs_in_with_the_key_alone_and_runs_agents(
    setup: Setup, image: str, model: ScriptedModel
) -> None:
    before = setup("--check")
    assert before.returncode == 1
    assert [line.split()[0] for line in before.stdout.splitlines()] == ["missing:"] * 4, before.stdout

    made = setup()
    assert made.returncode == 0, made.stderr
    assert "is root on this machine" in made.stdout
    keys = setup.keys.read_text()
    assert keys.startswith("restrict ssh-ed25519 ")
    assert (setup("--check").returncode, setup().returncode, setup.keys.read_text()) == (0, 0, keys)
    assert (setup("--forwarding").returncode, setup.keys.read_text().split()[0]) == (0, "restrict,port-forwarding")
    assert len(setup.keys.read_text().splitlines()) == 1

    account = pwd.getpwnam(setup.user)
    assert 0 < account.pw_uid < 1000
    for path, mode in ((setup.keys, 0o600), (setup.keys.parent, 0o700)):
        assert (path.stat().st_uid, path.stat().st_mode & 0o7777) == (account.pw_uid, mode)
    assert (setup.root.stat().st_uid, setup.root.stat().st_mode & 0o7777) == (account.pw_uid, 0o750)
    # The server of a test reads the lines by itself: the options before the key are in force there too.
    place = setup.key.parent / "sshd"
    options = {"SetEnv": variable(proc(setup.key.parent / "proc"))}
    async with (
        sshd(place, authorized_key=keys, say=print, users=[setup.user], options=options) as server,
        machine_at(setup.root, login(server, setup.key), model) as machine,
    ):
        ended = await machine.run("fix add() and add a test")
    assert ended.outcome.ending is Ending.SUCCEEDED, ended.text
    assert KEY.get_secret_value() not in ended.text


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--user", "root"], "is root"),
        (["--user", "Robert'; --"], "is no name"),
        (["--user", "a\nb"], "is no name"),
        (["--root", "/"], "cannot be used"),
        (["--root", "relative/path"], "cannot be used"),
        (["--root", "/opt/../etc"], "cannot be used"),
        (["--root", "/etc/agentflow"], "belongs to the system"),
        (["--root", "/var/lib/dpkg"], "is not empty"),
        (["--key", "/nonesuch"], "there is no file"),
        (["--key", "{place}/key"], "is a private key"),
        (["--key", "{place}/bad.pub"], "is no public key"),
        (["--key"], "needs a value"),
        (["--frobnicate"], "is no option"),
    ],
)
def test_bad_input_is_refused_with_a_remedy_and_nothing_is_made(setup: Setup, words: list[str], problem: str) -> None:
    place = setup.key.parent
    (place / "bad.pub").write_text('command="id" ssh-ed25519 AAAA\n')
    done = setup("--check", *(word.format(place=place) for word in words))

    assert done.returncode == 2
    assert problem in done.stderr, done.stderr
    assert done.stderr.strip().endswith(".")
    assert not setup.root.exists()


def test_a_user_with_the_agents_id_is_refused(setup: Setup) -> None:
    free = not any(entry.pw_uid == 1001 for entry in pwd.getpwall())
    assert free, "this machine has a user with the agents' id"
    subprocess.run(["useradd", "--uid", "1001", "--no-create-home", setup.user], check=True)

    done = setup()
    assert (done.returncode, setup.root.exists()) == (2, False)
    assert "1001, which is the agents' own" in done.stderr
