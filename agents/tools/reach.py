"""The tool that lets agents reach a host."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import Field, field_validator

from agents.crew import Crew
from agents.rights import Right
from agents.tools.agents import AgentInput, ours
from agents.tools.core import Call, Output, Tool
from agents.tools.stakes import Stake, always
from vps import hosts
from vps.errors import BadInput
from vps.host.workspaces import SCRATCH
from vps.proxy import inward


class AllowInput(AgentInput):
    """What `allow_host` takes."""

    host: Annotated[
        str, Field(max_length=300, description="example.com, *.example.com, example.com:8443 or an address")
    ]
    always: Annotated[bool, Field(default=False, description="for every agent of its workspace, also later ones")]

    @field_validator("host")
    @classmethod
    def _is_one(cls, value: str) -> str:
        return hosts.host(value)


class AllowOutput(Output):
    """A host that `container_id` may reach from now on, or, with `always`, all agents of `workspace`."""

    container_id: str
    host: str
    workspace: str
    always: bool

    def summary(self) -> str:
        """See `Output.summary`."""
        if not self.always:
            return f"{self.container_id} may reach {self.host} from now on."
        whose = "the scratch workspace" if self.workspace == SCRATCH else self.workspace
        return f"All agents of {whose} may reach {self.host} from now on."


async def _allow(crew: Crew, given: AllowInput, _call: Call) -> AllowOutput:
    _refuse_inward(given.host, crew.settings.AGENTFLOW_ALLOWED_NETWORKS)
    run = await ours(crew, given.container_id)
    workspace = await crew.gateway.allow(run.name, given.host, always=given.always)
    return AllowOutput(container_id=run.name, host=given.host, workspace=workspace, always=given.always)


def _refuse_inward(host: str, permitted: tuple[str, ...]) -> None:
    """A name may lead anywhere and is judged as it is used; what an address leads to is known."""
    try:
        address = ipaddress.ip_address(_without_port(host).strip("[]"))
    except ValueError:
        return
    leads_in = any(address in network for network in inward.networks([]))
    if leads_in and not any(address in network for network in inward.given(list(permitted))):
        remedy = "Whoever runs this bot can except its network, with AGENTFLOW_ALLOWED_NETWORKS."
        raise BadInput("host", f"{host} is the VPS or a private network.", remedy=remedy)


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name if name and port.isdecimal() and not name.endswith(":") else host


ALLOW_HOST = Tool(
    "allow_host",
    "allow",
    "Let an agent reach a host",
    Right.MANAGE,
    AllowInput,
    AllowOutput,
    _allow,
    stakes=always(Stake.OPENS),
)
TOOLS = (ALLOW_HOST,)
