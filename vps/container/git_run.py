"""git as a child process of a throwaway container: its environment, its errors, its progress."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from typing import Any

GIT_CONFIG = "/tmp/.gitconfig"
_PROGRESS_S = 0.5
_STEP = re.compile(r"(?:remote: )?([A-Z][a-z]+ing [a-z]+): .*")
_TAIL = 4000


class Refused(Exception):
    """The request cannot be met; the fields go back to the control plane."""

    def __init__(self, field: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.answer = {"refused": {"field": field, "message": message, "remedy": remedy}}


class Failed(Exception):
    """git ended with a code other than 0."""

    def __init__(self, words: tuple[str, ...], code: int, stderr: str) -> None:
        super().__init__(f"git {words[0]} ended with {code}: {stderr.strip()[-300:]}")
        self.stderr = stderr
        self.answer = {"failed": {"words": words[0], "code": code, "stderr": stderr[-_TAIL:]}}


def say(message: dict[str, Any]) -> None:
    """One JSON line to whoever started this container. Bytes that are no UTF-8, in a name for one, are told as U+FFFD."""
    line = re.sub("[\ud800-\udfff]", "\ufffd", json.dumps(message, ensure_ascii=False))
    sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.flush()


def environ(**more: str) -> dict[str, str]:
    """No configuration but the repository's own and ours, no prompt, no editor."""
    with open(GIT_CONFIG, "w", encoding="ascii") as file:
        file.write("[safe]\n\tdirectory = *\n")
    base = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/tmp",
        "LC_ALL": "C.UTF-8",
        "LANGUAGE": "en",
        "GIT_CONFIG_GLOBAL": GIT_CONFIG,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_EDITOR": "true",
        "GIT_ASKPASS": "/bin/false",
        "SSL_CERT_FILE": os.environ.get("SSL_CERT_FILE", ""),
        "GIT_SSL_CAINFO": os.environ.get("GIT_SSL_CAINFO", ""),
    }
    return {name: value for name, value in (base | more).items() if value}


def lines(*words: str) -> bytes:
    """Lines for git's stdin; names as git gave them, UTF-8 or not."""
    return "".join(f"{word}\n" for word in words).encode("utf-8", "surrogateescape")


class Git:
    """git with options that stand before every command."""

    def __init__(self, options: list[str], env: dict[str, str]) -> None:
        self._argv = ["git", *options]
        self._env = env

    def __call__(
        self,
        *words: str,
        data: bytes = b"",
        may_fail: bool = False,
        env: dict[str, str] | None = None,
        stdin: int | None = None,
        stdout: int | None = None,
    ) -> str:
        """Its output without the last line break. Raises Failed, unless that may be; then it is empty.

        It reads `data` or the descriptor `stdin`; what it writes to the descriptor `stdout` is not returned.
        """
        process = subprocess.Popen(
            [*self._argv, *words],
            env=self._env | (env or {}),
            stdin=subprocess.PIPE if stdin is None else stdin,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE,
        )
        output, errors = process.communicate(data if stdin is None else None)
        if process.returncode != 0:
            if may_fail:
                return ""
            raise Failed(words, process.returncode, errors.decode("utf-8", "replace"))
        return (output or b"").decode("utf-8", "surrogateescape").rstrip("\n")

    def holds(self, *words: str, env: dict[str, str] | None = None) -> bool:
        """Whether it ends with 0."""
        null, argv = subprocess.DEVNULL, [*self._argv, *words]
        whole = self._env | (env or {})
        return subprocess.run(argv, env=whole, stdin=null, stdout=null, stderr=null, check=False).returncode == 0

    def told(self, *words: str) -> str:
        """Run one that takes long, saying its progress as it goes; its output. Raises Failed."""
        process = subprocess.Popen(
            [*self._argv, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._env,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        errors, torn, step, said = "", "", "", 0.0
        while chunk := os.read(process.stderr.fileno(), 4096):
            *lines, torn = re.split(r"[\r\n]", torn + chunk.decode("utf-8", "replace"))
            for line in lines:
                found = _STEP.fullmatch(line.strip())
                if found is None:
                    errors = (errors + line + "\n")[-4 * _TAIL :]
                elif step != found[1] or time.monotonic() - said > _PROGRESS_S:
                    step, said = found[1], time.monotonic()
                    say({"progress": line.strip().removeprefix("remote: ")})
        output = process.stdout.read().decode("utf-8", "replace")
        if process.wait() != 0:
            # A porcelain command says on stdout what was rejected, and why.
            raise Failed(words, process.returncode, output + "\n" + errors + torn)
        return output.rstrip("\n")


def answered(work: Any) -> int:
    """Say what the work returns, or why it could not be done; the exit code."""
    try:
        say({"done": work()})
    except (Refused, Failed) as error:
        say(error.answer)
    except OSError as error:
        say({"refused": {"field": "host", "message": f"{type(error).__name__}: {error}", "remedy": ""}})
    return 0
