"""The main job on one machine: an embedded Discord, this machine as the VPS through a real sshd, real Docker, the real CLI."""
