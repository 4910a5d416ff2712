"""What the parts of Envoy's configuration are made of."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from vps.proxy import paths
from vps.proxy.inward import Network

Json = dict[str, Any]

TYPE = "type.googleapis.com/envoy."
_CONNECTIONS = 128


class Ways(NamedTuple):
    """What all runs have in common: the model's address, the header that carries the credential, and which networks no name may
    lead into, except for those permitted; the port at which names are looked up."""

    base_url: str
    header: str
    inward: list[Network]
    permitted: list[Network]
    dns: int


def typed(name: str, kind: str, **fields: Any) -> Json:
    """A named part of a kind of its own."""
    return {"name": name, "typed_config": {"@type": TYPE + kind, **fields}}


def file(path: str) -> Json:
    """Read from a file, anew whenever another is renamed into its place."""
    return {"path_config_source": {"path": path}, "resource_api_version": "V3"}


def resources(kind: str, items: Iterable[Json]) -> bytes:
    """A file of resources of one kind."""
    return json.dumps({"resources": [{"@type": TYPE + kind, **item} for item in items]}, sort_keys=True).encode()


def pipe(path: str, mode: int = 0) -> Json:
    """The address of a UNIX socket."""
    return {"pipe": {"path": path, **({"mode": mode} if mode else {})}}


def dns_cache(port: int) -> Json:
    """Names are looked up by vps.proxy.resolver, which gives Envoy one address to judge and to connect to."""
    resolver: Json = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    kind = "extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"
    options = {"no_default_search_domain": True}
    cares = typed("envoy.network.dns_resolver.cares", kind, resolvers=[resolver], dns_resolver_options=options)
    own: Json = {"dns_lookup_family": "V4_PREFERRED", "max_hosts": 4096, "typed_dns_resolver_config": cares}
    return {"name": "egress", **own}


def listener(run: str, kind: str, manager: Json) -> Json:
    """One on a run's socket of that kind; `manager` is what is special of its HTTP."""
    limit = typed(
        "envoy.filters.network.connection_limit",
        "extensions.filters.network.connection_limit.v3.ConnectionLimit",
        stat_prefix=kind,
        max_connections=_CONNECTIONS,
    )
    common: Json = {
        "stat_prefix": kind,
        "codec_type": "HTTP1",
        "stream_idle_timeout": "0s",
        "request_timeout": "0s",
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "server_name": "agentflow",
        "generate_request_id": False,
    }
    http = typed(
        "envoy.filters.network.http_connection_manager",
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        **common,
        **manager,
    )
    # Anybody who sees the socket may connect: only its own container has the directory.
    address = pipe(f"{paths.RUNS}/{run}/{kind}.sock", 0o666)
    return {"name": f"{kind}/{run}", "address": address, "filter_chains": [{"filters": [limit, http]}]}


def access_log(path: str, fields: Json, **more: Any) -> list[Json]:
    """A JSON object a line."""
    kind = "extensions.access_loggers.file.v3.FileAccessLog"
    return [{**typed("envoy.access_loggers.file", kind, path=path, log_format={"json_format": fields}), **more}]


def router() -> Json:
    """The last filter: on to where a route leads."""
    return typed("envoy.filters.http.router", "extensions.filters.http.router.v3.Router", suppress_envoy_headers=True)
