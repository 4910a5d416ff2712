"""Entry point of the scripts that are copied to the host: `python3 <lib>/vps/remote.py VERB [ROOT]`, a request as JSON on stdin.

It is a file of its own beside the packages because the container's interpreter runs isolated (`-I`), without a search path.
"""

from __future__ import annotations

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(_HERE))


def main() -> int:
    """Run one verb; its exit code."""
    verb = sys.argv[1]
    if verb == "supervise":
        from vps.container.supervisor import main as supervise

        return supervise()
    root = sys.argv[2]
    if verb == "relay":
        from vps.host.relay import main as relay

        return relay(root)
    if verb in ("keeper", "keeper-stop"):
        from vps.host import keeper

        return keeper.main(root) if verb == "keeper" else keeper.stop(root)
    return _answer(verb, root)


def _answer(verb: str, root: str) -> int:
    import json

    from vps.host import facts, prune, runs

    request = json.loads(sys.stdin.buffer.read() or b"{}")
    try:
        if verb == "facts":
            answer = facts.facts(root, request)
        elif verb == "reach":
            answer = facts.reach(root, request)
        elif verb == "prepare":
            answer = runs.prepare(root, request)
        elif verb == "describe":
            answer = runs.describe(root, request)
        elif verb == "append":
            answer = runs.append(root, request)
        elif verb == "discard":
            prune.discard(root, request["name"])
            answer = {}
        else:
            answer = {"pruned": prune.prune(root, request["max_age_s"], request["max_bytes"])}
    except runs.Refused as refused:
        answer = {"refused": refused.answer}
    except OSError as error:
        answer = {"refused": {"field": "host", "message": f"{type(error).__name__}: {error}", "remedy": ""}}
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
