"""The JSON documents of DESIGN §6, made in one place so that every door prints the same."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from k8sops.core.clock import rfc3339
from k8sops.core.errors import K8sOpsError
from k8sops.core.plan import JsonObject, Plan
from k8sops.core.run import Run


def _encode(value: Any) -> Any:
    return msgspec.to_builtins(value, builtin_types=(datetime,), str_keys=True)


def _times_as_text(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, dict):
        return {key: _times_as_text(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_times_as_text(item) for item in value]
    return value


def plan_document(plan: Plan) -> JsonObject:
    """A plan as JSON, with its digest and risk."""
    document: JsonObject = _times_as_text(_encode(plan))
    document["risk"] = str(plan.risk)
    document["digest"] = plan.digest
    return document


def run_document(run: Run) -> JsonObject:
    """A run as JSON, with its action, headline and plan; what it waits for says since when, as of no reader's clock."""
    document: JsonObject = _times_as_text(_encode(run))
    if run.progress.waiting_for and run.progress.waiting_since is not None:
        since = f"since {run.progress.waiting_since:%H:%M:%S} UTC"
        document["progress"]["waiting_for"] = f"{run.progress.waiting_for}, {since}"
    document["action"] = run.plan.action
    document["headline"] = run.headline
    document["plan"] = plan_document(run.plan)
    return document


def struct_document(value: msgspec.Struct) -> JsonObject:
    """Anything else that is plain data: a run in a list, an event, a schedule."""
    document: JsonObject = _times_as_text(_encode(value))
    return document


def error_document(error: K8sOpsError) -> JsonObject:
    """A failure that ended a command before there was a run."""
    return {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
