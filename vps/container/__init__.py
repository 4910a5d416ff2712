"""What runs inside an agent's container as root beside the CLI: standard library only, mounted read-only."""
