"""git's credential helper (gitcredentials(7)): gives the token to the one host it belongs to, and to no other."""

from __future__ import annotations

import sys

DIRECTORY = "/run/agentflow/secret"
TOKEN = DIRECTORY + "/token"
HOST = DIRECTORY + "/host"


def answer(asked: str, host: str, token: str) -> str:
    """What git is told for its question; nothing for another host, or for one without TLS that is not this machine."""
    fields = dict(line.split("=", 1) for line in asked.splitlines() if "=" in line)
    where, protocol = fields.get("host", ""), fields.get("protocol")
    name = where.rsplit(":", 1)[0] if not where.endswith("]") else where
    loopback = name in ("127.0.0.1", "localhost", "[::1]")
    if where.lower() != host.lower() or not (protocol == "https" or (protocol == "http" and loopback)):
        return ""
    return f"username=x-access-token\npassword={token}\n"


def main() -> int:
    """`get` is answered; `store` and `erase` are none of ours."""
    asked = sys.stdin.read()
    if sys.argv[-1] == "get":
        with open(HOST, encoding="utf-8") as host, open(TOKEN, encoding="utf-8") as token:
            sys.stdout.write(answer(asked, host.read(), token.read()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
