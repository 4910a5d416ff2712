"""The way to the model: it opens three paths of the API, and as nobody but its own run."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.redteam.lab import SECRET, WITHIN_S, Lab

_BODY = json.dumps(
    {"model": "claude-sonnet-4-5", "max_tokens": 5, "messages": [{"role": "user", "content": "scenario:ok"}]}
)


def _request(line: str, *headers: str, body: str = "") -> str:
    lines = [
        line,
        "Host: localhost",
        "Connection: close",
        *headers,
        *([f"Content-Length: {len(body)}"] if body else []),
    ]
    return "\r\n".join(lines) + "\r\n\r\n" + body


_ASKS = _request("POST /v1/messages HTTP/1.1", "Content-Type: application/json", body=_BODY)


async def test_a_message_gets_its_answer_and_not_the_key(lab: Lab) -> None:
    (said,) = await lab.raw(_ASKS, sock="model")
    assert said.startswith("HTTP/1.1 200 ")
    assert "All is well." in said
    request = lab.machine.model.requests[-1]
    assert request.key is not None
    assert request.key.get_secret_value() == SECRET


async def test_no_other_path_of_the_account_is_reached(lab: Lab) -> None:
    paths = (
        "/v1/files", "/v1/organizations/me", "/v1/messages/batches", "/v1/messages/../files", "/v1/messages/%2e%2e/files",
        "/v1/messages%2f..%2ffiles", "/v1/messages/..%5cfiles", "//v1//files", "/v1/messages;/../files", "/../v1/files",
        "/v1/messages/count_tokens/../../files", "/V1/MESSAGES", "/v1/messages%00", "/api/oauth/claude_cli/create_api_key", "*", "",
    )  # fmt: skip
    methods = ("GET", "POST", "DELETE", "OPTIONS")
    before = len(lab.machine.model.requests)

    answers = await lab.raw(
        *(_request(f"{method} {path} HTTP/1.1") for path in paths for method in methods),
        *(
            _request(f"{method} /v1/messages HTTP/1.1")
            for method in ("GET", "PUT", "DELETE", "TRACE", "PATCH", "OPTIONS")
        ),
        sock="model",
    )

    assert {answer[9:12] for answer in answers} <= {"400", "404", "503"}
    assert len(lab.machine.model.requests) == before, "one went on to the API"


async def test_neither_absolute_addresses_nor_hosts_nor_connect_lead_the_key_elsewhere(lab: Lab) -> None:
    api = lab.machine.model
    before, elsewhere = len(api.requests), (await lab.outside_heard()).count("POST /v1/messages")
    absolute = _ASKS.replace("POST /", "POST http://outside.example/")
    answers = await lab.raw(
        absolute,
        _ASKS.replace("Host: localhost", "Host: outside.example"),
        _ASKS.replace("Host: localhost", "Host: outside.example\r\nX-Forwarded-Host: outside.example\r\nForwarded: host=outside.example"),
        _request("CONNECT outside.example:80 HTTP/1.1"),
        _request("CONNECT outside.example:443 HTTP/1.1") + _ASKS,
        sock="model",
    )  # fmt: skip

    assert [answer[9:12] for answer in answers] == ["200", "200", "200", "404", "404"]
    assert [request.headers["host"] for request in list(api.requests)[before:]] == [api.url.removeprefix("http://")] * 3
    assert (await lab.outside_heard()).count("POST /v1/messages") == elsewhere


async def test_two_lengths_of_a_request_smuggle_none_past_the_gate(lab: Lab) -> None:
    hidden = "GET /v1/files HTTP/1.1\r\nHost: localhost\r\n\r\n"
    before = len(lab.machine.model.requests)
    answers = await lab.raw(
        _request("POST /v1/messages HTTP/1.1", "Transfer-Encoding: chunked", body="0\r\n\r\n" + hidden),
        _request("POST /v1/messages HTTP/1.1", "Content-Length: 0", body=hidden),
        _request("POST /v1/messages HTTP/1.1", "Transfer-Encoding: xchunked", body="0\r\n\r\n" + hidden),
        _request("POST /v1/messages HTTP/1.1", "Transfer-Encoding : chunked", body="0\r\n\r\n" + hidden),
        _request("POST /v1/messages HTTP/1.1\nX: y", body=hidden),
        sock="model",
    )
    assert {answer[9:12] for answer in answers} <= {"400", "501", ""}, answers
    assert "/v1/files" not in {request.path for request in list(lab.machine.model.requests)[before:]}


async def test_a_credential_of_the_agents_own_is_replaced(lab: Lab) -> None:
    own = ("x-api-key: sk-ant-mine", "Authorization: Bearer mine", "Cookie: a=b", "Proxy-Authorization: Basic bWluZQ==")
    (said,) = await lab.raw(_ASKS.replace("Connection: close", "\r\n".join(("Connection: close", *own))), sock="model")
    assert said.startswith("HTTP/1.1 200 ")
    request = lab.machine.model.requests[-1]
    assert request.key is not None
    assert request.key.get_secret_value() == SECRET
    assert not {"authorization", "cookie", "proxy-authorization"} & set(request.headers)


@pytest.mark.parametrize("trusted", ["x-forwarded-for: 10.0.0.1", "x-envoy-internal: true"])
async def test_the_gateways_own_headers_have_it_repeat_no_request_behind_the_budgets_back(
    lab: Lab, trusted: str
) -> None:
    retry = (
        "x-envoy-retry-on: retriable-status-codes",
        "x-envoy-retriable-status-codes: 200",
        "x-envoy-max-retries: 4",
    )
    before = len(lab.machine.model.requests)
    await lab.raw(_ASKS.replace("Connection: close", "\r\n".join(("Connection: close", trusted, *retry))), sock="model")
    assert len(lab.machine.model.requests) == before + 1


async def calls(lab: Lab) -> dict[str, int]:
    """How often each run's requests were counted."""
    return {row[0]: row[2] for row in (await lab.machine.gateway.usage(1))["runs"]}


async def test_another_runs_identity_cannot_be_taken(lab: Lab) -> None:
    """Who asks is the socket alone: neither a path nor a header names another run, and its socket is not there."""
    before = await calls(lab)
    names = (f"X-AgentFlow-Run: {lab.bystander}", f"x-envoy-original-path: /ask/{lab.bystander}/v1/messages")
    named = _ASKS.replace("Connection: close", "\r\n".join(("Connection: close", *names)))
    led = _ASKS.replace("/v1/messages", f"/../{lab.bystander}/v1/messages")
    answers = await lab.raw(named, led, sock="model")
    seen = await lab.sh(f"""
        cd /tmp && ln -sfn {lab.machine.root}/gateway/runs/{lab.bystander} theirs; ls theirs/ 2>&1; rm theirs; ls /run/agentflow/net
    """)
    async with asyncio.timeout(WITHIN_S):
        while (after := await calls(lab)).get(lab.agent, 0) == before.get(lab.agent, 0):
            await asyncio.sleep(0.1)

    assert [answer[9:12] for answer in answers] == ["200", "404"]
    assert "No such file" in seen
    assert {"model.sock", "egress.sock"} <= set(seen.split())
    assert after[lab.agent] > before.get(lab.agent, 0), "the books are not kept by the socket"
    assert after.get(lab.bystander) == before.get(lab.bystander)
