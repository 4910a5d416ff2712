"""The listener that leads a run to the hosts it may reach, and which those are."""

from __future__ import annotations

from collections.abc import Iterable

from vps.proxy import envoy_parts as parts
from vps.proxy import paths
from vps.proxy.envoy_parts import Json, Ways
from vps.proxy.inward import Network

_BURST, _PER_SECOND = 400, 100
DENIED = "AgentFlow does not let this agent reach that host.\n"


def listener(run: str, ways: Ways) -> Json:
    """A proxy for tunnels and plain requests."""
    fields = {
        "run": run,
        "at": "%START_TIME(%s.%3f)%",
        "method": "%REQ(:METHOD):16%",
        "to": "%REQ(:AUTHORITY):300%",
        "why": "%RESPONSE_CODE_DETAILS%",
    }
    denied = {"comparison": {"op": "EQ", "value": {"default_value": 403, "runtime_key": "agentflow.denied"}}}
    forward = parts.typed(
        "envoy.filters.http.dynamic_forward_proxy",
        "extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig",
        dns_cache_config=parts.dns_cache(ways.dns),
        save_upstream_address=True,
    )
    return parts.listener(
        run,
        "egress",
        {
            "upgrade_configs": [{"upgrade_type": "CONNECT"}],
            # Python before 3.12 asks for tunnels that way, and with it pip.
            "http_protocol_options": {"accept_http_10": True},
            "access_log": parts.access_log(paths.EGRESS_LOG, fields, filter={"status_code_filter": denied}),
            "http_filters": [_rate(), forward, _outward(ways.inward, ways.permitted), parts.router()],
            "rds": {"route_config_name": f"egress/{run}", "config_source": parts.file(route_file(run))},
        },
    )


def _rate() -> Json:
    bucket = {"max_tokens": _BURST, "tokens_per_fill": _PER_SECOND, "fill_interval": "1s"}
    everything = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    kind = "extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
    fields: Json = {
        "stat_prefix": "egress",
        "token_bucket": bucket,
        "filter_enabled": everything,
        "filter_enforced": everything,
    }
    return parts.typed("envoy.filters.http.local_ratelimit", kind, **fields)


def _outward(inward: list[Network], permitted: list[Network]) -> Json:
    """Judged by the address that is connected to, so no name leads inwards, whatever its DNS says."""
    permission: Json = {"or_rules": {"rules": [_leads_to(each) for each in inward]}}
    if permitted:
        excepted = {"not_rule": {"or_rules": {"rules": [_leads_to(each) for each in permitted]}}}
        permission = {"and_rules": {"rules": [permission, excepted]}}
    policy = {"principals": [{"any": True}], "permissions": [permission]}
    kind = "extensions.filters.http.rbac.v3.RBAC"
    return parts.typed("envoy.filters.http.rbac", kind, rules={"action": "DENY", "policies": {"inward": policy}})


def _leads_to(network: Network) -> Json:
    prefix = {"address_prefix": str(network.network_address), "prefix_len": network.prefixlen}
    kind = "extensions.rbac.matchers.upstream_ip_port.v3.UpstreamIpPortMatcher"
    return {"matcher": parts.typed("envoy.rbac.matchers.upstream_ip_port", kind, upstream_ip=prefix)}


def route_file(run: str) -> str:
    """Where the hosts of one run stand. A file of its own: changing it cuts no connection."""
    return f"{paths.ENVOY}/routes/{run}.json"


def routes(run: str, hosts: Iterable[str] | None) -> bytes:
    """What a run may reach; None is everything outside, by any port.

    A host is a name, `*.name` or an address, with `:port` for another port than 443, and 80 for plain HTTP.
    """
    connect: Json = {
        "match": {"connect_matcher": {}},
        "route": {
            "cluster": "egress",
            "timeout": "0s",
            "upgrade_configs": [{"upgrade_type": "CONNECT", "connect_config": {}}],
        },
    }
    plain: Json = {"match": {"prefix": "/"}, "route": {"cluster": "egress", "timeout": "0s"}}
    wanted = [("*", None)] if hosts is None else [_split(host) for host in sorted(set(hosts))]
    ways: dict[str, list[Json]] = {}
    for name, port in wanted:
        for domain, way in _domains(name, port, connect, plain):
            ways.setdefault(domain, way)
    found = [{"name": domain, "domains": [domain], "routes": way} for domain, way in sorted(ways.items())]
    if hosts is not None:
        answer = {"status": 403, "body": {"inline_string": DENIED}}
        matches: list[Json] = [{"connect_matcher": {}}, {"prefix": "/"}]
        found.append(
            {"name": "denied", "domains": ["*"], "routes": [{"match": m, "direct_response": answer} for m in matches]}
        )
    return parts.resources("config.route.v3.RouteConfiguration", [{"name": f"egress/{run}", "virtual_hosts": found}])


def _split(host: str) -> tuple[str, int | None]:
    name, colon, port = host.rpartition(":")
    return (name, int(port)) if colon and port.isdecimal() else (host, None)


def _domains(name: str, port: int | None, connect: Json, plain: Json) -> list[tuple[str, list[Json]]]:
    """What of a host may be asked for, and how. CONNECT always names the port, a plain request mostly leaves 80 out."""
    if name == "*":
        return [("*", [connect, plain])]
    if port in (None, 443):
        encrypted = [(f"{name}:443", [connect])]
        return encrypted if port else [*encrypted, *_domains(name, 80, connect, plain)]
    if port == 80:
        return [(name, [plain]), (f"{name}:80", [plain])]
    return [(f"{name}:{port}", [connect, plain])]
