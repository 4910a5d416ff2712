"""Envoy's configuration as values, in the form of its v3 API (https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/api).

Every run has two listeners, each on a UNIX socket of its own: `model` leads to the model's API and adds the credential, `egress`
is a proxy to the hosts the run may reach. Who they are is the socket alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import urlsplit

from vps.proxy import envoy_egress, envoy_model, paths
from vps.proxy import envoy_parts as parts
from vps.proxy.envoy_parts import Json, Ways


def bootstrap() -> bytes:
    """What Envoy starts with: where the rest of its configuration lies."""
    dynamic = {name: parts.file(f"{paths.ENVOY}/{name[:3]}.json") for name in ("lds_config", "cds_config")}
    return json.dumps(
        {
            "node": {"id": "agentflow", "cluster": "agentflow"},
            "admin": {"address": parts.pipe(paths.ADMIN, 0o600)},
            "dynamic_resources": dynamic,
        }
    ).encode()


def listeners(runs: Iterable[tuple[str, bool]], ways: Ways) -> bytes:
    """Those of all runs: their names, and whether they have a network at all."""
    found: list[Json] = []
    for run, has_network in sorted(runs):
        found.append(envoy_model.listener(run, ways.base_url, ways.header))
        if has_network:
            found.append(envoy_egress.listener(run, ways))
    return parts.resources("config.listener.v3.Listener", found)


def clusters(base_url: str, dns: int) -> bytes:
    """The model's API, the gate, and whatever egress leads to."""
    model: Json = {
        "name": "model",
        "type": "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "connect_timeout": "10s",
        "load_assignment": _at("model", _address(base_url)),
    }
    if base_url.startswith("https:"):
        model |= _tls(str(urlsplit(base_url).hostname))
    kind = "extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig"
    egress: Json = {
        "name": "egress",
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": "10s",
        "cluster_type": parts.typed(
            "envoy.clusters.dynamic_forward_proxy", kind, dns_cache_config=parts.dns_cache(dns)
        ),
    }
    gate: Json = {
        "name": "gate",
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": _at("gate", parts.pipe(paths.GATE)),
    }
    # Whoever is held waits in a request each.
    gate["circuit_breakers"] = {
        "thresholds": [dict.fromkeys(("max_connections", "max_pending_requests", "max_requests"), 4096)]
    }
    return parts.resources("config.cluster.v3.Cluster", [model, gate, egress])


def _at(name: str, address: Json) -> Json:
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]}


def _address(base_url: str) -> Json:
    url = urlsplit(base_url)
    port = url.port or (443 if url.scheme == "https" else 80)
    return {"socket_address": {"address": url.hostname, "port_value": port}}


def _tls(host: str) -> Json:
    validation = {
        "trusted_ca": {"filename": paths.ROOTS},
        "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": host}}],
    }
    kind = "extensions.transport_sockets.tls.v3.UpstreamTlsContext"
    tls = parts.typed(
        "envoy.transport_sockets.tls", kind, sni=host, common_tls_context={"validation_context": validation}
    )
    return {"transport_socket": tls}


def secret(value: str) -> bytes:
    """The credential as Envoy reads it."""
    item = {"name": "credential", "generic_secret": {"secret": {"inline_string": value}}}
    return parts.resources("extensions.transport_sockets.tls.v3.Secret", [item])
