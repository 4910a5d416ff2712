"""What the bot counts, in a registry of its own. Names and units follow Prometheus's conventions."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

MESSAGES = Counter("agentflow_messages_sent", "Messages sent into threads.", registry=REGISTRY)
FAILURES = Counter(
    "agentflow_discord_failures", "Calls to Discord that failed and were repeated.", ["kind"], registry=REGISTRY
)
LOG_BYTES = Counter("agentflow_log_read_bytes", "Bytes of runs' logs read from the host.", registry=REGISTRY)
RECONNECTS = Counter("agentflow_gateway_reconnects", "Connections to the gateway after the first.", registry=REGISTRY)
for _kind in ("connection", "forbidden", "rate_limited", "server"):
    FAILURES.labels(_kind)
