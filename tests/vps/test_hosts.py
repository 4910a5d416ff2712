"""What counts as a host, and which hosts every agent reaches."""

from __future__ import annotations

import json

import pytest

from vps.hosts import USUAL, host, network, of_forge
from vps.proxy import envoy_egress


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("Example.COM", "example.com"),
        (" registry ", "registry"),
        ("*.Example.com:8443", "*.example.com:8443"),
        ("192.0.2.1:80", "192.0.2.1:80"),
        ("[2001:DB8:0::1]:443", "[2001:db8::1]:443"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("１２７．０．０．１", "127.0.0.1"),
        ("\u0430pi.example", "xn--pi-6kc.example"),
    ],
)
def test_a_host_is_taken_in_the_form_it_is_compared_in(given: str, meant: str) -> None:
    assert host(given) == host(host(given)) == meant


@pytest.mark.parametrize(
    "given",
    [
        *("", "*", "*.", "*.com", "**.a.b", "a.*.b", "*.192.0.2.1", "a..b", ".a", "a.", "-a.b", "a-.b", "a_b.c", "a b"),
        *("https://a.b", "a.b/c", "user@a.b", "a.b:", "a.b:0", "a.b:65536", "a.b:080", "a.b:80:90", "a.b:\u0661"),
        *("127.1", "0x7f.1", "2130706433", "010.0.0.1", "1.2.3.4.5", "1.2.3.256", "::1", "2001:db8::1", "[::1", "::1]"),
        *(
            "[fe80::1%eth0]",
            "[192.0.2.1]",
            "[]",
            "a\nb",
            "a\0b",
            "a,b",
            "a;b",
            f"{'a' * 64}.b",
            "a." * 130,
            "xn--\u0430",
        ),
    ],
)
def test_what_is_no_host_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match=r"host|port|address|name"):
        host(given)


def test_networks_are_ranges_and_never_everything() -> None:
    assert [network(each) for each in ("10.1.0.0/16", "192.0.2.1", "FD00::/8")] == [
        "10.1.0.0/16",
        "192.0.2.1/32",
        "fd00::/8",
    ]
    for wrong in ("10.0.0.1/8", "0.0.0.0/0", "::/0", "example.com", ""):
        with pytest.raises(ValueError, match=r"network|every address"):
            network(wrong)


def test_a_forge_of_ones_own_is_reached_with_what_lies_below_it() -> None:
    assert of_forge("https://git.example.com/api/v3") == ("git.example.com:443", "*.git.example.com:443")
    assert of_forge("http://127.0.0.1:8080/api/v3") == ("127.0.0.1:8080",)


def test_the_usual_hosts_are_in_that_form_and_mirrors_alone_are_asked_in_plain() -> None:
    assert [host(each) for each in USUAL] == list(USUAL)
    (configuration,) = json.loads(envoy_egress.routes("run", USUAL))["resources"]
    domains = {domain for each in configuration["virtual_hosts"] for domain in each["domains"]}
    assert {"pypi.org:443", "deb.debian.org", "deb.debian.org:80", "deb.debian.org:443"} <= domains
    assert not {"pypi.org", "pypi.org:80", "github.com", "github.com:80"} & domains
