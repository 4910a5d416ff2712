"""git in a tree that an agent writes: as the agents' user, in a throwaway container without network or credentials.

The tree's configuration, hooks and filters are an agent's. Whatever they run, they run in here, and all they could forge is what
is said of their own tree.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

from vps.container import paths, seen, unsaved
from vps.container.git_run import Git, Refused, answered, environ, lines
from vps.container.intake import PACK

_STORE = "/tmp/store"
_PATCH_LIMIT = 4 << 20
_STAT_LIMIT = 16 << 10
_OPTIONS = ["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-c", "gc.auto=0",
            "-c", "maintenance.auto=false", "-c", "commit.gpgSign=false", "-c", "submodule.recurse=false",
            "-c", "core.pager=cat"]  # fmt: skip
_OPERATIONS = {
    "MERGE_HEAD": "a merge", "rebase-merge": "a rebase", "rebase-apply": "a rebase", "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert", "BISECT_LOG": "a bisection",
}  # fmt: skip
_TRACK = re.compile(r"(\d+)\s+(\d+)")


def _at(path: str) -> Git:
    return Git(["-C", path, *_OPTIONS], environ(GIT_ALLOW_PROTOCOL="file", GIT_OPTIONAL_LOCKS="0"))


class Tree:
    """One working tree. `vault` is the control plane's repository, mounted read-only, or empty where there is none."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request
        self._path = str(request["tree"])
        self._vault = str(request.get("vault") or "")
        self._git = _at(self._path)
        self._vault_git = Git(["--git-dir", self._vault], environ()) if self._vault else None

    def setup(self) -> dict[str, Any]:
        """Make the empty directory a tree that borrows the vault's objects, on `branch` at `start` (a commit) or unborn."""
        branch, start = self._request["branch"], self._request.get("start")
        self._git("init", "--quiet", "-b", branch)
        self._borrow()
        if self._request.get("url"):
            self._git("config", "remote.origin.url", self._request["url"])
            self._git("config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
        self._see_remote()
        if start:
            self._git("update-ref", f"refs/heads/{branch}", start)
            self._git("reset", "--quiet", "--hard")
            if self._git.holds("rev-parse", "--verify", "--quiet", f"refs/remotes/origin/{branch}"):
                self._git("branch", "--quiet", f"--set-upstream-to=origin/{branch}")
        elif not self._request.get("url"):
            identity = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
                        for what, value in (("NAME", "AgentFlow"), ("EMAIL", "agentflow@localhost"))}  # fmt: skip
            self._git("commit", "--quiet", "--allow-empty", "-m", "Start the workspace", env=identity)
        return self.state()

    def _borrow(self) -> None:
        objects = self._git("rev-parse", "--path-format=absolute", "--git-path", "objects")
        os.makedirs(os.path.join(objects, "info"), exist_ok=True)
        with open(os.path.join(objects, "info", "alternates"), "w", encoding="utf-8") as file:
            file.write(f"{self._vault}/objects\n")

    def _see_remote(self) -> None:
        """Show the tree what the vault knows of the remote; the objects are borrowed. Tags of the tree's own stay as they are."""
        branches, tags = dict(self._remote_refs("refs/remotes/origin/")), self._remote_refs("refs/tags/")
        seen.show(self._git, branches, tags)

    def _remote_refs(self, *prefixes: str) -> list[tuple[str, str]]:
        if self._vault_git is None:
            return []
        return [(ref, sha) for ref, sha in seen.listed(self._vault_git, *prefixes) if ref != "refs/remotes/origin/HEAD"]

    def state(self) -> dict[str, Any]:
        """Where it stands: branch, commits ahead and behind, what is changed, what of it exists nowhere else."""
        if self._git("rev-parse", "--show-toplevel", may_fail=True) != os.path.realpath(self._path):
            return {"kind": "plain", "files": bool(os.listdir(self._path))}
        status = self._git(
            "status", "--porcelain=v2", "--branch", "--untracked-files=normal", "--ignore-submodules=none", "-z"
        ).split("\0")
        heads = dict(line[2:].split(" ", 1) for line in status if line.startswith("# branch."))
        changes = [line for line in status if line[:2] in ("1 ", "2 ", "u ", "? ")]
        head = heads.get("branch.oid", "(initial)")
        return {
            "kind": "git",
            "branch": "" if heads.get("branch.head") == "(detached)" else heads.get("branch.head", ""),
            "head": "" if head == "(initial)" else head,
            "changed": len(changes),
            "conflicts": sum(line.startswith("u ") for line in changes),
            "operation": self._operation(),
            "stashed": len(self._git("stash", "list", may_fail=True).splitlines()),
            **self._compared(heads.get("branch.head", ""), born=head != "(initial)"),
            **unsaved.commits(self._git, "" if head == "(initial)" else head, self._pushed()),
            "nested": unsaved.in_gitlinks(self._git, self._path, _at),
            "ignored": unsaved.ignored(self._git),
        }

    def _pushed(self) -> list[str]:
        return [sha for _, sha in self._remote_refs("refs/remotes/origin/", "refs/tags/")]

    def _operation(self) -> str:
        for name, meaning in _OPERATIONS.items():
            if os.path.exists(self._git("rev-parse", "--path-format=absolute", "--git-path", name)):
                return meaning
        return ""

    def _compared(self, branch: str, *, born: bool) -> dict[str, Any]:
        refs = dict(self._remote_refs("refs/remotes/origin/"))
        base = next((ref for ref in (f"refs/remotes/origin/{branch}", self._default_ref()) if ref in refs), "")
        track = (
            _TRACK.fullmatch(self._git("rev-list", "--left-right", "--count", f"HEAD...{refs[base]}"))
            if base and born
            else None
        )
        return {
            "base": base.removeprefix("refs/remotes/"),
            "ahead": int(track[1]) if track else 0,
            "behind": int(track[2]) if track else 0,
        }

    def _default_ref(self) -> str:
        if self._vault_git is None:
            return ""
        return self._vault_git("symbolic-ref", "--quiet", "refs/remotes/origin/HEAD", may_fail=True)

    def _ready(self) -> dict[str, Any]:
        """Its state. Raises Refused where a commit or a branch cannot be made."""
        state = self.state()
        if state["kind"] != "git":
            raise Refused("workspace_name", "is no git repository", "Clone or create one under another name.")
        if state["conflicts"]:
            remedy = "Let an agent resolve them, or run `git merge --abort` there."
            raise Refused("workspace_name", f"has {state['conflicts']} files in conflict", remedy)
        if state["operation"]:
            raise Refused("workspace_name", f"is in the middle of {state['operation']}", "Finish or abort that first.")
        return state

    def commit(self) -> dict[str, Any]:
        """Commit everything that is not ignored, if there is anything and it could be pushed; the state after it."""
        state = self._ready()
        self._expect_pushable(state)
        if state["changed"]:
            who = {
                f"GIT_{role}_{what}": self._request[what.lower()]
                for role in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            }
            self._git("add", "--all")
            if not self._git.holds("diff", "--cached", "--quiet") or not state["head"]:
                self._git(
                    "commit",
                    "--quiet",
                    "--no-verify",
                    "--cleanup=whitespace",
                    "-F",
                    "-",
                    data=self._request["message"].encode(),
                    env=who,
                )
        return self.state() | {"committed": state["changed"]}

    def _expect_pushable(self, state: dict[str, Any]) -> None:
        if not state["branch"]:
            remedy = "Make a branch of it with `create_branch` first."
            raise Refused("workspace_name", "is on no branch (detached HEAD)", remedy)
        if not state["branch"].isprintable():
            raise Refused(
                "workspace_name", "is on a branch whose name cannot be shown", "Rename it with `git branch -m`."
            )
        if state["behind"] and state["base"] == f"origin/{state['branch']}":
            message = f"lacks {state['behind']} commits that {state['base']} has"
            helps = "Run `sync_workspace`, then push again."
            merge = f"Run `sync_workspace`, let an agent merge or rebase onto {state['base']}, then push again."
            raise Refused("workspace_name", message, merge if state["ahead"] else helps)
        if nested := unsaved.embedded(self._git, self._path):
            message = f"holds repositories of their own, whose files would not be pushed: {', '.join(nested[:5])}"
            remedy = "Remove their `.git` directories to push their files, ignore them, or make them submodules."
            raise Refused("workspace_name", message, remedy)

    def pack(self) -> dict[str, Any]:
        """Write what the vault lacks of the branch to the transfer directory; the commit it stands at, and what is new in it."""
        state = self.state()
        if state["kind"] != "git" or not state["branch"] or not state["head"]:
            raise Refused("workspace_name", "has no commit on a branch yet", "Commit something first.")
        if not state["branch"].isprintable():
            raise Refused(
                "workspace_name", "is on a branch whose name cannot be shown", "Rename it with `git branch -m`."
            )
        assert self._vault_git is not None
        known = self._vault_git("for-each-ref", "--format=^%(objectname)").splitlines()
        head = state["head"]
        new = self._git("rev-list", "--max-count=1", "--stdin", data=lines(head, *known))
        if new:
            with open(PACK, "xb") as file:
                self._git("pack-objects", "--quiet", "--revs", "--thin", "--delta-base-offset", "--stdout",
                          data=lines(head, *known), stdout=file.fileno())  # fmt: skip
        log = self._git("log", "--max-count=20", "--format=%h %s", "--stdin", data=lines(head, *self._not_remote()))
        return {"branch": state["branch"], "sha": head, "commits": log.splitlines(), "state": state}

    def _not_remote(self) -> list[str]:
        return [f"^{sha}" for _, sha in self._remote_refs("refs/remotes/origin/")]

    def branch(self) -> dict[str, Any]:
        """Create `branch` where the tree stands, and go on it."""
        name = self._request["branch"]
        self._ready()
        if self._git.holds("rev-parse", "--verify", "--quiet", f"refs/heads/{name}"):
            raise Refused("branch_name", f"{name} exists already", "Choose another name.")
        if self._git.holds("rev-parse", "--verify", "--quiet", f"refs/remotes/origin/{name}"):
            raise Refused("branch_name", f"{name} exists on the remote already", "Choose another name.")
        self._git("switch", "--quiet", "--create", name)
        return self.state()

    def diff(self) -> dict[str, Any]:
        """Everything since the base: commits and what is not committed, new files too. The tree's index stays as it is."""
        state = self.state()
        if state["kind"] != "git":
            raise Refused("workspace_name", "is no git repository", "Clone or create one under another name.")
        base = self._base(state)
        env = self._shadow()
        self._git("add", "--all", env=env)
        tree = self._git("write-tree", env=env)
        words = ("--no-ext-diff", "--no-textconv", "--no-color", "--find-renames", base, tree)
        stat = self._git("diff", "--stat=72", *words, env=env)
        patch = self._git("diff", "--binary", *words, env=env).encode("utf-8", "surrogateescape")
        cut = patch[:_PATCH_LIMIT].decode("utf-8", "replace")
        return {
            "state": state,
            "base": state["base"],
            "stat": stat[-_STAT_LIMIT:],
            "patch": cut,
            "cut": len(patch) > _PATCH_LIMIT,
        }

    def _base(self, state: dict[str, Any]) -> str:
        """The commit its branch left the remote's at; the empty tree, where there is no remote to compare with."""
        refs = dict(self._remote_refs("refs/remotes/origin/"))
        sha = refs.get("refs/remotes/" + state["base"]) or self._request.get("start")
        if sha and state["head"]:
            return self._git("merge-base", "HEAD", sha, may_fail=True) or sha
        return self._git("hash-object", "-t", "tree", "--stdin")

    def _shadow(self) -> dict[str, str]:
        os.makedirs(_STORE + "/objects")
        objects = self._git("rev-parse", "--path-format=absolute", "--git-path", "objects")
        index = self._git("rev-parse", "--path-format=absolute", "--git-path", "index")
        if os.path.isfile(index) and not os.path.islink(index):
            with open(index, "rb") as source, open(_STORE + "/index", "wb") as target:
                target.write(source.read())
            # git looks into files that are as young as its index: a younger copy would hide an edit in that second.
            state = os.lstat(index)
            os.utime(_STORE + "/index", ns=(state.st_atime_ns, state.st_mtime_ns))
        return {"GIT_INDEX_FILE": _STORE + "/index", "GIT_OBJECT_DIRECTORY": _STORE + "/objects",
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": objects}  # fmt: skip

    def update(self) -> dict[str, Any]:
        """Show the tree what the vault fetched, and go forward to it if nothing of the tree's own stands in the way."""
        state = self._ready()
        self._see_remote()
        branch = state["branch"]
        refs = dict(self._remote_refs("refs/remotes/origin/"))
        sha = refs.get(f"refs/remotes/origin/{branch}")
        if not branch or sha is None:
            return self.state() | {"moved": False, "why": "its branch is not on the remote"}
        after = self.state()
        if not after["behind"]:
            return after | {"moved": False, "why": "there is nothing new"}
        if after["ahead"]:
            remedy = "Let an agent merge or rebase it, or push it under another branch."
            raise Refused(
                "workspace_name",
                f"has {after['ahead']} commits the remote lacks, and lacks {after['behind']} of its",
                remedy,
            )
        if not self._git.holds("merge", "--ff-only", "--quiet", sha):
            remedy = "Push or discard them first."
            raise Refused("workspace_name", "has uncommitted changes in files the remote changed", remedy)
        return self.state() | {"moved": True, "why": ""}


def _become_agent(request: dict[str, Any]) -> None:
    """As root only to give the tree to the agents' user: then it is theirs, and so is this process."""
    if os.getuid() == 0:
        if request.get("own"):
            subprocess.run(
                ["chown", "-R", "-h", f"{paths.AGENT_ID}:{paths.AGENT_ID}", "--", request["tree"]], check=True
            )
        os.setgroups([])
        os.setresgid(paths.AGENT_ID, paths.AGENT_ID, paths.AGENT_ID)
        os.setresuid(paths.AGENT_ID, paths.AGENT_ID, paths.AGENT_ID)


def main() -> int:
    """Serve one request from stdin."""
    request = json.loads(sys.stdin.buffer.readline())
    _become_agent(request)
    verbs = {"setup": Tree.setup, "state": Tree.state, "commit": Tree.commit, "pack": Tree.pack, "branch": Tree.branch,
             "diff": Tree.diff, "update": Tree.update}  # fmt: skip
    return answered(lambda: verbs[request["op"]](Tree(request)))
