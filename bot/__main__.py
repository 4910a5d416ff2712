"""The command `agentflow`: `bot` starts the bot, every other verb is the command line's."""

from __future__ import annotations

import sys

from agents.config import load
from agents.surfaces.cli import main as cli
from agents.surfaces.cli import reported


def main(argv: list[str] | None = None) -> int:
    """Run one verb; its exit code."""
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == ["bot"] and not words[1:]:
        return _bot()
    return cli(words)


def _bot() -> int:
    from bot import service  # noqa: PLC0415  Discord's library takes half a second to import, and no other verb uses it

    return reported(lambda: service.run(load()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["bot"]))
