"""Formats of keys that are known by their look, and whether a text has anything like one: most have not, and need no scanner.

The scanner that finds them, detect-secrets, is imported with the first text that has (`key_detectors.py`): 0.15 s and 6 MiB.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

_CLASS = r"[A-Za-z0-9_-]"


@dataclass(frozen=True, slots=True)
class Format:
    """A key of this kind begins with one of the prefixes; `body` is a regular expression of all that follows."""

    kind: str
    prefixes: tuple[str, ...]
    body: str


@dataclass(frozen=True, slots=True)
class Found:
    """A key in bytes: [`start`, `stop`) and what it is."""

    start: int
    stop: int
    kind: str


FORMATS = (
    Format("anthropic key", ("sk-ant-",), rf"(?:[a-z]{{2,10}}\d\d-{_CLASS}{{16,}}|{_CLASS}{{40,}})"),
    Format("openai key", ("sk-proj-", "sk-svcacct-", "sk-admin-"), rf"{_CLASS}{{20,}}"),
    Format("openrouter key", ("sk-or-v1-",), r"[0-9a-f]{40,}"),
    Format("aws session token", ("IQoJb3JpZ2lu", "FwoGZXIvYXdz"), r"[A-Za-z0-9+/=%]{60,}"),
    Format("aws key", ("ABSKQmVkcm9ja0FQSUtleS",), r"[A-Za-z0-9+/=]{40,}"),
    Format("github token", ("ghp_", "gho_", "ghu_", "ghr_"), r"[A-Za-z0-9]{36,}"),
    Format("github token", ("github_pat_",), r"[A-Za-z0-9]{22}_[A-Za-z0-9]{20,}"),
    Format("github token", ("ghs_",), rf"(?:{_CLASS}{{20,}}(?:\.{_CLASS}{{8,}}){{2}}|{_CLASS}{{36,}})"),
    Format(
        "gitlab token",
        ("glpat-", "gldt-", "glft-", "glsoat-", "glrt-", "glrtr-", "glcbt-", "glimt-", "glptt-", "glagent-", "gloas-",
         "glffct-", "glwt-", "GR1348941"),
        rf"{_CLASS}{{20,}}(?:\.[0-9a-z]{{2,9}}){{0,2}}",
    ),
    Format(
        "slack token",
        ("xoxa-", "xoxb-", "xoxc-", "xoxd-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-"),
        r"[A-Za-z0-9%-]{20,}",
    ),
    Format(
        "slack webhook",
        ("https://hooks.slack.com/", "hooks.slack.com/"),
        r"(?:services|workflows|triggers)/[A-Za-z0-9_/-]{20,}",
    ),
    Format("stripe key", ("sk_live_", "sk_test_", "rk_live_", "rk_test_"), r"[0-9A-Za-z]{10,}"),
    Format("stripe key", ("whsec_",), r"[A-Za-z0-9+/=]{24,}"),
    Format("discord webhook", ("/webhooks/",), rf"\d{{17,20}}/{_CLASS}{{60,}}"),
    Format("npm token", ("npm_",), r"[A-Za-z0-9]{36,}"),
    Format("npm token", ("_authToken=",), r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    Format("pypi token", ("pypi-",), rf"AgE{_CLASS}{{50,}}"),
    Format("google key", ("AIza",), rf"{_CLASS}{{35,}}"),
    Format("google key", ("GOCSPX-", "ya29."), rf"{_CLASS}{{20,}}"),
    Format("hugging face token", ("hf_",), r"[A-Za-z0-9]{30,}"),
    Format("replicate token", ("r8_",), r"[A-Za-z0-9]{37,}"),
    Format("groq key", ("gsk_",), r"[A-Za-z0-9]{40,}"),
    Format("xai key", ("xai-",), r"[A-Za-z0-9]{60,}"),
    Format("perplexity key", ("pplx-",), r"[A-Za-z0-9]{40,}"),
    Format("nvidia key", ("nvapi-",), rf"{_CLASS}{{50,}}"),
    Format("langsmith key", ("lsv2_pt_", "lsv2_sk_"), r"[0-9a-f]{32}_[0-9a-f]{10}"),
    Format("digitalocean token", ("dop_v1_", "doo_v1_", "dor_v1_"), r"[0-9a-f]{64}"),
    Format("shopify token", ("shpat_", "shpss_", "shpca_", "shppa_"), r"[0-9A-Fa-f]{32}"),
    Format("linear key", ("lin_api_", "lin_oauth_"), r"[A-Za-z0-9]{40,}"),
    Format(
        "doppler token",
        ("dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."),
        r"(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,}",
    ),
    Format("vault token", ("hvs.", "hvb.", "hvr."), rf"{_CLASS}{{24,}}"),
    Format("supabase key", ("sbp_", "sb_secret_"), rf"{_CLASS}{{31,}}"),
    Format("sentry token", ("sntrys_", "sntryu_"), r"[A-Za-z0-9+/=_-]{40,}"),
    Format("fly token", ("fm2_", "fo1_"), r"[A-Za-z0-9+/=_-]{40,}"),
    Format("notion token", ("ntn_",), r"[A-Za-z0-9]{40,}"),
    Format("docker token", ("dckr_pat_", "dckr_oat_"), rf"{_CLASS}{{27,}}"),
    Format("figma token", ("figd_",), rf"{_CLASS}{{40,}}"),
    Format("postman key", ("PMAK-",), r"[0-9a-f]{24}-[0-9a-f]{34}"),
    Format("netlify token", ("nfp_",), r"[A-Za-z0-9]{36,}"),
    Format("planetscale token", ("pscale_tkn_", "pscale_pw_", "pscale_oauth_"), r"[A-Za-z0-9_.-]{32,}"),
    Format("rubygems key", ("rubygems_",), r"[0-9a-f]{48}"),
    Format("grafana token", ("glsa_", "glc_"), r"[A-Za-z0-9+/=_]{32,}"),
    Format("new relic key", ("NRAK-",), r"[A-Z0-9]{27}"),
    Format("pulumi token", ("pul-",), r"[0-9a-f]{40}"),
    Format("tailscale key", ("tskey-",), r"[a-z]+-[A-Za-z0-9]{8,}-[A-Za-z0-9]{16,}"),
    Format("atlassian token", ("ATATT3", "ATCTT3"), r"[A-Za-z0-9_=-]{100,}"),
    Format("buildkite token", ("bkua_",), r"[0-9a-f]{40}"),
    Format("circleci token", ("CCIPAT_",), r"[A-Za-z0-9]{16,}_[0-9a-f]{40}"),
    Format("databricks token", ("dapi",), r"[0-9a-f]{32}(?:-\d)?"),
    Format("square token", ("sq0atp-",), rf"{_CLASS}{{22,}}"),
    Format("age key", ("AGE-SECRET-KEY-1",), r"[0-9A-Z]{58}"),
)  # fmt: skip
"""What a prefix tells. The rest is in `key_detectors.py`."""

OTHERS = (
    r"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}",
    r"ecret_?[aA]ccess_?[kK]ey",
    r"SECRET_?ACCESS_?KEY",
    r"sk-[A-Za-z0-9]{32}",
    r"sk_[0-9a-f]{48}",
    r"\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27}",  # Discord's
    r"eyJ[A-Za-z0-9_-]{8,}\.",
    r"PRIVATE KEY",
    r"Private-Lines:",
    r"SG\.[A-Za-z0-9_-]{22}",
    r":AA[A-Za-z0-9_-]{33}",  # Telegram's
    r"\.atlasv1\.",
    r"Q~[A-Za-z0-9_~.-]{31}",  # Entra's
    r"-us\d",  # Mailchimp's
    r"sq0csp-",
    r"AccountKey=",
    r"://[^\s/?#@:\"'<>\\]{0,100}:[^\s/?#@:\"'<>\\]{8,}@",
)
"""By which a text that may hold a key of another format is told."""


def may_hold(data: bytes) -> bool:
    """Whether there is something like a key in it, also within JSON that is not decoded yet."""
    return any(trigger.search(data) for trigger in _triggers())


def found(data: bytes) -> list[Found]:
    """The keys in it, in no order; they may overlap."""
    if not may_hold(data):
        return []
    from vps import key_detectors  # noqa: PLC0415  most processes meet no key: they do without the scanner

    return list(key_detectors.found(data))


@cache
def _triggers() -> tuple[re.Pattern[bytes], ...]:
    return tuple(_compiled(pattern) for pattern in (*_prefix_triggers(), *OTHERS))


def _prefix_triggers() -> Iterator[str]:
    """Quick because each begins with a literal: a search for many words at once has 6 MB/s, this has 80 for all of them.

    A prefix that ends in a sign is looked for backwards, from the sign, together with all that end so.
    """
    by_end: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for prefix in (prefix for form in FORMATS for prefix in form.prefixes):
        if prefix[-1] in "_-.":
            by_end[prefix[-1]][len(prefix)].append(re.escape(prefix))
        else:
            yield re.escape(prefix)
    for end, by_length in by_end.items():
        behind = "|".join(f"(?<={'|'.join(prefixes)})" for prefixes in by_length.values())
        yield rf"{re.escape(end)}(?=[A-Za-z0-9+/=%._-]{{8}})(?:{behind})"


def _compiled(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode())
