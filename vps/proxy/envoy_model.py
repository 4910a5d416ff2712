"""The listener that leads a run to the model's API."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from vps.proxy import envoy_parts as parts
from vps.proxy import paths
from vps.proxy.envoy_parts import Json

_PATHS = {"/v1/messages": ("POST",), "/v1/messages/count_tokens": ("POST",), "/v1/models": ("GET",)}
"""All that the CLI asks of the model's API. The credential opens nothing else of the account."""
_FROM_AGENTS = ["authorization", "x-api-key", "cookie", "proxy-authorization", "accept-encoding"]
"""Whatever an agent sends of these stays here. Without the last, answers come as they are, to be metered."""
_IDLE_S = 600
_HELD_S = 8 * 86_400
"""A request may wait for a plan's weekly limit."""


def listener(run: str, base_url: str, header: str) -> Json:
    """It adds the credential in `header`, behind whatever the agent sent."""
    fields = {
        "run": run,
        "at": "%START_TIME(%s.%3f)%",
        "path": "%REQ(:PATH):64%",
        "status": "%RESPONSE_CODE%",
        "ms": "%DURATION%",
        "tokens": "%DYNAMIC_METADATA(agentflow)%",
        "used_5h": "%RESP(anthropic-ratelimit-unified-5h-utilization)%",
        "used_7d": "%RESP(anthropic-ratelimit-unified-7d-utilization)%",
        "reset_5h": "%RESP(anthropic-ratelimit-unified-5h-reset)%",
        "reset_7d": "%RESP(anthropic-ratelimit-unified-7d-reset)%",
    }
    return parts.listener(
        run,
        "model",
        {
            "access_log": parts.access_log(paths.MODEL_LOG, fields),
            "http_filters": [_gate(run), _stripped(), _meter(), _credential(header), parts.router()],
            "route_config": _routes(base_url),
        },
    )


def _gate(run: str) -> Json:
    service = {
        "server_uri": {"uri": "http://gate", "cluster": "gate", "timeout": f"{_HELD_S}s"},
        "path_prefix": f"/ask/{run}",
    }
    kind = "extensions.filters.http.ext_authz.v3.ExtAuthz"
    return parts.typed("envoy.filters.http.ext_authz", kind, http_service=service, status_on_error={"code": 503})


def _stripped() -> Json:
    kind = "extensions.filters.http.header_mutation.v3.HeaderMutation"
    gone = {"request_mutations": [{"remove": name} for name in _FROM_AGENTS]}
    return parts.typed("envoy.filters.http.header_mutation", kind, mutations=gone)


def _meter() -> Json:
    source = {"filename": f"{paths.ENVOY}/meter.lua"}
    return parts.typed("envoy.filters.http.lua", "extensions.filters.http.lua.v3.Lua", default_source_code=source)


def _credential(header: str) -> Json:
    # Bearer is part of the secret, so that one header after the other can carry it.
    generic = parts.typed(
        "envoy.http.injected_credentials.generic",
        "extensions.http.injected_credentials.generic.v3.Generic",
        credential={"name": "credential", "sds_config": parts.file(f"{paths.ENVOY}/sds.json")},
        header=header,
    )
    kind = "extensions.filters.http.credential_injector.v3.CredentialInjector"
    return parts.typed("envoy.filters.http.credential_injector", kind, overwrite=True, credential=generic)


def _routes(base_url: str) -> Json:
    url = urlsplit(base_url)
    routes: list[Json] = [
        {
            "match": {"path": path, "headers": [{"name": ":method", "string_match": {"exact": method}}]},
            "route": {
                "cluster": "model",
                "timeout": "0s",
                "retry_policy": {"per_try_idle_timeout": f"{_IDLE_S}s"},
                "prefix_rewrite": url.path.rstrip("/") + path,
                "host_rewrite_literal": url.netloc.rpartition("@")[2],
            },
        }
        for path, methods in _PATHS.items()
        for method in methods
    ]
    refused = json.dumps(
        {"type": "error", "error": {"type": "not_found_error", "message": "The gateway has no such path."}}
    )
    # Nobody is asked about what is refused anyway, so that a flood of it costs the gate nothing.
    unasked = {"@type": f"{parts.TYPE}extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute", "disabled": True}
    routes.append(
        {
            "match": {"prefix": "/"},
            "direct_response": {"status": 404, "body": {"inline_string": refused}},
            "typed_per_filter_config": {"envoy.filters.http.ext_authz": unasked},
        }
    )
    return {
        "name": "model",
        "virtual_hosts": [{"name": "model", "domains": ["*"], "routes": routes}],
    }
