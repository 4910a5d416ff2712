"""The script that does real work: it finds `add()`, corrects it, writes a test, runs it and reports.

Every step reads what the tools really returned; when the tree is not as the task implies, the answer says so.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from vps.testing.model.conversation import Conversation, ToolResult
from vps.testing.model.reply import Reply, Text, Thinking, ToolUse, bash, say

LOOK = (
    "pwd; git status --short 2>/dev/null; find . -name .git -prune -o -type f -print | sort | head -40; "
    "grep -rn --include='*.py' '^def add(' ."
)
"""The first command: the working directory, what has changed, the files, and where `add` is defined."""

_DEFINED = re.compile(r"^(?:\./)?(?P<path>[^\n:]+\.py):\d+:def add\((?P<parameters>[^)]*)\)", re.MULTILINE)
_LINE_NUMBER = re.compile(r"^\s*\d+(?:→|\t)", re.MULTILINE)
_FUNCTION = re.compile(r"^def add\([^\n]*\n(?:(?:[ \t][^\n]*)?\n)*?[ \t]+return (?P<value>[^\n]*)", re.MULTILINE)


@dataclass(frozen=True)
class Target:
    """The function as the tree has it: the absolute working directory, the file in it, and two parameter names."""

    cwd: str
    path: str
    parameters: tuple[str, str]
    files: frozenset[str]

    @property
    def file(self) -> str:
        """The absolute path that the file tools need."""
        return f"{self.cwd}/{self.path}"

    @property
    def module(self) -> str:
        """The name a test beside the file imports it by."""
        return PurePosixPath(self.path).stem

    @property
    def sum(self) -> str:
        """What `add` has to return."""
        return f"{self.parameters[0]} + {self.parameters[1]}"

    @property
    def test_path(self) -> str:
        """A file beside it that is not there yet."""
        folder = PurePosixPath(self.path).parent
        names = [f"test_{self.module}.py", f"test_{self.module}_add.py"]
        candidates = [str(folder / name) for name in names]
        return next((path for path in candidates if path not in self.files), candidates[-1])


@dataclass(frozen=True)
class Fault:
    """The text of the function up to its wrong `return`, and the `value` returned there."""

    function: str
    value: str


def repair(conversation: Conversation) -> Reply:
    """Look, read, edit, write a test, run it, sum up: one step for each round of tool results."""
    step = len(conversation.rounds)
    if step == 0:
        return bash(LOOK, "Look at the tree", before="I'll look at the repository first.")
    target = find_target(conversation.result(0).text)
    if target is None:
        return say("I found no two-argument `def add(` in any Python file here, so there is nothing to fix.")
    if step == 1:
        return _read(target)
    fault = find_fault(conversation.result(1).text, target)
    later = [_edit, _test, _run, _summary] if fault else [_test, _run, _summary]
    return later[min(step - 2, len(later) - 1)](target, fault, conversation.result(-1))


def find_target(listing: str) -> Target | None:
    """Where `add` is defined according to the output of `LOOK`; None if nowhere, or not with two parameters."""
    found = _DEFINED.search(listing)
    names = [part.split(":")[0].split("=")[0].strip() for part in found["parameters"].split(",")] if found else []
    if found is None or len(names) != 2:
        return None
    lines = listing.splitlines()
    files = frozenset(line.removeprefix("./") for line in lines if line.startswith("./"))
    return Target(lines[0].rstrip("/"), found["path"], (names[0], names[1]), files)


def find_fault(source: str, target: Target) -> Fault | None:
    """What is wrong in the numbered `source` of `add`; None if it has no `return` or returns the sum already."""
    found = _FUNCTION.search(_LINE_NUMBER.sub("", source))
    value = found["value"].rstrip() if found else target.sum
    return Fault(found[0].rstrip(), value) if found and value != target.sum else None


def _read(target: Target) -> Reply:
    words = f"`add` is defined in `{target.path}`. I'll read it before I change anything."
    return Reply((Text(words), ToolUse("Read", {"file_path": target.file})))


def _edit(target: Target, fault: Fault | None, _last: ToolResult) -> Reply:
    assert fault is not None
    right = fault.function.removesuffix(fault.value) + target.sum
    change = {"file_path": target.file, "old_string": fault.function, "new_string": right}
    thought = f"add() must return {target.sum}, but it returns {fault.value}."
    return Reply((Thinking(thought), Text(f"`{fault.value}` is not a sum. Fixing it."), ToolUse("Edit", change)))


def _test(target: Target, _fault: Fault | None, last: ToolResult) -> Reply:
    if last.is_error:
        return say(f"I could not change `{target.path}`:\n\n{last.text}")
    words = "Now a test that would have caught it."
    content = {"file_path": f"{target.cwd}/{target.test_path}", "content": _test_source(target)}
    return Reply((Text(words), ToolUse("Write", content)))


def _run(target: Target, _fault: Fault | None, last: ToolResult) -> Reply:
    if last.is_error:
        return say(f"I could not write `{target.test_path}`:\n\n{last.text}")
    return bash(f"python3 -B {target.test_path}", "Run the new test")


def _summary(target: Target, fault: Fault | None, last: ToolResult) -> Reply:
    if last.is_error:
        return say(f"The test in `{target.test_path}` **fails**:\n\n```\n{last.text}\n```")
    now = f"returned `{fault.value}`, now returns `{target.sum}`" if fault else "was already right and is unchanged"
    return say(
        f"## Done\n\n- `add()` in `{target.path}` {now}\n- New test: `{target.test_path}`\n\n"
        f"The test passes:\n\n```console\n$ python3 -B {target.test_path}\n{last.text.strip()}\n```"
    )


def _test_source(target: Target) -> str:
    return f"""from {target.module} import add


def test_add() -> None:
    assert add(2, 3) == 5
    assert add(-1, 1) == 0


if __name__ == "__main__":
    test_add()
    print("test_add passed")
"""
