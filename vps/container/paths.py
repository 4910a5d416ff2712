"""Where everything stands in the container."""

from __future__ import annotations

RUN = "/run/agentflow"
ARGV = RUN + "/in/argv"
ARGV_RESUME = RUN + "/in/argv-resume"
ENVIRON = RUN + "/in/environ"
SECRETS = RUN + "/in/secrets"
FURNITURE = RUN + "/in/home"
LIMITS = RUN + "/in/limits.json"
INBOX = RUN + "/in/inbox.jsonl"
INBOX_SHUT = RUN + "/out/inbox-shut"
NOTICES = RUN + "/net/notices.jsonl"
EGRESS = RUN + "/net/egress.sock"
LOG = RUN + "/out/out.jsonl"
ERRORS = RUN + "/out/err.log"
TURN = RUN + "/out/turn.json"
RESERVE = RUN + "/out/reserve"
EXIT = RUN + "/out/exit.json"
OUT = RUN + "/out"
HOME = "/home/claude"
TRANSCRIPTS = HOME + "/.claude/projects"
CACHE = "/var/cache/agent"
ATTACHMENTS = "/attachments"

AGENT_ID = 1001
"""uid and gid of the image's user `claude`."""

CLI_GROUP = 65530
"""The image's group that may read the CLI's binary. An agent in it may use what is that group's: an id that neither Debian nor
systemd gives out, and that a Docker with 65,536 ids has."""

SCRATCH = ("/tmp", "/var/tmp")
"""Volumes of the container's own; they belong to root alone until the supervisor opens them."""
