"""Local git in trees that agents write: in a throwaway container, as their user, without network or credentials."""

from __future__ import annotations

from vps.commands.docker import AGENT_ID
from vps.shell import Cmd, cmd

# `core.fsmonitor` is a program that the repository's own configuration names; it could also hide what changed.
_GIT = 'git -c safe.directory="*" -c core.fsmonitor=false -C "$1"'
_UNSAVED = f"""
top=$({_GIT} rev-parse --show-toplevel 2>/dev/null)
if [ "$top" != "$1" ]; then
  [ -z "$(ls -A -- "$1")" ] || echo 'files that are in no git repository'
  exit 0
fi
changed=$({_GIT} status --porcelain --untracked-files=normal --ignore-submodules=none) || exit 1
[ -z "$changed" ] || {{ echo 'uncommitted changes'; exit 0; }}
stashed=$({_GIT} stash list) || exit 1
[ -z "$stashed" ] || {{ echo 'stashed changes'; exit 0; }}
{_GIT} rev-parse --quiet --verify HEAD >/dev/null || exit 0
unpushed=$({_GIT} log --format= --name-only HEAD --branches --tags --not --remotes) || exit 1
[ -z "$unpushed" ] || echo 'commits that are not pushed'
"""


def unsaved_work(image: str, workspace: str) -> Cmd:
    """Prints what of a workspace exists nowhere else, in a few words; nothing if all of it is pushed.

    Empty commits are no work, such as the first one of the scratch workspace. Ends with a code other than 0 if git
    cannot tell.
    """
    return cmd(
        "docker", "run", "--rm", "--network", "none", "--user", f"{AGENT_ID}:{AGENT_ID}", "--cap-drop", "ALL",
        "--security-opt", "no-new-privileges", "--pids-limit", 100, "--memory", "1g", "--env", "GIT_OPTIONAL_LOCKS=0",
        "--mount", f"type=bind,src={workspace},dst={workspace},readonly",
        image, "timeout", "120", "sh", "-c", _UNSAVED, "unsaved", workspace,
    )  # fmt: skip
