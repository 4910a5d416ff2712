"""The scripts that the model follows, by name, and which one a task asks for.

A task names one as `scenario:NAME` or `scenario:NAME:NUMBER`; any other text is taken for what it asks.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vps.testing.model.conversation import Conversation
from vps.testing.model.repair import repair
from vps.testing.model.reply import ERROR_TYPES, Ending, Fault, Reply, Text, Thinking, ToolUse, bash, say
from vps.testing.model.talk import is_talk, talk

Answer = Reply | Fault
Script = Callable[[Conversation, int], Answer]
"""What the model says next, from the conversation and the scenario's number."""

_NAMED = re.compile(r"\bscenario:(?P<name>[a-z][a-z0-9-]*)(?::(?P<number>\d+))?")
_WANTS_REPAIR = re.compile(r"\badd\b", re.IGNORECASE)
_REPAIRS = re.compile(r"\b(fix|repair|correct|bug|broken|test)", re.IGNORECASE)
_MAX_BASH_MS = 600_000


@dataclass(frozen=True)
class Scenario:
    """A script, what it does in a few words, and the number it takes when the task gives none."""

    script: Script
    about: str
    number: int = 0


def steps(*answers: Answer) -> Script:
    """A script that gives one of `answers` per round of tool results, and the last one from there on."""
    return lambda conversation, _number: answers[min(len(conversation.rounds), len(answers) - 1)]


def next_answer(conversation: Conversation) -> Answer:
    """What the model says next: a pure function of the conversation, so that one server serves any number of agents."""
    named = _NAMED.search(conversation.task)
    if named is None:
        return talk(conversation) if is_talk(conversation) else _free(conversation)
    scenario = SCENARIOS.get(named["name"])
    if scenario is None:
        return say(f"I know no scenario `{named['name']}`. I know: {', '.join(SCENARIOS)}.")
    return scenario.script(conversation, int(named["number"] or scenario.number))


def _free(conversation: Conversation) -> Answer:
    if _WANTS_REPAIR.search(conversation.task) and _REPAIRS.search(conversation.task):
        return repair(conversation)
    return _introduce(conversation, 0)


def _introduce(conversation: Conversation, _number: int) -> Answer:
    if not conversation.rounds:
        look = "pwd; git log --oneline -5 2>/dev/null; ls -la"
        return bash(look, "List the workspace", before="Let me see what is in the workspace.")
    seen = conversation.result(0)
    names = ", ".join(f"`{name}`" for name in SCENARIOS)
    return say(
        "I am the **scripted model** that comes with the demo, not a real Claude: I can't think about your task. "
        f"The agent around me is real, though, and this is what it found in the workspace:\n\n"
        f"```\n{seen.text.strip()}\n```\n\nWhat I can really do:\n\n"
        "- `fix add() and add a test` – repairs the sample repository and runs the test\n"
        f"- `scenario:NAME` – plays one of: {names}\n\n"
        "With `ANTHROPIC_API_KEY` or `CLAUDE_CODE_OAUTH_TOKEN` set, the real model answers instead of me."
    )


def _ask(conversation: Conversation, _number: int) -> Answer:
    if conversation.rounds:
        return say(f"Heard: {conversation.result(0).text}")
    options = [{"label": "Postgres", "description": "A server."}, {"label": "SQLite", "description": "A file."}]
    asked = {"question": "Which database?", "header": "Storage", "options": options, "multiSelect": False}
    return Reply((Text("One thing first."), ToolUse("AskUserQuestion", {"questions": [asked]})))


def _ask_several(conversation: Conversation, _number: int) -> Answer:
    if conversation.rounds:
        return say(f"Heard: {conversation.result(0).text}")
    letters = [{"label": letter, "description": f"The letter {letter}."} for letter in "ABCD"]
    yes_no = [{"label": label, "description": ""} for label in ("Yes", "No")]
    asked = [
        {"question": "Which letters?", "header": "Letters", "options": letters, "multiSelect": True},
        {"question": "With tests?", "header": "Tests", "options": yes_no, "multiSelect": False},
    ]
    return Reply((ToolUse("AskUserQuestion", {"questions": asked}),))


def _plan(conversation: Conversation, _number: int) -> Answer:
    if not conversation.rounds:
        return Reply((ToolUse("ExitPlanMode", {"plan": _PLAN}),))
    last = conversation.result(-1)
    if last.call.name == "ExitPlanMode" and not last.is_error:
        return bash("echo planned > planned.txt; cat planned.txt", "Do it")
    return say(f"It went so: {last.text.strip()}")


def _permit(conversation: Conversation, _number: int) -> Answer:
    done = len(conversation.rounds)
    if done == 0 or (done == 1 and not conversation.result(0).is_error):
        return bash("echo permitted > permitted.txt", "Write a file")
    return say(f"It went so: {conversation.result(-1).text.strip() or 'done'}")


def _failing_tool(conversation: Conversation, _number: int) -> Answer:
    if not conversation.rounds:
        return bash("echo 'no such module' >&2; exit 3", "Run the build", before="Building.")
    if len(conversation.rounds) == 1:
        return Reply((ToolUse("Read", {"file_path": "/nonexistent/setup.cfg"}),))
    return say(f"The build fails and its configuration is missing: {conversation.result(-1).text.strip()}")


def _attached(conversation: Conversation, _number: int) -> Answer:
    if conversation.rounds:
        return say(f"I read: {conversation.result(0).text.strip()}")
    paths = " ".join(re.findall(r"/attachments/\S+\.txt", conversation.task))
    return bash(f"cat {paths}; touch {paths} 2>&1; grep ' /attachments ' /proc/mounts", "Read what is attached")


def _error(_conversation: Conversation, status: int) -> Answer:
    return Fault(status, f"Scripted error {status}", {"retry-after": "1"} if status == 429 else {})


def _error_then_ok(conversation: Conversation, status: int) -> Answer:
    return _error(conversation, status) if conversation.attempt == 1 else say("Back after an error.")


def _opus_overloaded(conversation: Conversation, _number: int) -> Answer:
    return Fault(529, "Overloaded") if "opus" in conversation.model else say(f"{conversation.model} answers instead.")


def _usage_limit(conversation: Conversation, reset_at: int) -> Answer:
    if conversation.attempt > 1:
        return say("Back after the limit.")
    limits = {"status": "rejected", "reset": str(reset_at), "representative-claim": "five_hour"}
    headers = {f"anthropic-ratelimit-unified-{name}": value for name, value in limits.items()}
    return Fault(429, "This request would exceed your account's rate limit.", headers)


def unknown_model(model: str) -> Fault:
    """The API's answer to a model that it does not serve."""
    return Fault(404, f"model: {model}")


def _endless(conversation: Conversation, _number: int) -> Answer:
    return bash(f"echo round {len(conversation.rounds) + 1}", "Go on")


def _big_output(conversation: Conversation, size: int) -> Answer:
    if conversation.rounds:
        return say(f"That printed {size} bytes.")
    return bash(f"yes 'a line of the big output' | head -c {size}", "Print a lot")


def _dotenv(conversation: Conversation, _number: int) -> Answer:
    if not conversation.rounds:
        return bash("pwd; cat .env; exit 3", "Read the settings", before="Looking at `.env`.")
    seen = conversation.result(0).text
    if len(conversation.rounds) == 1:
        directory = next(line for line in seen.split("\n") if line.startswith("/"))
        return Reply((ToolUse("Write", {"file_path": f"{directory}/settings.txt", "content": seen}),))
    return say(f"It says:\n\n```sh\n{seen.strip()}\n```\n\n{seen}")


def _sleep(conversation: Conversation, seconds: int) -> Answer:
    if conversation.rounds:
        return say("The long command has ended.")
    return bash(f"sleep {seconds}", "Wait", before="This takes a while.", timeout=_MAX_BASH_MS)


def _memory(conversation: Conversation, mib: int) -> Answer:
    if conversation.rounds:
        return say(f"The allocation ended: {conversation.result(0).text.strip()}")
    grow = f"held = [b'x' * 2**20 for _ in range({mib})]; print(len(held), 'MiB')"
    return bash(f'python3 -c "{grow}"', "Allocate memory", timeout=_MAX_BASH_MS)


def _slow(_conversation: Conversation, pause_ms: int) -> Answer:
    words = " ".join(f"word-{number:03}" for number in range(1, 101))
    return Reply((Text(words),), pause_s=pause_ms / 1000)


def _words(_conversation: Conversation, count: int) -> Answer:
    return Reply(tuple(Text(f"word {number}") for number in range(1, count + 1)))


def _many_tools(conversation: Conversation, count: int) -> Answer:
    done = len(conversation.rounds)
    return bash(f"echo tool {done + 1}", f"Step {done + 1}") if done < count else say(f"{count} tools ran.")


def _counting(conversation: Conversation, count: int) -> Answer:
    number = len(conversation.rounds) + 1
    return bash("sleep 0.2", "Wait", before=f"line {number:06}") if number < count else say(f"line {number:06}")


def _cut(ending: Ending) -> Script:
    return steps(
        Reply((Text("This answer is cut short after its first few words, and never completed."),), ending=ending)
    )


_COLOURS = (
    "printf '\\033[1;31mred\\033[0m \\033[32mgreen\\033[0m\\r\\n'; "
    "printf 'naïve 日本語 🙂 \\342\\200\\250 \\377 end\\n'"
)
_STUBBORN = "exec bash -c 'trap \"\" TERM INT HUP; while :; do sleep 1; done'"
_ENVIRONMENT = (
    "env | sort; echo; tr '\\0' '\\n' < /proc/$PPID/environ; tr '\\0' ' ' < /proc/$PPID/cmdline; "
    "ls -l /proc/self/fd /proc/$PPID/fd; id; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n' | sort -u"
)
_SURVEY = "pwd; ls -la . .claude 2>/dev/null; head -c 2000 CLAUDE.md .mcp.json .claude/settings.json 2>&1; true"
_MARKDOWN = (
    "# Report\n\nA paragraph with **bold**, *italics*, `code` and a [link](https://example.org).\n\n"
    "1. First\n2. Second\n   - nested\n\n| name | value |\n|---|---|\n| a | 1 |\n\n> quoted\n\n```python\n"
    + "".join(f"def function_{number}() -> int:\n    return {number}\n\n\n" for number in range(80))
    + "```\n\nThe end."
)
_PLAN = "# The plan\n\n1. Write `planned.txt`\n2. Read it back"
_PINGS = "@everyone @here <@123456789012345678> <@&123456789012345678> <#123456789012345678> and `@everyone`"
_TODO = (
    *(
        Reply((ToolUse("TaskCreate", {"subject": subject, "description": f"{subject}.", "activeForm": subject}),))
        for subject in ("Read the code", "Write the test")
    ),
    *(
        Reply((ToolUse("TaskUpdate", {"taskId": task, "status": status}),))
        for task in ("1", "2")
        for status in ("in_progress", "completed")
    ),
)
_SUBAGENT = ToolUse(
    "Agent", {"description": "Look around", "prompt": "scenario:hostile", "subagent_type": "general-purpose"}
)
_PARALLEL = Reply(
    (
        Text("Both at once."),
        ToolUse("Bash", {"command": "sleep 0.3; echo slow", "description": "Slow"}),
        ToolUse("Bash", {"command": "echo fast", "description": "Fast"}),
    )
)

SCENARIOS: Mapping[str, Scenario] = {
    "fix": Scenario(lambda conversation, _number: repair(conversation), "repairs add(), adds a test and runs it"),
    "introduce": Scenario(_introduce, "lists the workspace and says what this model is"),
    "ok": Scenario(steps(say("All is well.")), "one line of text"),
    "thinking": Scenario(steps(Reply((Thinking("Two and two make four."), Text("Four.")))), "a thought and a line"),
    "markdown": Scenario(steps(say(_MARKDOWN)), "a long Markdown answer with a fence and a table"),
    "pings": Scenario(steps(say(_PINGS)), "text with Discord mentions"),
    "words": Scenario(_words, "NUMBER text blocks in one message", 30),
    "failing-tool": Scenario(_failing_tool, "two tools that fail"),
    "tools": Scenario(_many_tools, "NUMBER Bash calls one after the other", 20),
    "count": Scenario(_counting, "NUMBER numbered lines, a moment apart", 20),
    "attached": Scenario(_attached, "reads the text files that are attached to the message"),
    "parallel": Scenario(steps(_PARALLEL, say("Both are done.")), "two Bash calls in one message"),
    "endless": Scenario(_endless, "one Bash call after the other, without end"),
    "ask": Scenario(_ask, "a question with two options"),
    "ask-several": Scenario(_ask_several, "two questions at once, one with several answers"),
    "plan": Scenario(_plan, "a plan to approve, for permission_mode plan"),
    "permit": Scenario(_permit, "a command that takes a permission, twice, for permission_mode default"),
    "error": Scenario(
        _error, f"API error NUMBER every time: one of {sorted(ERROR_TYPES)}; 429 with retry-after 1", 500
    ),
    "error-then-ok": Scenario(_error_then_ok, "API error NUMBER, then an answer", 500),
    "opus-overloaded": Scenario(
        _opus_overloaded, "529 to every Opus model, an answer from the others (for a fallback)"
    ),
    "usage-limit": Scenario(
        _usage_limit, "429 as a subscription gets it, at first; resets at epoch NUMBER", 4_102_444_800
    ),
    "unknown-model": Scenario(lambda conversation, _number: unknown_model(conversation.model), "404 for the model"),
    "prompt-too-long": Scenario(steps(Fault(400, "prompt is too long: 250000 tokens > 200000 maximum")), "400"),
    "refusal": Scenario(
        steps(Reply((), stop_reason="refusal", explanation="This request was declined by the script.")),
        "stop_reason refusal",
    ),
    "max-tokens": Scenario(steps(Reply((Text("This goes on and"),), stop_reason="max_tokens")), "cut at max_tokens"),
    "empty": Scenario(steps(Reply(())), "an answer without content"),
    "big-output": Scenario(_big_output, "a tool that prints NUMBER bytes", 102_400),
    "unicode": Scenario(steps(bash(_COLOURS, "Colours"), say("ünï ✓ 🙂 \x1b[31mred\x1b[0m a\u2028b")), "unicode, ANSI"),
    "dotenv": Scenario(_dotenv, "a tool that prints .env and fails, a copy of it, and its text"),
    "sleep": Scenario(_sleep, "a tool that takes NUMBER seconds", 300),
    "timeout": Scenario(_sleep, "a tool that takes ten minutes", 600),
    "stubborn": Scenario(
        steps(bash(_STUBBORN, "Ignore signals", timeout=_MAX_BASH_MS), say("?")), "a tool that ignores TERM"
    ),
    "memory": Scenario(_memory, "a tool that allocates NUMBER MiB", 1_000_000),
    "environment": Scenario(
        steps(bash(_ENVIRONMENT, "Show the environment"), say("That is all.")), "tries to read secrets"
    ),
    "hostile": Scenario(steps(bash(_SURVEY, "Survey"), say("I have seen the repository.")), "lists what it sees"),
    "slow": Scenario(_slow, "a text with NUMBER ms between deltas", 200),
    "hang": Scenario(_cut("hang"), "a stream that falls silent after its first delta"),
    "drop": Scenario(_cut("drop"), "a stream whose connection closes after its first delta"),
    "stream-error": Scenario(_cut("error_event"), "a stream with an error event after its first delta"),
    "malformed": Scenario(_cut("malformed"), "a stream with a line that is no JSON"),
    "subagent": Scenario(steps(Reply((_SUBAGENT,)), say("The subagent has reported.")), "an agent of its own"),
    "todo": Scenario(steps(*_TODO, say("Everything on the list is done.")), "a todo list"),
    "background": Scenario(
        steps(
            bash("sleep 1; echo built", "Build in the background", run_in_background=True),
            say("The build runs in the background."),
            say("The build has ended."),
        ),
        "a background command: two results",
    ),
}
"""Every scenario by name."""
