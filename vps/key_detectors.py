"""What finds keys by their format: plugins of detect-secrets (its maintained fork), and ours where those find none or too little.

Import it only where a text has something like a key, see `key_formats.py`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector

from vps.key_formats import FORMATS, Found

_SECRET = "secret"  # noqa: S105  a group's name
"""The group of a rule of ours that is the key; without it the whole match is."""
_SHORT_PREFIX = 3
_NAME_END = 16
_SAMPLE_END, _SAMPLE_SIGNS = 12, 4
"""A sample ends in fewer different characters: xxxxxxxxxxxx, 123123123123."""


def _beginning(literal: str, not_behind: str) -> str:
    """The literal, not in the middle of a word. An escaped line's end and a sign quoted for a URL end in a letter or digit too.

    It stands first, which makes the search quick.
    """
    return rf"{literal}(?:(?<!{not_behind}{literal})|(?<=\\[nrt]{literal})|(?<=%[0-9A-Fa-f]{{2}}{literal}))"


_AWS = (
    *(rf"{_beginning(prefix, '[A-Z0-9]')}[0-9A-Z]{{16}}(?![0-9A-Za-z])" for prefix in ("AKIA", "ASIA", "ABIA", "ACCA")),
    *(
        rf"{name}[^A-Za-z0-9+/]{{1,12}}(?P<{_SECRET}>[A-Za-z0-9+/]{{40}})(?![A-Za-z0-9+/=])"
        for name in ("ecret_?[aA]ccess_?[kK]ey", "SECRET_?ACCESS_?KEY")
    ),
)
_SK = tuple(
    rf"{_beginning(each, '[A-Za-z0-9]')}{body}" for each, body in (("sk-", "[A-Za-z0-9]{32,}"), ("sk_", "[0-9a-f]{48}"))
)
_DISCORD = r"[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}"
_JWT = (  # encrypted (RFC 7516), and signed (RFC 7515)
    r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){4}",
    r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?",
)
_URL_PASSWORD = (
    rf"://[^\s/?#@:\"'<>\\]{{0,100}}:(?!password@)(?P<{_SECRET}>[^\s/?#@:\"'<>\\${{}}\[\]]{{8,}})@"  # RFC 3986, 3.2.1
)

# A private key's block: PEM, OpenSSH, PGP, PuTTY. Between its lines may stand line numbers, a diff's signs, escaped line ends and
# the quotes of a list. Lines are never given back once taken: a text of megabytes is gone through once.
_BETWEEN = r"(?:\\+[nrt\"']|[^A-Za-z0-9+/=\\-]|-(?!-)|(?<![A-Za-z0-9+/=])\d{1,6}(?=[^A-Za-z0-9+/=]))"
_BEGIN = r"(?:-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|Private-Lines: ?\d+)"
_HEADERS = rf"(?:{_BETWEEN}{{0,60}}(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset)[^\n\\]{{0,200}})*"
_LINE = r"[A-Za-z0-9+/=]{16,}+"
_LAST_LINES = rf"(?:{_BETWEEN}{{1,60}}[A-Za-z0-9+/=]++){{0,2}}{_BETWEEN}{{0,60}}"
_END = r"-{5,6}END[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_BLOCK = (
    rf"(?:{_BEGIN}{_HEADERS}{_BETWEEN}{{0,60}}+|(?<![A-Za-z0-9+/=])){_LINE}(?:{_BETWEEN}{{1,60}}+{_LINE})*+"
    rf"(?:{_LAST_LINES}(?:{_END}|(?=Private-MAC)))?"
)


def _is_discords(token: str) -> bool:
    """Names in a program may look alike, but do not begin with a number, the application's, in base64."""
    return _decoded(token.partition(".")[0]).isdigit()


def _is_jwt(token: str) -> bool:
    """The header names an algorithm (RFC 7515, 4.1.1). What follows it may be cut off."""
    try:
        header: Any = json.loads(_decoded(token.partition(".")[0]))
    except (ValueError, RecursionError):
        return False
    return isinstance(header, dict) and "alg" in header


def _is_no_name(token: str) -> bool:
    """A prefix may begin a name too, of words in small letters; nothing that is made by chance looks like that."""
    return re.search(r"[0-9A-Z]", token[-_NAME_END:]) is not None


def _has_an_end(block: str) -> bool:
    """Lines of base64 alone are no key: the block's beginning or end is needed, the other may be cut off."""
    return block.startswith(("-----BEGIN", "Private-Lines")) or block.endswith("-----")


def _decoded(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return b""


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: str
    needs: tuple[bytes, ...]
    """One of these is in every text with such a key; where there are none the patterns are quick by themselves."""
    patterns: tuple[re.Pattern[bytes], ...]
    is_key: Callable[[str], bool] | None = None

    def found(self, data: bytes) -> Iterator[Found]:
        if self.needs and not any(literal in data for literal in self.needs):
            return
        for pattern in self.patterns:
            group = _SECRET if _SECRET in pattern.groupindex else 0
            for match in pattern.finditer(data):
                if not _is_sample(match[group]) and (
                    self.is_key is None or self.is_key(match[group].decode("latin-1"))
                ):
                    yield Found(*match.span(group), self.kind)


def _is_sample(token: bytes) -> bool:
    return b"EXAMPLE" in token or len(set(token[-_SAMPLE_END:])) < _SAMPLE_SIGNS


def _rule(kind: str, detector: RegexBasedDetector, *needs: str, is_key: Callable[[str], bool] | None = None) -> _Rule:
    patterns: tuple[re.Pattern[str], ...] = tuple(cast("Any", detector).denylist)
    compiled = tuple(re.compile(each.pattern.encode(), each.flags & ~re.UNICODE) for each in patterns)
    return _Rule(kind, tuple(map(str.encode, needs)), compiled, is_key)


def _ours(kind: str, *patterns: str) -> RegexBasedDetector:
    """A rule as the scanner takes one: a subclass of its own."""
    members = {"secret_type": kind, "denylist": tuple(map(re.compile, patterns))}
    return cast("RegexBasedDetector", type("Detector", (RegexBasedDetector,), members)())


def _prefix(literal: str) -> str:
    """A hash in base64 has three given characters now and then, though not at its beginning."""
    return _beginning(literal, "[A-Za-z0-9_-]") if len(literal) <= _SHORT_PREFIX else re.escape(literal)


def _rules() -> Iterator[_Rule]:
    for form in FORMATS:
        patterns = (_prefix(prefix) + form.body for prefix in form.prefixes)
        yield _rule(form.kind, _ours(form.kind, *patterns), *form.prefixes, is_key=_is_no_name)
    yield _rule("aws key", _ours("AWS", *_AWS))
    yield _rule("github token", GitHubTokenDetector(), "ghp_", "gho_", "ghu_", "ghs_", "ghr_")
    yield _rule("slack token", SlackDetector(), "xox", "XOX", "slack")
    yield _rule("discord token", _ours("Discord", _DISCORD), is_key=_is_discords)
    yield _rule("jwt", _ours("JWT", *_JWT), "eyJ", is_key=_is_jwt)
    yield _rule("private key", _ours("Private Key", _BLOCK), "PRIVATE KEY", "Private-Lines", is_key=_has_an_end)
    yield _rule("sendgrid key", SendGridDetector(), "SG.")
    yield _rule("mailchimp key", MailchimpDetector(), "-us")
    yield _rule("square token", SquareOAuthDetector(), "sq0csp-")
    yield _rule("azure key", AzureStorageKeyDetector(), "AccountKey=")
    yield _rule(
        "telegram token", _ours("Telegram", r"(?:(?<!\d)|(?<=%[0-9A-Fa-f]{2}))\d{8,10}:AA[A-Za-z0-9_-]{33}"), ":AA"
    )
    yield _rule("terraform token", _ours("Terraform", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,}"), ".atlasv1.")
    yield _rule("entra secret", _ours("Entra", r"[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}"), "Q~")
    yield _rule("api key", _ours("sk-", *_SK))
    yield _rule("url password", _ours("URL", _URL_PASSWORD), "://")


_RULES = tuple(_rules())


def found(data: bytes) -> Iterator[Found]:
    """The keys in it; they may overlap. Of two that begin together, the first tells best what it is."""
    for rule in _RULES:
        yield from rule.found(data)
