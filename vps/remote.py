"""Entry point of the scripts that are copied to the host: `python3 <lib>/vps/remote.py relay|keeper ROOT`, and in containers
`supervise`, `tree`, `vault` or `gateway`.

It is a file of its own beside the packages because the container's interpreter runs isolated (`-I`), without a search path.
"""

from __future__ import annotations

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(_HERE))


def main() -> int:
    """Become one of them; its exit code."""
    role = sys.argv[1]
    if role == "supervise":
        from vps.container.supervisor import main as supervise

        return supervise()
    if role == "tree":
        from vps.container.tree import main as tree

        return tree()
    if role == "vault":
        from vps.container.vault import main as vault

        return vault()
    if role == "gateway":
        from vps.proxy.main import main as gateway

        return gateway()
    root = sys.argv[2]
    if role == "keeper":
        from vps.host.keeper import main as keep

        return keep(root)
    from vps.host.relay import main as relay

    return relay(root)


if __name__ == "__main__":
    sys.exit(main())
