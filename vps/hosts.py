"""Hosts that agents may reach: those every restricted one may, and what a host is where people name further ones."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

import idna

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_LONGEST_NAME, _LONGEST = 253, 300

# What each package manager and git host really fetches from. `:443` leaves plain HTTP out.
_ENCRYPTED = (
    # https://docs.github.com/en/actions/reference/runners/self-hosted-runners (accessible domains by function);
    # codeload has archives, the S3 bucket the files of Git LFS.
    "github.com", "api.github.com", "codeload.github.com", "raw.githubusercontent.com", "objects.githubusercontent.com",
    "release-assets.githubusercontent.com", "media.githubusercontent.com", "github-cloud.githubusercontent.com",
    "github-cloud.s3.amazonaws.com",
    # https://docs.gitlab.com/user/gitlab_com/ and its static host for packages
    "gitlab.com", "cdn.artifacts.gitlab-static.net",
    # https://support.atlassian.com/bitbucket-cloud/docs/what-are-the-bitbucket-cloud-ip-addresses-i-should-use-to-configure-my-corporate-firewall/
    "bitbucket.org", "api.bitbucket.org", "bbuseruploads.s3.amazonaws.com",
    "codeberg.org",
    # npm's own default (npm help config, registry); node-gyp fetches headers from nodejs.org (its README, disturl).
    "registry.npmjs.org", "nodejs.org",
    # Yarn 1 and its later releases (https://yarnpkg.com/configuration/yarnrc#npmRegistryServer, corepack's config.json)
    "registry.yarnpkg.com", "repo.yarnpkg.com",
    # https://docs.pypi.org/api/: the index, and where its files are
    "pypi.org", "files.pythonhosted.org",
    # https://doc.rust-lang.org/cargo/reference/registry-index.html; the index's config.json names the third, rustup the last.
    "crates.io", "index.crates.io", "static.crates.io", "static.rust-lang.org",
    # https://proxy.golang.org: GOPROXY, GOSUMDB; many archives are redirected to the storage (golang/go#52908), toolchains to dl.
    "proxy.golang.org", "sum.golang.org", "storage.googleapis.com", "go.dev", "dl.google.com",
    # https://central.sonatype.org/consume/; https://blog.gradle.org/decommissioning-http for the hosts of Gradle
    "repo.maven.apache.org", "repo1.maven.org", "plugins.gradle.org", "plugins-artifacts.gradle.org", "services.gradle.org",
    "downloads.gradle.org",
    # https://guides.rubygems.org/rubygems-org-api/; Bundler's compact index is the second
    "rubygems.org", "index.rubygems.org",
)  # fmt: skip
# apt checks signatures itself and asks by plain HTTP, where its sources.list is as it was installed.
_PLAIN_TOO = (
    # https://www.debian.org/mirror/list, https://www.debian.org/security/
    "deb.debian.org", "security.debian.org", "ftp.debian.org", "snapshot.debian.org",
    # https://help.ubuntu.com/community/Repositories/CommandLine; countries' mirrors are below archive.
    "archive.ubuntu.com", "*.archive.ubuntu.com", "security.ubuntu.com", "ports.ubuntu.com",
)  # fmt: skip
USUAL = (*(f"{name}:443" for name in _ENCRYPTED), *_PLAIN_TOO)
"""Git hosts and package registries: what an agent reaches unless it has no network."""


def host(text: str) -> str:
    """`name`, `*.name`, IPv4 or `[IPv6]`, with or without `:port`, as it is compared: in lower case and ASCII.

    Raises ValueError for anything else.
    """
    given = text.strip()
    if len(given) > _LONGEST:
        raise ValueError("is no host: it is too long")
    if "/" in given or "@" in given:
        raise ValueError(f"{given!r} is no host: give it without https://, path or user")
    name, port = _split(given)
    return _name(name, given) + port


def _split(given: str) -> tuple[str, str]:
    """What stands before the port, and the port with its colon; IPv6 is told from a port by its brackets."""
    name, colon, port = given.rpartition(":")
    if not colon or given.endswith("]"):
        return given, ""
    if not _PORT.fullmatch(port) or int(port) > 65_535:
        raise ValueError(f"{given!r} has no port from 1 to 65535 behind its colon; IPv6 stands in brackets")
    return name, f":{port}"


def _name(name: str, given: str) -> str:
    if name.startswith("[") and name.endswith("]"):
        return f"[{_ipv6(name[1:-1], given)}]"
    if ":" in name:
        raise ValueError(f"{given!r} is no host; IPv6 stands in brackets, such as [2001:db8::1]")
    star, rest = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    ascii_name = _ascii(rest, given)
    labels = ascii_name.split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        # What ends in a number is an address to every resolver, in more forms than the one that is compared.
        return _ipv4(ascii_name, given, star)
    if len(ascii_name) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{given!r} is no host such as example.com, *.example.com or 192.0.2.1")
    if star and len(labels) < 2:
        raise ValueError(f"{given!r} would be every name there; name more of it, such as *.example.{ascii_name}")
    return star + ascii_name


def _ascii(name: str, given: str) -> str:
    if name.isascii():
        return name.lower()
    try:
        return idna.encode(name, uts46=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError(f"{given!r} is no host: no name on the internet can be written so") from error


def _ipv4(name: str, given: str, star: str) -> str:
    try:
        address = ipaddress.IPv4Address(name)
    except ValueError as error:
        raise ValueError(f"{given!r} is no IPv4 address such as 192.0.2.1") from error
    if star:
        raise ValueError(f"{given!r} mixes an address with *")
    return str(address)


def _ipv6(name: str, given: str) -> str:
    try:
        address = ipaddress.IPv6Address(name)
    except ValueError as error:
        raise ValueError(f"{given!r} holds no IPv6 address such as [2001:db8::1]") from error
    if address.scope_id is not None:
        raise ValueError(f"{given!r} names an interface; leave the part after % out")
    return address.compressed


def network(text: str) -> str:
    """A network in CIDR notation, such as 10.1.0.0/16; one address is a network too. Raises ValueError for anything else."""
    given = text.strip()
    try:
        found = ipaddress.ip_network(given)
    except ValueError as error:
        raise ValueError(f"{given[:60]!r} is no network such as 10.1.0.0/16 ({error})") from error
    if found.prefixlen == 0:
        raise ValueError(f"{given!r} is every address; name the networks that are meant")
    return str(found)


def of_forge(url: str) -> tuple[str, ...]:
    """The host of a GitHub Enterprise server's API, with its port, and those below it, where archives and raw files may lie
    (https://docs.github.com/en/enterprise-server/admin/configuring-settings/hardening-security-for-your-enterprise/enabling-subdomain-isolation).

    Raises ValueError where there is none.
    """
    parts = urlsplit(url)
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    own = host(f"{name}:{parts.port or (443 if parts.scheme == 'https' else 80)}")
    has_subdomains = "." in name and not _NUMERIC.fullmatch(name.rpartition(".")[2])
    return (own, f"*.{own}") if has_subdomains else (own,)
