"""Where everything stands in the container."""

from __future__ import annotations

RUN = "/run/agentflow"
ARGV = RUN + "/in/argv"
ARGV_RESUME = RUN + "/in/argv-resume"
ENVIRON = RUN + "/in/environ"
LIMITS = RUN + "/in/limits.json"
INBOX = RUN + "/in/inbox.jsonl"
INBOX_SHUT = RUN + "/out/inbox-shut"
CREDENTIALS = RUN + "/key/environ"
LOG = RUN + "/out/out.jsonl"
ERRORS = RUN + "/out/err.log"
TURN = RUN + "/out/turn.json"
RESERVE = RUN + "/out/reserve"
EXIT = RUN + "/out/exit.json"

AGENT_ID = 1001
"""uid and gid of the image's user `claude`."""
