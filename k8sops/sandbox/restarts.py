"""Restarts one container of a played pod now, as a kubelet would after its process ended: for tests and demonstrations.

Nothing runs in such a container; that it was restarted is what its pod's status says, and what its log follows.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from k8sops.core.clock import Clock, SystemClock
from k8sops.core.errors import ConflictError, SandboxError
from k8sops.core.ports import Cluster

JsonObject = dict[str, Any]

ATTEMPTS: Final = 5
"""kwok may write the status at the same moment."""
AHEAD: Final = timedelta(seconds=0.5)
"""A status has whole seconds: the end is put at the nearest, so that the news of it is there before the end itself."""


async def restart_container(
    cluster: Cluster,
    namespace: str,
    pod: str,
    container: str,
    *,
    exit_code: int = 1,
    clock: Clock | None = None,
) -> int:
    """End the container's present life with an exit code and begin the next; returns its new restart count.

    Raises SandboxError where it does not run, NotFoundError where there is no such pod.
    """
    resource = await cluster.resource("pods")
    for attempt in range(ATTEMPTS):
        found = await cluster.get(resource, pod, namespace)
        statuses = found.get("status", {}).get("containerStatuses") or []
        mine = next((one for one in statuses if one["name"] == container), None)
        if mine is None or "running" not in mine.get("state", {}):
            raise SandboxError(f"container {container} of pod {namespace}/{pod} does not run")
        again = _restarted(mine, exit_code, (clock or SystemClock()).now())
        body = {
            "metadata": {"resourceVersion": found["metadata"]["resourceVersion"]},
            "status": {"containerStatuses": [again if one is mine else one for one in statuses]},
        }
        try:
            await cluster.patch(resource, pod, namespace, body=body, subresource="status")
        except ConflictError:
            if attempt == ATTEMPTS - 1:
                raise
        else:
            break
    return int(again["restartCount"])


def _restarted(status: JsonObject, exit_code: int, now: datetime) -> JsonObject:
    at = (now.astimezone(UTC) + AHEAD).strftime("%Y-%m-%dT%H:%M:%SZ")
    end = {
        "exitCode": exit_code,
        "reason": "Error" if exit_code else "Completed",
        "startedAt": status["state"]["running"]["startedAt"],
        "finishedAt": at,
        "containerID": status.get("containerID", ""),
    }
    return {
        **status,
        "restartCount": status.get("restartCount", 0) + 1,
        "lastState": {"terminated": end},
        "state": {"running": {"startedAt": at}},
    }
