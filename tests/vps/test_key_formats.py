"""Keys that nobody told us of are masked by their format, wherever they stand; what only looks like one stays."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import subprocess
import sys
import uuid

import pytest
from pydantic import SecretStr

from tests.vps.keys import KEYS, pem, putty, some
from vps.mask import MASKED, Mask, is_masked

MASK = Mask()
AROUND = (
    "{}", "a {} b", "KEY={}\n", 'export KEY="{}"', "'{}'", "`{}`", "**{}**", "```sh\n{}\n```", "({})", "<{}>", "{}.", "{},", "{};",
    "| {} |", "a:{}:b", "?token={}&x=1", "a%20{}", "a\\n{}\\n", '{{\\"key\\":\\"{}\\"}}', "→{}…",
)  # fmt: skip
"""Plain, in code, markdown, URLs and JSON within JSON."""
PRIVATE = "[masked private key]"


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind, keys in KEYS.items() for key in keys])
def test_a_key_is_masked_wherever_it_stands(kind: str, key: str) -> None:
    for around in AROUND:
        assert MASK.text(around.format(key)) == around.format(f"[masked {kind}]")
    assert key not in MASK.text(f"https://user:{key}@host/path")
    assert MASK.json({key: [key, 1]}) == {f"[masked {kind}]": [f"[masked {kind}]", 1]}
    line = json.dumps({"a": {"b": f"x\n{key}\n"}}).encode()
    assert json.loads(MASK.line(line)) == {"a": {"b": f"x\n[masked {kind}]\n"}}
    assert json.loads(MASK.line(json.dumps(f"é{key}").encode())) == f"é[masked {kind}]"
    assert MASK.text(MASK.text(f"a {key} b")) == MASK.text(f"a {key} b")
    coloured = f"a {key[:7]}\x1b[01;31m\x1b[K{key[7:]}\x1b[m b"
    assert MASK.text(coloured) == f"a [masked {kind}] b"
    assert json.loads(MASK.line(json.dumps([coloured]).encode())) == [f"a [masked {kind}] b"]


def test_names_tell_what_has_no_format_of_its_own() -> None:
    secret = some(36) + "/+Ab"
    for name in ("AWS_SECRET_ACCESS_KEY={}", 'aws_secret_access_key = "{}"', '{{"SecretAccessKey": "{}"}}'):
        assert MASK.text(name.format(secret)) == name.format("[masked aws key]")
    account = base64.b64encode(random.Random(1).randbytes(64)).decode()
    assert MASK.text(f"AccountName=a;AccountKey={account};b") == "AccountName=a;AccountKey=[masked azure key];b"
    assert MASK.text(f"//registry/:_authToken={uuid.UUID(int=7**40)}\n") == "//registry/:[masked npm token]\n"
    assert (
        MASK.text("postgres://app:" + "s3cr3t-word@db:5432/app") == "postgres://app:[masked url password]@db:5432/app"
    )


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
def test_a_private_key_is_one_mark_however_its_lines_are_told_apart(kind: str) -> None:
    block = pem(kind)
    lines = block.split("\n")
    shown = {
        block: PRIVATE,
        f'KEY="{block}"': f'KEY="{PRIVATE}"',
        block.replace("\n", "\\n"): PRIVATE,
        block.replace("\n", "\\\\n"): PRIVATE,
        block.replace("\n", "\r\n"): PRIVATE,
        "\n".join(f"{number:6}→{line}" for number, line in enumerate(lines, 1)): f"     1→{PRIVATE}",
        "\n".join(f"{number}:{line}" for number, line in enumerate(lines, 1)): f"1:{PRIVATE}",
        "\n".join(f"+{line}" for line in lines): f"+{PRIVATE}",
        "\n".join(f"-{line}" for line in lines): f"-{PRIVATE}",
        "\n".join(f"    {line}" for line in lines): f"    {PRIVATE}",
        "\n".join(lines[:5]): PRIVATE,
        block[300:]: PRIVATE,
    }
    for text, masked in shown.items():
        assert MASK.text(f"a {text}\nb") == f"a {masked}\nb"
    patch = {"lines": [" a", *(f"+{line}" for line in lines), " b"]}
    assert json.loads(MASK.line(json.dumps(patch).encode())) == {"lines": [" a", f"+{PRIVATE}", " b"]}
    assert MASK.text(json.dumps(["a", *lines, "b"])) == json.dumps(["a", PRIVATE, "b"])


def test_other_kinds_of_private_keys() -> None:
    with_headers = pem().replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n", 1)
    assert MASK.text(with_headers) == PRIVATE
    block = f"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\n{some(64)}\n{some(30)}\n=aB3d\n"
    assert MASK.text(block + "-----END PGP PRIVATE KEY BLOCK-----") == PRIVATE
    assert MASK.text(putty()).startswith(f"{PRIVATE}Private-MAC: ")


def test_what_only_looks_like_a_key_stays() -> None:
    bits = random.Random(3)
    digest = hashlib.sha512(b"1").digest()
    image = base64.b64encode(bits.randbytes(300_000)).decode()
    texts = [
        "\n".join(hashlib.sha1(str(number).encode()).hexdigest() for number in range(2000)),
        "\n".join(str(uuid.UUID(int=bits.getrandbits(128))) for _ in range(2000)),
        f"data:image/png;base64,{image}",
        f'"integrity": "sha512-{base64.b64encode(digest).decode()}"',
        "a.py,sha256=Zr4" + "hf_" + some(36) + ",100",
        f"requests==2.34.2 --hash=sha256:{hashlib.sha256(b'1').hexdigest()}",
        "ANTHROPIC_API_KEY=sk-ant-...", "sk-ant-api03-" + "x" * 95, "ghp_" + "x" * 36, "sk-your-key-here",
        "AKIAIOSFODNN7" + "EXAMPLE",         "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "Put a PRIVATE KEY there, -----BEGIN PRIVATE KEY----- first.",
        "https://user:password@host https://user:${PASSWORD}@host https://host:8080/a@b git@github.com:a/b.git http://[::1]:80/@",
        "task-0123456789abcdef0123456789abcdef disk-" + "a1" * 20, "task_" + "0123456789abcdef" * 3,
        "NotificationCenterClient.shared.registerForRemoteNotifications", "eyJ2ZXJzaW9uIjozfQ.eyJhIjoxfQ.c2ln",
        "npm_config_registry_and_a_long_name_of_words", "test_github_pat_is_masked_wherever_it_stands_in_a_text",
        "sk-ant-api03-your-key-goes-here-instead", "sb_secret_of_all_that_there_is_to_be_told", "SG.a.b", "hf_hub_download",
    ]  # fmt: skip
    for text in texts:
        assert MASK.text(text) is text
        line = json.dumps({"text": text}).encode()
        assert MASK.line(line) is line
    assert not is_masked(texts)


def test_an_own_secret_beside_and_within_a_key_is_called_ours() -> None:
    own = "ghp" + "_" + some(36)
    mask = Mask([SecretStr(own)])
    assert mask.text(f"{own} https://user:{own}@host") == f"{MASKED} https://user:{MASKED}@host"
    assert mask.text(f"{own}abcdef.") == f"{MASKED}."
    assert is_masked({"a": mask.text(own)})


def test_a_line_that_is_no_json_is_masked_as_it_is() -> None:
    (key,) = KEYS["npm token"]
    deep = "[" * 100_000
    assert MASK.line(f'{{"torn": "{key}'.encode()) == b'{"torn": "[masked npm token]'
    assert MASK.line(f"{deep}{key}".encode()) == f"{deep}[masked npm token]".encode()
    assert json.loads(MASK.line(f'["\\ud83d {key}", {"9" * 400}]'.encode()))[0] == "\ud83d [masked npm token]"


def test_megabytes_of_half_keys_take_no_time_that_grows_with_their_square() -> None:
    for piece in (
        "-----BEGIN PRIVATE KEY-----\n",
        f"{some(64)}\n",
        "eyJ.",
        "://a:",
        "sk-ant-",
        "Private-Lines: 1\n",
        " PRIVATE KEY 1 ",
    ):
        assert len(MASK.text(piece * (1_000_000 // len(piece)))) > 0


def test_the_scanner_is_imported_with_the_first_key() -> None:
    program = (
        "import sys, agents.surfaces.cli as _; from vps.mask import Mask; Mask().text('none'); "
        "print('detect_secrets' in sys.modules); Mask().text('gh' + 'p_' + 'aB3' * 12); print('detect_secrets' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60, text=True)
    assert done.stdout.split() == ["False", "True"]
