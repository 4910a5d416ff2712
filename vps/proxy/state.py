"""What the gateway knows: its files, read again when they change."""

from __future__ import annotations

import ipaddress
import os
import shutil
import time
from typing import Any

from vps.host import layout
from vps.host.files import write_atomically
from vps.proxy import envoy, envoy_egress, inward, paths
from vps.proxy.envoy_parts import Ways

_UNKNOWN_S = 3600.0

Json = dict[str, Any]


def read(path: str) -> Json:
    """A JSON object; an empty one where there is none."""
    return layout.read_json(path) or {}


class State:
    """`settings`, `credential`, `grants` and the `runs` (by name, their specs) as they were last read."""

    def __init__(self) -> None:
        self.dns = 0
        """The port at which names are looked up."""
        self.settings: Json = {}
        self.credential: Json = {}
        self.grants: list[Json] = []
        self.runs: dict[str, Json] = {}
        self._written: dict[str, bytes] = {}

    def load(self) -> None:
        """Read everything anew and have Envoy know."""
        self.settings = read(paths.SETTINGS)
        self.credential = read(paths.CREDENTIAL)
        self.grants = list(read(paths.GRANTS).get("grants", []))
        specs = {name: read(os.path.join(paths.SPECS, f"{name}.json")) for name in _names(paths.SPECS)}
        # One that was listed and then revoked has none: it would be nobody's, without a budget.
        self.runs = {name: spec for name, spec in specs.items() if spec}
        self._configure()

    def sweep(self) -> None:
        """Remove what is left of runs that ended long ago. At once, it would be missed by one that is woken before Envoy has seen
        it gone: to Envoy nothing changed, and it makes no other sockets."""
        for name in os.listdir(paths.RUNS):
            place = os.path.join(paths.RUNS, name)
            if name not in self.runs and time.time() - os.lstat(place).st_mtime > _UNKNOWN_S:
                shutil.rmtree(place, ignore_errors=True)

    def hosts(self, run: str) -> list[str] | None:
        """What a run may reach; None is everything outside."""
        spec = self.runs[run]
        if spec.get("network") == "open":
            return None
        allowed = read(os.path.join(paths.ALLOWED, f"{spec.get('workspace', '')}.json"))
        return [*self.settings.get("hosts", []), *spec.get("hosts", []), *allowed.get("hosts", [])]

    def is_inward(self, address: str) -> bool:
        """Whether no name may lead to an address, the operator's permission aside."""
        found = ipaddress.ip_address(address.partition("%")[0])
        permitted = inward.given(self.settings.get("networks", []))
        if any(found in network for network in permitted):
            return False
        return any(found in network for network in inward.networks(inward.own_addresses()))

    def _configure(self) -> None:
        base_url = str(self.settings.get("base_url", "http://localhost"))
        own = inward.networks(inward.own_addresses())
        permitted = inward.given(self.settings.get("networks", []))
        networked = {run: spec.get("network") != "none" for run, spec in self.runs.items()}
        is_key = self.credential.get("kind") == "api_key"
        secret = str(self.credential.get("secret", ""))
        # Whatever a listener names has to be there before it.
        self._put("sds.json", envoy.secret(secret if is_key else f"Bearer {secret}"))
        self._put("cds.json", envoy.clusters(base_url, self.dns))
        for run in networked:
            self._put(f"routes/{run}.json", envoy_egress.routes(run, self.hosts(run)))
        header = "x-api-key" if is_key else "authorization"
        self._put("lds.json", envoy.listeners(networked.items(), Ways(base_url, header, own, permitted, self.dns)))
        self._forget(set(networked))

    def _put(self, name: str, data: bytes) -> None:
        if self._written.get(name) != data:
            write_atomically(os.path.join(paths.ENVOY, name), data, 0o600)
            self._written[name] = data

    def _forget(self, runs: set[str]) -> None:
        """Of runs that are gone, nothing stays."""
        for name in [name for name in self._written if name.startswith("routes/") and name[7:-5] not in runs]:
            del self._written[name]
        for file in os.listdir(os.path.join(paths.ENVOY, "routes")):
            if file.removesuffix(".json") not in runs:
                os.unlink(os.path.join(paths.ENVOY, "routes", file))


def _names(directory: str) -> list[str]:
    names = (file.removesuffix(".json") for file in os.listdir(directory))
    return sorted(name for name in names if layout.NAME.fullmatch(name) or layout.TALK.fullmatch(name))
