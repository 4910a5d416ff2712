"""The gateway's directory, `<root>/gateway` on the host and mounted at HOME in its container.

settings.json        the control plane's: the model's address, hosts, networks, budgets
credential.json      the model's key or token; nobody but its owner may read it
grants.json          what people added to budgets
specs/<name>.json    a run that may use its sockets: network, person, workspace, budget_usd, hosts, parent, ancestors;
                     `talk` marks a conversation, whose requests are never held
allowed/<name>.json  hosts that a workspace's agents may reach besides
runs/<name>/         mounted in the agent's container: model.sock, egress.sock, notices.jsonl
status.json          how the credential and the plan's limit stand
books.sqlite3        what every request cost
envoy/, log/         Envoy's configuration and its access logs
.lock                held by whoever changes one of these that others change too
gate.sock            where Envoy asks whether a request may go on
"""

from __future__ import annotations

HOME = "/gateway"
SETTINGS = HOME + "/settings.json"
CREDENTIAL = HOME + "/credential.json"
GRANTS = HOME + "/grants.json"
SPECS = HOME + "/specs"
ALLOWED = HOME + "/allowed"
RUNS = HOME + "/runs"
STATUS = HOME + "/status.json"
BOOKS = HOME + "/books.sqlite3"
ENVOY = HOME + "/envoy"
LOG = HOME + "/log"
LOCK = HOME + "/.lock"
GATE = HOME + "/gate.sock"
ADMIN = HOME + "/admin.sock"

MODEL_LOG = LOG + "/model.jsonl"
EGRESS_LOG = LOG + "/egress.jsonl"
ENVOY_BINARY = "/usr/local/bin/envoy"
ROOTS = "/etc/ssl/certs/ca-certificates.crt"
