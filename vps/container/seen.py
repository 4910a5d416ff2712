"""What a tree shows of its remote: the refs that its vault fetched."""

from __future__ import annotations

from vps.container.git_run import Git, lines


def listed(git: Git, *prefixes: str) -> list[tuple[str, str]]:
    """Refs and what they point at."""
    found = git("for-each-ref", "--format=%(objectname) %(refname)", *prefixes).splitlines()
    return [(ref, sha) for sha, ref in (line.split(" ", 1) for line in found)]


def show(git: Git, branches: dict[str, str], tags: list[tuple[str, str]]) -> None:
    """Let the tree's refs be those of the remote. Tags of the tree's own stay as they are."""
    had = [ref for ref, _ in listed(git, "refs/remotes/origin/")]
    gone = [ref for ref in had if ref not in branches and not ref.endswith("/HEAD")]
    # First of all, in a transaction of its own: `feature` has to go before `feature/x` can come.
    git("update-ref", "--stdin", data=lines(*(f"delete {ref}" for ref in gone)))
    git("update-ref", "--stdin", data=lines(*(f"update {ref} {sha}" for ref, sha in branches.items())))
    own = {ref for ref, _ in listed(git, "refs/tags/")}
    above = {name for ref in own for name in _above(ref)}
    taken = own | above
    new = [(ref, sha) for ref, sha in tags if ref not in taken and not own.intersection(_above(ref))]
    git("update-ref", "--stdin", data=lines(*(f"create {ref} {sha}" for ref, sha in new)))


def _above(ref: str) -> list[str]:
    """`refs/tags/a` for `refs/tags/a/b`: the two cannot be there at once."""
    return [ref.rsplit("/", n)[0] for n in range(1, ref.count("/") - 1)]
