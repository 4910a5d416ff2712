"""What a host is told of a run that is to start: its record, its run directory's files and its container, built of the request."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from vps.commands import claude, docker, home
from vps.commands.caches import Cache
from vps.config import AgentConfig
from vps.models import Bounds, RunRecord, RunRequest

_GRACE_S = 8.0
"""What an interrupted turn may take to end its tools and write a result before it gets signals."""


def record_of(request: RunRequest) -> RunRecord:
    """What stays of it: who asked for what, and what it is bound by."""
    return RunRecord(
        name=request.name,
        task=request.task,
        workspace=request.workspace,
        branch=request.branch,
        session_id=request.session_id,
        model=request.options.model,
        timeout_s=request.limits.timeout_s,
        network=request.network,
        secrets=request.secrets,
        options=request.told,
        from_channel=request.from_channel,
        origin=request.origin,
        kin=request.kin,
        bounds=Bounds(
            network=request.network,
            permission_mode=request.options.permission_mode,
            allowed_tools=request.options.allowed_tools,
            disallowed_tools=request.options.disallowed_tools,
            limits=request.limits,
        ),
        created_at=request.created_at,
    )


def preparation(request: RunRequest, config: AgentConfig) -> dict[str, Any]:
    """What the host makes the run directory of."""
    hung = claude.silence(request.env) | {
        "session_id": request.session_id,
        "message": claude.user_message(claude.HUNG_MESSAGE, str(uuid.uuid4())).rstrip("\n"),
    }
    limits = {
        "timeout_s": request.limits.timeout_s,
        "grace_s": _GRACE_S,
        "idle_s": config.idle_s,
        "question_s": config.question_s,
        "hung": hung,
        "disk": request.limits.disk,
        "proxy": request.network != "none",
    }
    return {
        "name": request.name,
        "workspace": request.workspace,
        "run": record_of(request).model_dump(),
        "argv": claude.argv(request.options, request.session_id),
        "argv_resume": claude.argv(request.options, request.session_id, resume=True),
        "environ": claude.environ(request.env, credential=_variable(config), network=request.network),
        "network": request.network,
        "secrets": list(request.secrets),
        "budget_usd": request.options.max_budget_usd,
        "limits": limits,
        "home": home.files(request),
        "inbox": claude.user_message(
            request.task, request.message_id, request.enclosed.told, request.enclosed.pictures
        ),
    }


def container_for(
    request: RunRequest, prepared: Mapping[str, Any], config: AgentConfig, library: str
) -> docker.Container:
    """Its container. `prepared` is the host's answer to the preparation, `library` the directory of its scripts there."""
    return docker.Container(
        name=request.name,
        image=config.image,
        root=config.root,
        workspace=str(prepared["workspace"]),
        library=library,
        gid=prepared["gid"],
        limits=request.limits,
        origin=request.origin,
        cache=Cache(**prepared["cache"]),
        net=prepared["net"],
        children=prepared["children"],
        vault=prepared["vault"],
        branch=request.branch,
        parent=request.kin.parent,
        runtime=config.runtime,
    )


def _variable(config: AgentConfig) -> str:
    """The variable that the credential the gateway adds would stand in."""
    is_oauth = config.api_key is None and config.oauth_token is not None
    return "CLAUDE_CODE_OAUTH_TOKEN" if is_oauth else "ANTHROPIC_API_KEY"
