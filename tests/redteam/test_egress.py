"""The way to the network: what is not allowed by name is not reached, and nothing inward by whatever name."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.redteam.lab import INSIDE_SAYS, INWARD, OUTSIDE_SAYS, Lab, run


def _get(url: str, host: str = "outside.example") -> str:
    return f"GET {url} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"


def _through(to: str, path: str = "/") -> str:
    """A tunnel, and a request in it without waiting for the answer."""
    return f"CONNECT {to} HTTP/1.1\r\nHost: outside.example:443\r\n\r\nGET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def test_what_is_allowed_is_reached_and_the_service_inside_answers_those_who_may(lab: Lab) -> None:
    assert OUTSIDE_SAYS in await lab.curl("http://outside.example/")
    (tunnel,) = await lab.raw(_through("outside.example:443"))
    assert f"{OUTSIDE_SAYS} at 443" in tunnel
    for address in lab.host_addresses():
        assert INSIDE_SAYS in await run("curl", "--silent", f"http://{address}:{lab.port}/")
    lab.heard.clear()


async def test_there_is_no_way_past_the_proxy_by_tcp_udp_or_raw_sockets(lab: Lab) -> None:
    said = await lab.python(
        """
        import socket, sys
        for host, port in [each.rsplit(":", 1) for each in sys.argv[1:]]:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                try:
                    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as s:
                        s.settimeout(1); s.connect((host.strip("[]"), int(port))); s.send(b"x"); s.recv(1); print("REACHED", host, port, kind)
                except OSError as error: print(type(error).__name__)
        for family in (socket.AF_INET, socket.AF_PACKET):
            try: socket.socket(family, socket.SOCK_RAW, 1); print("REACHED raw")
            except OSError as error: print(error)
        print(*[name for _, name in socket.if_nameindex()])
        """,
        *(f"{address}:{lab.port}" for address in lab.host_addresses()),
        f"{lab.outside}:80", "169.254.169.254:80", "172.17.0.1:22", "10.255.255.53:53", "8.8.8.8:53", "[fd00::1]:53",
    )  # fmt: skip
    assert "REACHED" not in said
    assert said.split()[-1] == "lo"
    assert lab.heard == []


async def test_names_are_not_resolved_in_the_container_so_none_carries_anything_out(lab: Lab) -> None:
    said = await lab.sh("getent hosts secret.outside.example outside.example; echo $?; getent hosts localhost | wc -l")
    assert said.split() == ["2", "1"]


async def test_a_host_that_is_not_allowed_is_denied_however_it_is_asked_for(lab: Lab) -> None:
    urls = (
        "http://elsewhere.example/",
        "http://outside.example.elsewhere.example/",
        f"http://{lab.outside}/",
        "http://outside.example:8080/",
    )
    asked = [_get(url) for url in urls]
    asked += [
        _through("elsewhere.example:443"),
        _through("outside.example:22"),
        _through("outside.example:80"),
        _through(f"{lab.outside}:443"),
    ]  # fmt: skip
    asked += [
        _get("/", "elsewhere.example"),
        "GET / HTTP/1.0\r\nHost: elsewhere.example\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: {'x' * 30000}\r\n\r\n",
    ]
    answers = await lab.raw(*asked)
    assert {answer[9:12] for answer in answers} <= {"400", "403", "404", "431"}, answers
    assert OUTSIDE_SAYS not in "".join(answers)
    assert '"denied"' in await lab.sh("cat /run/agentflow/net/notices.jsonl")


async def test_neither_the_host_header_nor_a_second_request_nor_a_body_takes_another_way_than_the_address(
    lab: Lab,
) -> None:
    secret = "GET http://elsewhere.example/hidden HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n"
    answers = await lab.raw(
        _get("http://outside.example/one", "elsewhere.example"),
        _get("http://elsewhere.example/two", "outside.example"),
        "GET http://outside.example/three HTTP/1.1\r\nHost: outside.example\r\n\r\n" + secret,
        "POST http://outside.example/four HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + secret,
        "GET http://outside.example/five HTTP/1.1\r\nHost: outside.example\r\nHost: elsewhere.example\r\n\r\n",
        "GET http://outside.example@elsewhere.example/six HTTP/1.1\r\nHost: outside.example\r\n\r\n",
    )  # fmt: skip

    assert "/one HTTP/1.1\\r\\nhost: outside.example\\r\\n" in answers[0], "the host is not the one that was judged"
    assert answers[1].startswith("HTTP/1.1 403 ")
    assert answers[2].count("HTTP/1.1 403 ") == 1
    assert answers[3].startswith("HTTP/1.1 400 ")
    assert answers[5][9:12] in {"400", "403"}
    heard = await lab.outside_heard()
    assert "/one" in heard
    assert "/hidden" not in heard
    assert "/six" not in heard


_FORMS = (
    "127.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "0", "0.0.0.0", "127.0.0.1.", "127.127.127.127", "[::1]", "[::]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[0:0:0:0:0:0:0:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "localhost",
    "LOCALHOST", "localhost.", "user@127.0.0.1", "user:outside.example@127.0.0.1", "127.0.0.1%2f.outside.example", "172.17.0.1",
)  # fmt: skip


@pytest.mark.parametrize("who", ["agent", "bystander"])
async def test_no_form_of_an_inward_address_is_reached_not_even_one_that_is_allowed_or_by_an_open_network(
    lab: Lab, who: str
) -> None:
    forms = [*_FORMS, *lab.host_addresses()]
    asked = [_get(f"http://{form}:{lab.port}/") for form in forms] + [_through(f"{form}:{lab.port}") for form in forms]
    answers = await lab.raw(*asked, of=getattr(lab, who))
    assert {answer[9:12] for answer in answers} <= {"400", "403", "503"}, answers
    assert lab.heard == []


@pytest.mark.parametrize("who", ["agent", "bystander"])
async def test_no_name_leads_inwards_not_even_with_public_addresses_before_it(lab: Lab, who: str) -> None:
    assert INSIDE_SAYS in await run("curl", "--silent", f"http://127.0.0.98:{lab.port}/")
    lab.heard.clear()
    asked = [each for name in INWARD for each in (_get(f"http://{name}:{lab.port}/"), _through(f"{name}:{lab.port}"))]
    answers = await lab.raw(*asked, of=getattr(lab, who))
    assert INSIDE_SAYS not in "".join(answers)
    assert lab.heard == []


async def test_a_name_that_moves_inwards_after_it_was_asked_for_is_not_followed(lab: Lab) -> None:
    (public,) = await lab.raw(_through("moves.example:80"), of=lab.bystander)
    assert OUTSIDE_SAYS in public
    lab.names["moves.example"] = ["127.0.0.1"]
    for _ in range(3):
        answers = await lab.raw(
            _get(f"http://moves.example:{lab.port}/"), _through(f"moves.example:{lab.port}"), of=lab.bystander
        )
        assert INSIDE_SAYS not in "".join(answers)
    assert lab.heard == []


async def test_git_speaks_https_through_the_proxy_and_neither_ssh_nor_its_own_protocol(lab: Lab) -> None:
    said = await lab.sh("""
        export GIT_TERMINAL_PROMPT=0 GIT_SSH_COMMAND='ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o ConnectTimeout=2'
        git ls-remote http://outside.example/x/y.git 2>&1 | head -3
        for url in git://outside.example/x ssh://git@outside.example/x http://elsewhere.example/x.git https://outside.example:22/x.git; do
          git ls-remote $url > /tmp/said 2>&1 && echo REACHED; head -1 /tmp/said
        done
    """)
    assert "x/y.git/info/refs" in await lab.outside_heard(), "git does not use the proxy"
    assert "REACHED" not in said
    assert "unable to look up outside.example" in said
    assert "Could not resolve hostname outside.example" in said
    assert "does not let this agent reach that host" in said
    assert "CONNECT tunnel failed, response 403" in said


async def test_without_a_network_there_is_no_proxy_at_all(lab: Lab) -> None:
    said = await lab.sh(
        """
        ls /run/agentflow/net; env | grep -ci proxy=http
        curl -s --max-time 2 --proxy http://127.0.0.1:3128 http://outside.example/ ; echo $?
        curl -s --max-time 2 --unix-socket /run/agentflow/net/egress.sock http://outside.example/ ; echo $?
        curl -s --max-time 2 --unix-socket /run/agentflow/net/model.sock http://outside.example/v1/files -o /dev/null; echo $?
        """,
        of=lab.sealed,
    )
    assert said.split() == ["model.sock", "notices.jsonl", "0", "7", "7", "0"]


async def test_an_open_network_reaches_public_hosts_by_any_name_and_port(lab: Lab) -> None:
    answers = await lab.raw(_through(f"{lab.outside}:22"), _get(f"http://{lab.outside}/"), of=lab.bystander)
    assert [f"{OUTSIDE_SAYS} at {port}" in answer for port, answer in zip((22, 80), answers, strict=True)] == [
        True,
        True,
    ]


async def test_floods_and_silent_connections_of_one_agent_leave_the_gateway_to_the_others(lab: Lab) -> None:
    flooding, begun = asyncio.create_task(lab.python(_FLOOD, within=240)), time.monotonic()
    slowest, served = 0.0, 0
    while not flooding.done():
        asked = await lab.sh(
            "for i in 1 2 3; do curl -s -o /dev/null -w '%{http_code} %{time_total}\\n' -m 60 "
            f"--unix-socket /run/agentflow/net/egress.sock -x '' http://{lab.outside}/ -H 'Host: {lab.outside}'; "
            "curl -s -o /dev/null -w '%{http_code} %{time_total}\\n' -m 60 --unix-socket /run/agentflow/net/model.sock "
            "http://x/v1/messages -d '{}'; done",
            of=lab.bystander,
        )
        words = asked.split()
        assert set(words[::2]) <= {"200", "400"}, asked
        slowest, served = max(slowest, *map(float, words[1::2])), served + len(words) // 2
    assert "asked 10000" in await flooding
    assert served
    # Whoever the flood held up would wait for its end.
    assert slowest < max(5, (time.monotonic() - begun) / 2)


_FLOOD = """
import socket, threading, time
asked, lock = 0, threading.Lock()
def connect(kind):
    s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(f"/run/agentflow/net/{kind}.sock"); return s
idle = []
for kind in ("egress", "model"):
    for _ in range(300):
        try: idle.append(connect(kind)); idle[-1].sendall(b"GET /v1/")
        except OSError: pass
for each in idle: each.close()
def flood(kind, line, count):
    global asked
    try: connection = connect(kind); file = connection.makefile("rb")
    except OSError: return
    for _ in range(count):
        with lock: asked += 1
        try:
            connection.sendall(line); length = 0
            while (head := file.readline().strip().lower()):
                if head.startswith(b"content-length"): length = int(head.split()[1])
            file.read(length)
        except OSError: connection = connect(kind); file = connection.makefile("rb")
lines = {"model": b"GET /v1/files HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n", "egress": b"GET http://elsewhere.example/ HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"}
threads = [threading.Thread(target=flood, args=(kind, line, 100)) for kind, line in lines.items() for _ in range(50)]
for each in threads: each.start()
for each in threads: each.join()
print("asked", asked)
"""
