"""How a run ended, judged from what the CLI said, what the supervisor saw and what Docker knows. Nothing is guessed from text.

The rules are measured with CLI 2.1.197: `subtype: success` with `is_error` is a failure, an exit code of 0 without a result
too, and Docker's OOMKilled alone is none, since the kernel may have taken a child only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from vps.events import types as t
from vps.tally import Tally

SIGKILL, SIGTERM = 9, 15
_KILLED, _TERMINATED = 128 + SIGKILL, 128 + SIGTERM


class Ending(StrEnum):
    """The kinds of end a person has to tell apart."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    LIMITED = "limited"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    VANISHED = "vanished"
    HUNG = "hung"


class SupervisorExit(BaseModel):
    """`exit.json`, times in epoch seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    reason: Literal["completed", "timeout", "stopped", "disk_full", "disk_ceiling", "failed_to_start", "hung"] = (
        "completed"
    )
    exit_code: int | None = None
    signal: int | None = None
    started_at: float = 0.0
    ended_at: float = 0.0
    detail: str = ""

    @property
    def code(self) -> int | None:
        """The CLI's exit code as a shell gives it: 128 + N for death by signal N."""
        return 128 + self.signal if self.exit_code is None and self.signal is not None else self.exit_code


class DockerExit(BaseModel):
    """`docker.json`: the container's last state."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = ""
    state: Literal["exited", "vanished", "withdrawn", "refused"] = "exited"
    """`withdrawn` by somebody or `refused` by the engine: there never was a container."""
    exit_code: int | None = None
    oom_killed: bool = False
    started_at: str = ""
    finished_at: str = ""
    error: str = ""
    killed_for: Literal["timeout", "log_size"] | None = None
    cause: Literal["reboot", "engine"] | None = None
    """What took more than this container with it."""


def supervisor_exit(record: object) -> SupervisorExit | None:
    """`exit.json` as it was read; None where there is none, or none that can be understood."""
    try:
        return SupervisorExit.model_validate(record) if record else None
    except ValidationError:
        return None


def docker_exit(record: object) -> DockerExit | None:
    """`docker.json` as it was read; one that cannot be understood tells that it ended, and no more."""
    try:
        return DockerExit.model_validate(record) if record else None
    except ValidationError:
        return DockerExit()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end: its kind, a sentence why, and what one can do about it."""

    ending: Ending
    reason: str
    remedy: str = ""


def judge(tally: Tally, supervisor: SupervisorExit | None, docker: DockerExit | None) -> Outcome:
    """The first of these rules that holds: never started, taken along, ended by us, died, said how it ended, or said nothing.

    A turn that began and gave no result counts as such, whatever the one before it gave.
    """
    result = None if tally.in_turn else tally.result
    code = supervisor.code if supervisor else docker.exit_code if docker else None
    return (
        _never_started(docker)
        or _taken_along(supervisor, docker)
        or _ended_by_us(supervisor, docker)
        or _died(result, code, supervisor, docker)
        or (_said(tally, result, code) if result else None)
        or _silent(supervisor, docker)
    )


def judge_turn(tally: Tally) -> Outcome:
    """How a turn ended whose CLI waits for the next one."""
    if tally.in_turn or tally.result is None:
        return Outcome(Ending.FAILED, "The CLI gave no result.", "Read its errors in /output.")
    return _said(tally, tally.result, 0)


def _never_started(docker: DockerExit | None) -> Outcome | None:
    if docker and docker.state == "withdrawn":
        return Outcome(Ending.STOPPED, "Stopped before it started.")
    if docker and docker.state == "refused":
        reason = f"Docker did not start it when its turn came: {docker.error}"
        return Outcome(Ending.FAILED, reason, "Run `agentflow doctor`, then spawn it again.")
    return None


def _taken_along(supervisor: SupervisorExit | None, docker: DockerExit | None) -> Outcome | None:
    """A container that goes with Docker or the machine is told to stop like any other, if it is told at all."""
    if docker is None or docker.cause is None or (supervisor and supervisor.reason != "stopped"):
        return None
    what = "The VPS was restarted." if docker.cause == "reboot" else "Docker was stopped or restarted on the VPS."
    return Outcome(Ending.STOPPED, what, "Its log and its workspace are kept; spawn it again to go on.")


def _ended_by_us(supervisor: SupervisorExit | None, docker: DockerExit | None) -> Outcome | None:
    killed_for = docker.killed_for if docker else None
    if killed_for == "log_size":
        return Outcome(Ending.LIMITED, "Its log passed 1 GiB.", "Ask for less output, or for it in a file.")
    if killed_for == "timeout" or (supervisor and supervisor.reason == "timeout"):
        return Outcome(
            Ending.TIMED_OUT, "The turn took longer than its timeout.", "Reply to go on: a turn has that long again."
        )
    return _ended_by_supervisor(supervisor) if supervisor else None


def _ended_by_supervisor(supervisor: SupervisorExit) -> Outcome | None:
    if supervisor.reason == "stopped":
        return Outcome(Ending.STOPPED, "It was stopped.")
    if supervisor.reason == "hung":
        reason = f"It hung, and resuming it in its session did not help ({supervisor.detail})."
        remedy = "Read in /output what it did last, leave that out of the task, and spawn it again."
        return Outcome(Ending.HUNG, reason, remedy)
    if supervisor.reason == "disk_ceiling":
        reason = f"It passed its disk ceiling: it added {supervisor.detail}."
        remedy = (
            "Nothing was removed: look in its workspace for what is not needed, or spawn it again with more `disk`."
        )
        return Outcome(Ending.LIMITED, reason, remedy)
    if supervisor.reason == "disk_full":
        remedy = "Free some with `agentflow prune` or `docker system prune`, then spawn it again."
        return Outcome(Ending.FAILED, "The host's disk is full.", remedy)
    if supervisor.reason == "failed_to_start":
        return Outcome(Ending.FAILED, f"It could not start: {supervisor.detail}.", "Run `agentflow doctor`.")
    return None


def _died(
    result: t.Result | None, code: int | None, supervisor: SupervisorExit | None, docker: DockerExit | None
) -> Outcome | None:
    if supervisor is None and (docker is None or docker.state == "vanished"):
        remedy = "Somebody may have removed the container by hand; its log is kept."
        return Outcome(Ending.VANISHED, "Its container is gone without a trace.", remedy)
    if docker and docker.oom_killed and (code == _KILLED or result is None):
        return Outcome(Ending.OUT_OF_MEMORY, "It ran out of memory.", "Spawn it again with more `memory`.")
    if code == _TERMINATED and supervisor is None:
        # A supervisor takes the signal and writes down that it was stopped, but for its first moments.
        return Outcome(Ending.STOPPED, "It was stopped as it started.")
    if code == _KILLED and supervisor is None:
        return Outcome(Ending.STOPPED, "Its container was killed from outside.")
    if code == _KILLED:
        # The supervisor lived to tell it, so it was not the container that was killed.
        return Outcome(Ending.FAILED, "Its CLI was killed in its container, maybe by one of its own commands.")
    return None


def _said(tally: Tally, result: t.Result, code: int | None) -> Outcome:
    if result.subtype == "error_during_execution" and (result.terminal_reason or "").startswith("aborted_"):
        return Outcome(Ending.INTERRUPTED, "The turn was interrupted.")
    if result.ok and code == 0:
        return Outcome(Ending.SUCCEEDED, "Done.")
    if result.ok:
        return Outcome(Ending.FAILED, f"It said it was done, but the CLI ended with exit code {code}.")
    return _limited(tally, result) or _refused(tally) or _api_failure(tally, result)


def _limited(tally: Tally, result: t.Result) -> Outcome | None:
    if result.subtype == "error_max_turns":
        return Outcome(Ending.LIMITED, "It reached its `max_turns`.", "Reply to go on: a turn has as many again.")
    if result.subtype == "error_max_budget_usd":
        return Outcome(
            Ending.LIMITED, "It reached its `max_budget_usd`.", "Add to it with `/budget`, then reply to go on."
        )
    if result.api_error_status != 429 and tally.error != "rate_limit":
        return None
    if tally.limit and tally.limit.status == "rejected":
        when = _when(tally.limit.resets_at)
        return Outcome(Ending.LIMITED, f"The subscription's limit is reached{when}.", "Wait, or set ANTHROPIC_API_KEY.")
    return Outcome(Ending.LIMITED, "The model's API limits the rate.", "Wait, or run fewer agents at once.")


def _when(epoch: float | None) -> str:
    try:
        return f" until {datetime.fromtimestamp(epoch, UTC):%Y-%m-%d %H:%M} UTC" if epoch else ""
    except (ValueError, OverflowError, OSError):
        return ""


def _refused(tally: Tally) -> Outcome | None:
    if tally.refusal is None:
        return None
    why = tally.refusal.explanation or tally.refusal.category
    return Outcome(Ending.REFUSED, f"The model declined{': ' + why if why else ''}.", "Word the task differently.")


_TOO_LONG = ("The conversation is too long for the model.", "Ask for less at once, or send /compact before.")
_UNREACHABLE = ("The model's API could not be reached.", "Check ANTHROPIC_BASE_URL and the VPS's network.")
_TERMINAL_REMEDIES = {"prompt_too_long": _TOO_LONG, "blocking_limit": _TOO_LONG}
_ERROR_REMEDIES = {
    "billing_error": ("The account has no credit left.", "Top it up under Plans & Billing, or use another credential."),
    "max_output_tokens": ("The model's answer was longer than it may be.", "Ask for the work in smaller parts."),
}
_API_REMEDIES = {
    401: ("The model's API did not accept the credential.", "Check ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN."),
    403: ("The credential may not do this.", "Check the organisation and the plan behind it."),
    404: ("The model is unknown.", "Check `model`."),
    413: ("The request was too large.", "Ask for less at once."),
    529: ("The model's API is overloaded.", "Try again later, or set `fallback_model`."),
}


def _api_failure(tally: Tally, result: t.Result) -> Outcome:
    said = (result.text or "; ".join(result.errors)).strip()
    status = _status(tally, result)
    known = (
        _TERMINAL_REMEDIES.get(result.terminal_reason or "")
        or _ERROR_REMEDIES.get(tally.error or "")
        or (_API_REMEDIES.get(status) if status is not None else _unreachable(tally))
    )
    if known:
        return Outcome(Ending.FAILED, f"{known[0]} {said}".strip(), known[1])
    if status is not None:
        reason = f"The model's API answered {status}. {said}"
        return Outcome(Ending.FAILED, reason.strip(), "Try again later." if status >= 500 else "")
    return Outcome(Ending.FAILED, said or f"The CLI ended with {tally.error or result.subtype}.")


def _status(tally: Tally, result: t.Result) -> int | None:
    """The result's; after repeated 529s it has none and the last wait has it (measured)."""
    if result.api_error_status is None and tally.error == "server_error" and tally.last_retry:
        return tally.last_retry.status
    return result.api_error_status


def _unreachable(tally: Tally) -> tuple[str, str] | None:
    return _UNREACHABLE if tally.error == "server_error" and tally.last_retry else None


def _silent(supervisor: SupervisorExit | None, docker: DockerExit | None) -> Outcome:
    code = supervisor.exit_code if supervisor else docker.exit_code if docker else None
    if supervisor and supervisor.signal is not None:
        return Outcome(
            Ending.FAILED, f"The CLI died of signal {supervisor.signal} without a result.", "Read `stderr` in /output."
        )
    detail = f" ({docker.error})" if docker and docker.error else ""
    return Outcome(
        Ending.FAILED,
        f"The CLI ended with exit code {code} and without a result{detail}.",
        "Read its errors in /output.",
    )
