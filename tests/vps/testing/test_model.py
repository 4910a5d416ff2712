"""The scripted model, seen by the official SDK and by plain HTTP."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from typing import Any, cast

import aiohttp
import anthropic
import httpx2
import pytest
from anthropic.types import Message, MessageParam, ToolResultBlockParam, ToolUnionParam, ToolUseBlock
from pydantic import SecretStr

from vps.testing.model import Reply, Request, ScriptedModel, Text

KEY = SecretStr("sk-ant-api03-for-tests")
MODEL = "claude-opus-4-8"
TOOLS: list[ToolUnionParam] = [{"name": "Bash", "input_schema": {"type": "object"}}]
WAIT_S = 60


@pytest.fixture(autouse=True)
def own_settings_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK takes credentials and addresses from the environment; the tests give it theirs."""
    for name in [name for name in os.environ if name.startswith(("ANTHROPIC_", "CLAUDE_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(api_key=KEY) as model:
        yield model


@pytest.fixture
async def sdk(model: ScriptedModel) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with client(model) as sdk:
        yield sdk


def client(model: ScriptedModel, key: SecretStr = KEY) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(api_key=key.get_secret_value(), base_url=model.url, max_retries=0, timeout=WAIT_S)


async def streamed(sdk: anthropic.AsyncAnthropic, *messages: MessageParam) -> Message:
    async with sdk.messages.stream(model=MODEL, max_tokens=1000, messages=messages, tools=TOOLS) as stream:
        return await stream.get_final_message()


async def whole(sdk: anthropic.AsyncAnthropic, *messages: MessageParam) -> Message:
    return await sdk.messages.create(model=MODEL, max_tokens=1000, messages=messages, tools=TOOLS)


def user(text: str) -> MessageParam:
    return {"role": "user", "content": text}


def after(message: Message, *results: str) -> list[MessageParam]:
    """The messages that carry `results` back to the tools that `message` called."""
    calls = [block.id for block in message.content if isinstance(block, ToolUseBlock)]
    blocks: list[ToolResultBlockParam] = [
        {"type": "tool_result", "tool_use_id": call, "content": result}
        for call, result in zip(calls, results, strict=True)
    ]
    return [{"role": "assistant", "content": message.content}, {"role": "user", "content": blocks}]


class TestWire:
    @pytest.mark.parametrize("task", ["scenario:thinking", "scenario:words:3", "scenario:unicode", "scenario:todo"])
    async def test_a_stream_adds_up_to_the_whole_answer(self, sdk: anthropic.AsyncAnthropic, task: str) -> None:
        in_pieces, at_once = await streamed(sdk, user(task)), await whole(sdk, user(task))
        assert [without_id(block.model_dump()) for block in in_pieces.content] == [
            without_id(block.model_dump()) for block in at_once.content
        ]
        assert in_pieces.stop_reason == at_once.stop_reason
        assert in_pieces.usage.output_tokens == at_once.usage.output_tokens > 0

    async def test_a_tool_call_arrives_with_its_input(self, sdk: anthropic.AsyncAnthropic) -> None:
        message = await streamed(sdk, user("scenario:unicode"))
        call = message.content[0]
        assert isinstance(call, ToolUseBlock)
        assert "日本語 🙂" in cast("dict[str, str]", call.input)["command"]
        assert message.stop_reason == "tool_use"

    async def test_refusal_and_token_limit_are_stop_reasons(self, sdk: anthropic.AsyncAnthropic) -> None:
        assert (await streamed(sdk, user("scenario:refusal"))).stop_reason == "refusal"
        assert (await streamed(sdk, user("scenario:max-tokens"))).stop_reason == "max_tokens"

    async def test_tokens_are_counted(self, sdk: anthropic.AsyncAnthropic) -> None:
        assert (await sdk.messages.count_tokens(model=MODEL, messages=[user("hello")])).input_tokens > 0

    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (401, anthropic.AuthenticationError),
            (429, anthropic.RateLimitError),
            (500, anthropic.InternalServerError),
            (529, anthropic.InternalServerError),
        ],
    )
    async def test_an_api_error_is_the_sdks_own(
        self, sdk: anthropic.AsyncAnthropic, status: int, kind: type[anthropic.APIStatusError]
    ) -> None:
        with pytest.raises(kind) as raised:
            await streamed(sdk, user(f"scenario:error:{status}"))
        assert raised.value.status_code == status
        assert raised.value.response.headers.get("retry-after") == ("1" if status == 429 else None)

    async def test_a_repeated_request_gets_through_after_an_error(self, sdk: anthropic.AsyncAnthropic) -> None:
        with pytest.raises(anthropic.InternalServerError):
            await streamed(sdk, user("scenario:error-then-ok:500"))
        assert (await streamed(sdk, user("scenario:error-then-ok:500"))).stop_reason == "end_turn"

    async def test_an_overloaded_opus_leaves_the_others_free(self, sdk: anthropic.AsyncAnthropic) -> None:
        task = [user("scenario:opus-overloaded")]
        with pytest.raises(anthropic.InternalServerError):
            await sdk.messages.create(model=MODEL, max_tokens=10, messages=task)
        assert await sdk.messages.create(model="claude-sonnet-5", max_tokens=10, messages=task)

    async def test_an_unknown_model_is_not_found(self, sdk: anthropic.AsyncAnthropic) -> None:
        with pytest.raises(anthropic.NotFoundError, match="model: gpt-none"):
            await sdk.messages.create(model="gpt-none", max_tokens=10, messages=[user("hello")])

    async def test_a_malformed_request_names_the_field(self, model: ScriptedModel) -> None:
        status, body = await post(model, {"model": MODEL})
        assert status == 400
        assert body["error"]["type"] == "invalid_request_error"
        assert "messages" in body["error"]["message"]

    @pytest.mark.parametrize(
        ("task", "kind"),
        [
            ("scenario:stream-error", anthropic.APIStatusError),
            ("scenario:drop", httpx2.RemoteProtocolError),
            ("scenario:malformed", json.JSONDecodeError),
        ],
    )
    async def test_a_broken_stream_is_an_error_and_the_whole_answer_is_not(
        self, sdk: anthropic.AsyncAnthropic, task: str, kind: type[Exception]
    ) -> None:
        with pytest.raises(kind):
            await streamed(sdk, user(task))
        assert (await whole(sdk, user(task))).stop_reason == "end_turn"

    async def test_a_paused_stream_is_delivered_in_pieces(self) -> None:
        async with (
            ScriptedModel(script=lambda _: Reply((Text("a" * 100),), pause_s=0.01)) as model,
            client(model) as sdk,
            sdk.messages.stream(model=MODEL, max_tokens=10, messages=[user("go")]) as stream,
        ):
            pieces = [piece async for piece in stream.text_stream]
        assert len(pieces) > 1
        assert "".join(pieces) == "a" * 100


class TestServer:
    async def test_another_key_is_refused_and_none_too(self, model: ScriptedModel) -> None:
        async with client(model, SecretStr("sk-ant-api03-other")) as sdk:
            with pytest.raises(anthropic.AuthenticationError):
                await streamed(sdk, user("hello"))
        other, none = await post(model, {}, {"x-api-key": "other"}), await post(model, {}, {})
        assert [status for status, _body in (other, none)] == [401, 401]
        assert other[1]["error"] == {"type": "authentication_error", "message": "invalid x-api-key"}

    async def test_requests_are_recorded_without_showing_the_key(
        self, model: ScriptedModel, sdk: anthropic.AsyncAnthropic
    ) -> None:
        await streamed(sdk, user("scenario:ok"))
        async with asyncio.timeout(WAIT_S):
            request = await model.wait_for()
        assert request.key == KEY
        assert request.body["messages"] == [user("scenario:ok")]
        assert KEY.get_secret_value() not in repr(request)

    async def test_a_bearer_token_is_a_key(self, model: ScriptedModel) -> None:
        status, _body = await post(
            model,
            {"model": MODEL, "messages": [user("scenario:ok")]},
            {"Authorization": f"Bearer {KEY.get_secret_value()}"},
        )
        assert status == 200

    async def test_probes_are_answered(self, model: ScriptedModel) -> None:
        async with aiohttp.ClientSession(model.url) as http:
            assert (await http.head("/")).status == 200
            assert (await http.get("/v1/unheard-of", headers={"x-api-key": KEY.get_secret_value()})).status == 404

    async def test_a_title_is_answered_without_touching_the_script(self, model: ScriptedModel) -> None:
        asked = {"output_config": {"format": {"type": "json_schema"}}, "messages": [user("scenario:error:500")]}
        status, body = await post(model, {"model": MODEL, **asked})
        assert status == 200
        assert json.loads(body["content"][0]["text"]) == {"title": "Scripted session"}

    async def test_leaving_ends_a_stream_that_hangs(self) -> None:
        async with asyncio.timeout(WAIT_S), aiohttp.ClientSession() as http:
            async with ScriptedModel() as model:
                url = f"{model.url}/v1/messages"
                hanging = await http.post(url, json=body("scenario:hang"), headers={"x-api-key": "any"})
                assert b"message_start" in await hanging.content.readline()
            with pytest.raises(aiohttp.ClientPayloadError):
                await hanging.read()

    async def test_many_agents_are_served_at_once(self, sdk: anthropic.AsyncAnthropic) -> None:
        async def session(count: int) -> str:
            messages: list[MessageParam] = [user(f"scenario:tools:{count}")]
            while (message := await streamed(sdk, *messages)).stop_reason == "tool_use":
                messages += after(message, "done")
            return cast("str", message.content[0].model_dump()["text"])

        async with asyncio.timeout(WAIT_S):
            assert await asyncio.gather(*map(session, range(8))) == [f"{count} tools ran." for count in range(8)]

    async def test_an_address_in_use_is_an_os_error(self, model: ScriptedModel) -> None:
        with pytest.raises(OSError, match="address"):
            async with ScriptedModel(port=int(model.url.rpartition(":")[2])):
                pass


async def post(model: ScriptedModel, body: Any, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    headers = {"x-api-key": KEY.get_secret_value()} if headers is None else headers
    async with (
        aiohttp.ClientSession(model.url) as http,
        http.post("/v1/messages", json=body, headers=headers) as answer,
    ):
        return answer.status, await answer.json()


def body(task: str) -> dict[str, Any]:
    return {"model": MODEL, "stream": True, "messages": [user(task)], "max_tokens": 10}


def without_id(block: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in block.items() if name != "id"}


def test_a_probe_is_not_work() -> None:
    assert not Request("HEAD", "/", {}, None, {}).is_work
