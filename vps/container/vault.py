"""The control plane's own repository of a workspace, which no agent can write: all that git does over the network happens here.

It runs in a throwaway container with that one repository mounted (all of them only while one is made), as root without
capabilities but DAC_OVERRIDE (the directory belongs to the SSH user). The first line of stdin is the request; when stdin ends in
the middle of a transfer, whoever asked is gone, and so is this.

    refs/remotes/origin/*              the remote's branches, as they were last seen
    refs/agentflow/trees/<tree>/*      what trees have committed, once it was pushed or borrowed from

Nothing is ever collected as garbage here: trees borrow these objects.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import threading
from typing import Any

from vps.container import git_credential, intake
from vps.container.git_run import Failed, Git, Refused, answered, environ, lines

_HELPER = "!python3 -I -S /run/agentflow/lib/vps/container/git_credential.py"
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHOWN = 200
_KEY, _KNOWN_HOSTS = git_credential.DIRECTORY + "/key", git_credential.DIRECTORY + "/known_hosts"
_SSH = f"ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile={_KNOWN_HOSTS} -o ConnectTimeout=20"
_SETTINGS = (
    "gc.auto=0",
    "maintenance.auto=false",
    "core.hooksPath=/dev/null",
    "fetch.unpackLimit=1",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
    "transfer.credentialsInUrl=die",
)
_OPTIONS = [word for setting in _SETTINGS for word in ("-c", setting)]


class Vault:
    """One repository."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._path = str(request["vault"])
        self._request = request
        self._git = self._at(self._path)

    def _at(self, path: str) -> Git:
        helper = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "credential.helper", "GIT_CONFIG_VALUE_0": _HELPER}
        network = environ(
            GIT_ALLOW_PROTOCOL="https:http:ssh",
            GIT_SSH_COMMAND=_SSH + (f" -i {_KEY} -o IdentitiesOnly=yes" if os.path.exists(_KEY) else ""),
            **(helper if os.path.exists(git_credential.TOKEN) else {}),
        )
        return Git(["--git-dir", path, *_OPTIONS], network)

    def create(self) -> dict[str, Any]:
        """Make it, from its remote if it has one. It lies aside until it is whole: see vps.host.claims."""
        self._git("init", "--quiet", "--bare", self._path)
        if self._request["url"]:
            self._git("config", "remote.origin.url", self._request["url"])
            self._fetch()
            self._check_branch()
        return self.info()

    def _check_branch(self) -> None:
        branch = self._request.get("branch")
        if branch and branch not in self._branches():
            known = ", ".join(self._branches()[:10]) or "it is empty"
            raise Refused("branch", f"the repository has no branch {branch}", f"It has: {known}.")

    def _fetch(self) -> None:
        specs = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
        self._git.told("fetch", "--progress", "--prune", "--no-tags", "--no-recurse-submodules", "origin", *specs)
        self._see_default()

    def _see_default(self) -> None:
        """Which branch the remote's HEAD names: an empty repository has none that could be seen before the first push."""
        found = self._git("ls-remote", "--symref", "origin", "HEAD")
        if found.startswith("ref: refs/heads/"):
            head = found.split("\t", 1)[0].removeprefix("ref: refs/heads/")
            self._git("symbolic-ref", "refs/remotes/origin/HEAD", f"refs/remotes/origin/{head}")

    def fetch(self) -> dict[str, Any]:
        """Bring the remote's branches up to date."""
        self._expect_remote()
        self._fetch()
        return self.info()

    def _expect_remote(self) -> None:
        if not self._url:
            remedy = "Give it one: `workspace create` with its name and `create_github_repo`."
            raise Refused("workspace_name", "has no remote repository", remedy)

    @property
    def _url(self) -> str:
        return self._git("config", "--get", "remote.origin.url", may_fail=True)

    def set_remote(self) -> dict[str, Any]:
        """Give it a remote."""
        self._git("config", "remote.origin.url", self._request["url"])
        return self.info()

    def take(self) -> dict[str, Any]:
        """Take a branch of a tree in: its new objects from the pack, if there is one, then its commit under a name of ours."""
        tree, branch, sha = self._request["tree"], self._request["branch"], self._request["sha"]
        sound = (
            _SHA.fullmatch(sha) and branch.isprintable() and self._git.holds("check-ref-format", f"refs/heads/{branch}")
        )
        if not sound:
            raise Refused("workspace_name", "its branch or commit has a name git does not take")
        intake.take(self._git, self._path, sha)
        # Named by a digest: a branch called `fix` must not stand in the way of one called `fix/two`.
        name = hashlib.sha256(branch.encode()).hexdigest()[:32]
        self._git("update-ref", f"refs/agentflow/trees/{tree}/{name}", sha)
        return self.info()

    def forget(self) -> dict[str, Any]:
        """Remove a tree's branches, so that its name can be used again."""
        for ref in self._git(
            "for-each-ref", "--format=%(refname)", f"refs/agentflow/trees/{self._request['tree']}/"
        ).splitlines():
            self._git("update-ref", "-d", ref)
        return {}

    def push(self) -> dict[str, Any]:
        """Push a commit that was taken in, then ask the remote what it has."""
        self._expect_remote()
        branch, sha = self._request["branch"], self._request["sha"]
        target = f"refs/heads/{branch}"
        before = self._git("rev-parse", "--quiet", "--verify", f"refs/remotes/origin/{branch}", may_fail=True)
        self._git.told("push", "--progress", "--porcelain", "--no-follow-tags", "origin", f"{sha}:{target}")
        answer = {"remote_sha": sha, "before": before, "url": self._url}
        try:
            answer["remote_sha"] = self._git("ls-remote", "origin", target).split("\t", 1)[0]
            self._remember(branch, answer["remote_sha"])
            self._see_default()
        except Failed as failed:
            # The remote said that it took the commit: what goes wrong from here on is no failure of the push.
            answer["trouble"] = failed.answer["failed"]
        return answer

    def _remember(self, branch: str, sha: str) -> None:
        """Where the remote has it now. No branch of the remote's can be above or below that name any more."""
        parts = branch.split("/")
        above = [f"refs/remotes/origin/{'/'.join(parts[:n])}" for n in range(1, len(parts))]
        ref = f"refs/remotes/origin/{branch}"
        gone = self._git("for-each-ref", "--format=%(refname)", ref + "/", *above).splitlines()
        self._git(
            "update-ref",
            "--stdin",
            data=lines(*(f"delete {name}" for name in gone if name in above or name > ref + "/")),
        )
        if sha:
            self._git("update-ref", ref, sha)

    def info(self) -> dict[str, Any]:
        """Its remote, its branches, where the one asked for or the default stands, and what a clone of it will not bring."""
        head = self._git("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD", may_fail=True)
        default, branches = head.removeprefix("origin/"), self._branches()
        branch = self._request.get("branch") or default or next(iter(branches), "main")
        start = self._git("rev-parse", "--quiet", "--verify", f"refs/remotes/origin/{branch}^{{commit}}", may_fail=True)
        told = {"url": self._url, "default": default, "branch": branch, "start": start}
        return {**told, "branches": branches[:_SHOWN], **self._notes(branch)}

    def _branches(self) -> list[str]:
        listed = self._git("for-each-ref", "--sort=-committerdate", "--format=%(refname)", "refs/remotes/origin/")
        names = [line.removeprefix("refs/remotes/origin/") for line in listed.splitlines()]
        return [name for name in names if name != "HEAD"]

    def _notes(self, branch: str) -> dict[str, Any]:
        ref = f"refs/remotes/origin/{branch}"
        attributes = self._git("show", f"{ref}:.gitattributes", may_fail=True)
        return {
            "submodules": self._git.holds("cat-file", "-e", f"{ref}:.gitmodules"),
            "lfs": "filter=lfs" in attributes,
        }


def _keep_secrets(request: dict[str, Any]) -> None:
    """Into a directory in memory that only this container has."""
    names = {"token": git_credential.TOKEN, "token_host": git_credential.HOST, "key": _KEY, "known_hosts": _KNOWN_HOSTS}
    for name, path in names.items():
        if request.get(name):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(request[name])


def _leave_with_stdin() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)


def main() -> int:
    """Serve one request."""
    request = json.loads(sys.stdin.buffer.readline())
    if request["network"]:
        threading.Thread(target=_leave_with_stdin, daemon=True).start()
    _keep_secrets(request)
    os.umask(0o022)
    verbs = {"create": Vault.create, "fetch": Vault.fetch, "take": Vault.take, "push": Vault.push, "info": Vault.info,
             "set-remote": Vault.set_remote, "forget": Vault.forget}  # fmt: skip
    return answered(lambda: verbs[request["op"]](Vault(request)))


__all__ = ["Failed", "Vault", "main"]
