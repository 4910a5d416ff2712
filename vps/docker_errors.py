"""Why a docker command failed, in the words of a person who can mend it."""

from __future__ import annotations

from vps.errors import CommandFailed, DiskFull, DockerUnavailable, VpsError


def docker_error(error: CommandFailed) -> VpsError:
    """The failure as what it means; itself where nothing more is known."""
    # Docker's command line has one exit code (125) for all of its own errors: only its text tells them apart.
    text = error.stderr
    if "Cannot connect to the Docker daemon" in text or "command not found" in text or error.exit_code == 127:
        return DockerUnavailable("No Docker engine answers on the host.", remedy="Install or start Docker there.")
    if "permission denied" in text and "docker.sock" in text:
        remedy = "Add the user to the group docker there, or use root."
        return DockerUnavailable("The SSH user may not use Docker.", remedy=remedy)
    if "no space left on device" in text.lower():
        return DiskFull("The host has no disk left for another container.", remedy="Free some with `agentflow prune`.")
    return error
