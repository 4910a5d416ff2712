"""Keys of every format, made up anew: put together here, so that no scanner takes them for real ones in this repository."""

from __future__ import annotations

import base64
import json
import random
import string

_ALNUM = string.ascii_letters + string.digits
_TOKEN = _ALNUM + "-_"
_UPPER = string.ascii_uppercase + "234567"
_HEX = "0123456789abcdef"
_BASE64 = _ALNUM + "+/"
_random = random.Random(20_26)


def some(count: int, signs: str = _ALNUM) -> str:
    """So many of the signs."""
    return "".join(_random.choice(signs) for _ in range(count))


def _json(**values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def pem(kind: str = "RSA ", lines: int = 12) -> str:
    """A private key's block, the last line of it a short one."""
    body = "\n".join([*(some(64, _BASE64) for _ in range(lines)), some(10, _BASE64) + "=="])
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----"


def putty() -> str:
    """The private part of a PuTTY key's file."""
    return f"Private-Lines: 2\n{some(64, _BASE64)}\n{some(24, _BASE64)}\nPrivate-MAC: {some(64, _HEX)}"


KEYS = {
    "anthropic key": ["sk-ant-" + kind + "-" + some(93, _TOKEN) + "AA" for kind in ("api03", "oat01", "ort01", "admin01")],
    "openai key": ["sk-" + kind + "-" + some(74, _TOKEN) + "T3Blbk" + "FJ" + some(74, _TOKEN) for kind in ("proj", "svcacct")],
    "api key": ["sk-" + some(20) + "T3Blbk" + "FJ" + some(20), "sk-" + some(32, _HEX), "sk" + "_" + some(48, _HEX)],
    "openrouter key": ["sk-or-" + "v1-" + some(64, _HEX)],
    "aws key": ["AKI" + "A" + some(16, _UPPER), "ASI" + "A" + some(16, _UPPER)],
    "aws session token": ["IQoJb3JpZ2lu" + some(300, _BASE64)],
    "github token": [
        *(f"gh{kind}_" + some(36) for kind in "pours"),
        "github" + "_pat_" + some(22) + "_" + some(59),
        "ghs" + "_" + some(6, string.digits) + "_" + _json(alg="RS256") + "." + _json(iss=1) + "." + some(86, _TOKEN),
    ],
    "gitlab token": ["glpat" + "-" + some(20, _TOKEN), "glpat" + "-" + some(27, _TOKEN) + ".01.1a2b3c4d5"],
    "slack token": [
        "xoxb" + "-" + some(12, string.digits) + "-" + some(13, string.digits) + "-" + some(24),
        "xapp" + "-1-A" + some(10, _UPPER) + "-" + some(13, string.digits) + "-" + some(64, _HEX),
    ],
    "slack webhook": ["https://hooks." + "slack.com/services/T" + some(8, _UPPER) + "/B" + some(10, _UPPER) + "/" + some(24)],
    "stripe key": ["sk" + "_live_" + some(24), "rk" + "_live_51" + some(97), "sk" + "_test_" + some(24), "whsec" + "_" + some(32)],
    "discord token": [
        base64.b64encode(number.encode()).decode().rstrip("=") + "." + some(6, _TOKEN) + "." + some(length, _TOKEN)
        for number, length in (("712345678901234567", 27), ("1234567890123456789", 38))
    ],
    "npm token": ["npm" + "_" + some(36)],
    "pypi token": ["pypi" + "-AgEIcHlwaS5vcmc" + some(150, _TOKEN)],
    "google key": ["AIz" + "a" + some(35, _TOKEN), "GOCSP" + "X-" + some(28, _TOKEN)],
    "jwt": [_json(alg="HS256", typ="JWT") + "." + _json(sub="1234567890") + "." + some(43, _TOKEN)],
    "sendgrid key": ["SG" + "." + some(22, _TOKEN) + "." + some(43, _TOKEN)],
    "hugging face token": ["hf" + "_" + some(34, string.ascii_letters)],
    "digitalocean token": ["dop" + "_v1_" + some(64, _HEX)],
    "telegram token": [some(10, string.digits) + ":AA" + some(33, _TOKEN)],
    "groq key": ["gsk" + "_" + some(52)],
    "vault token": ["hvs" + "." + some(90, _TOKEN)],
    "mailchimp key": [some(32, _HEX) + "-us" + "12"],
    "databricks token": ["dap" + "i" + some(32, _HEX)],
    "age key": ["AGE-SECRET-" + "KEY-1" + some(58, _UPPER)],
}  # fmt: skip
"""By what the mask calls them; none has a sign that JSON or a URL has to escape."""
