"""Making the agent image on the host, as values."""

from __future__ import annotations

from vps.shell import Cmd, cmd

LABEL_KIND = "agentflow.image"
LABEL_INPUTS = "agentflow.inputs"
HELD = b"held"
_LOCK_SECONDS = 7200


def labels(image: str) -> Cmd:
    """Prints an image's labels as a JSON object, or null; fails where there is no such image."""
    return cmd("docker", "image", "inspect", "--format", "{{json .Config.Labels}}", image)


def exists(image: str) -> Cmd:
    """Ends with 0 if the host has the image."""
    return cmd("docker", "image", "inspect", "--format", "{{.Id}}", image)


def pull(image: str, *, seconds: int) -> Cmd:
    """Fetch an image from its registry, given up after so many seconds (exit code 124)."""
    return cmd("timeout", seconds, "docker", "pull", "--quiet", image)


def build(directory: str, *, image: str, base: str, version: str, inputs: str) -> Cmd:
    """Build from the context in `directory`, with all output on stdout whichever builder it is.

    The host's network is used, so that it works where the host reaches the package registries, however that is set up.
    """
    arguments = {"BASE_IMAGE": base, "CLAUDE_CODE_VERSION": version, "AGENTFLOW_INPUTS": inputs}
    return merged(
        cmd(
            "docker", "build", "--network", "host", "--force-rm", "--file", f"{directory}/Dockerfile.claude-code",
            "--tag", image, [("--build-arg", f"{name}={value}") for name, value in arguments.items()], directory,
        )
    )  # fmt: skip


def merged(command: Cmd) -> Cmd:
    """The same, with its stderr on stdout."""
    return cmd("sh", "-c", 'exec "$@" 2>&1', "sh", command.argv)


def hold_lock() -> Cmd:
    """Wait for the host's one build lock, print HELD, and keep it until stdin ends, two hours at most.

    The lock is on the directory itself: any user can open it, and no file of one user stands in another's way.
    """
    script = f"echo {HELD.decode()}; exec timeout {_LOCK_SECONDS} cat"
    return cmd("flock", "--exclusive", "/run/lock", "sh", "-c", script)


def host_roots() -> Cmd:
    """The certificates an administrator added to the host's (update-ca-certificates(8)): a company's proxy, mostly."""
    return cmd("find", "/usr/local/share/ca-certificates", "-name", "*.crt", "-exec", "cat", "{}", "+")


def codename() -> Cmd:
    """The codename of the host's distribution, a line (os-release(5))."""
    return cmd("sh", "-c", '. /etc/os-release && echo "${VERSION_CODENAME-}"')


def make_base(script: str, image: str, directory: str) -> Cmd:
    """Run the copied `vps/host/make_base.sh`."""
    return merged(cmd("sh", script, image, directory))


def prune() -> Cmd:
    """Remove our images that no name and no container holds: the one that was replaced, the steps of a failed build."""
    return cmd("docker", "image", "prune", "--force", "--filter", f"label={LABEL_KIND}")


def remove(image: str) -> Cmd:
    """Take a name off an image; the image goes with its last one, unless a container uses it."""
    return cmd("docker", "image", "rm", image)


def ours() -> Cmd:
    """Prints the names of all images that were built from our Dockerfile, a line each."""
    return cmd("docker", "image", "ls", "--filter", f"label={LABEL_KIND}", "--format", "{{.Repository}}:{{.Tag}}")


def bases() -> Cmd:
    """Prints the bases that were made on the host, a line each."""
    return cmd("docker", "image", "ls", "--filter", "reference=agentflow-base", "--format", "{{.Repository}}:{{.Tag}}")
