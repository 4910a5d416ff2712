"""The machine: SSH, Docker, run directories and the event log of one host."""
