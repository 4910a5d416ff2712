"""Making the agent image on the host, as values."""

from __future__ import annotations

from vps.shell import Cmd, Command, both, cmd, pipe

LABEL = "agentflow.inputs"


def label(image: str) -> Cmd:
    """Prints the hash of what an image was built from and its id; fails where there is no such image."""
    return cmd("docker", "image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}} {{{{.Id}}}}', image)


def exists(image: str) -> Cmd:
    """Ends with 0 if the host has the image."""
    return cmd("docker", "image", "inspect", "--format", "{{.Id}}", image)


def pull(image: str) -> Cmd:
    """Fetch an image from its registry."""
    return cmd("docker", "pull", "--quiet", image)


def build(directory: str, *, image: str, base: str, version: str, inputs: str, lock: str) -> Cmd:
    """Build, with its progress on stdout whichever builder it is; a second control plane waits for the first.

    The host's network is used, so that it works where the host reaches the package registries, however that is set up.
    """
    words = cmd(
        "flock", lock, "docker", "build", "--network", "host", "--file", f"{directory}/Dockerfile.claude-code", "--tag", image,
        "--build-arg", f"BASE_IMAGE={base}", "--build-arg", f"CLAUDE_CODE_VERSION={version}",
        "--build-arg", f"AGENTFLOW_INPUTS={inputs}", directory,
    )  # fmt: skip
    return merged(words)


def merged(command: Cmd) -> Cmd:
    """The same, with its stderr on stdout."""
    return cmd("sh", "-c", 'exec "$@" 2>&1', "sh", command.argv)


def host_roots() -> Cmd:
    """The certificates an administrator added to the host's (update-ca-certificates(8)): a company's proxy, mostly."""
    return cmd("find", "/usr/local/share/ca-certificates", "-name", "*.crt", "-exec", "cat", "{}", "+")


def release() -> Cmd:
    """The host's distribution (os-release(5))."""
    return cmd("cat", "/etc/os-release")


def has_debootstrap() -> Cmd:
    """Ends with 0 if the host can make a base of its own."""
    return cmd("sh", "-c", "command -v debootstrap")


def install_debootstrap() -> Command:
    """Needs root."""
    quiet = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y")
    return both(cmd(quiet, "update"), cmd(quiet, "install", "--no-install-recommends", "debootstrap", "ca-certificates"))


def debootstrap(codename: str, directory: str, components: str) -> Cmd:
    """A minimal system from the distribution's own packages."""
    return merged(cmd("debootstrap", "--variant=minbase", f"--components={components}", codename, directory))


def import_tree(directory: str, image: str) -> Command:
    """A directory tree as an image."""
    return pipe(cmd("tar", "-C", directory, "-c", "."), cmd("docker", "import", "-", image))


def remove(image_id: str) -> Cmd:
    """Remove an image that nothing uses any more; refused by Docker while something does."""
    return cmd("docker", "image", "rm", image_id)
