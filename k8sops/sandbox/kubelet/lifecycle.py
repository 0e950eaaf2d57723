"""What becomes of a container whose command ends: the status a kubelet would write, by the pod's restart policy.

Only containers somebody attached to run a command of their own (`kubectl run -it`, `kubectl debug`); all others are
played by kwok, which writes their status.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from k8sops.sandbox.podlookup import JsonObject, PodLookup

ATTEMPTS: Final = 5
"""Somebody else may write the status at the same moment."""


async def container_ended(api: PodLookup, pod: JsonObject, container: str, code: int) -> None:
    """Put the end of a container's command on record; a pod that is gone needs none."""
    metadata = pod["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
    for _ in range(ATTEMPTS):
        now = await api.get(metadata["namespace"], metadata["name"])
        if now is None or now["metadata"]["uid"] != metadata["uid"]:
            return
        now["status"] |= status_after(now, container, code, datetime.now(UTC))
        if (await api.ask("PUT", f"{path}/status", now))[0] != 409:
            return


def status_after(pod: Mapping[str, Any], container: str, code: int, moment: datetime) -> JsonObject:
    """The parts of the pod's status that change when the command of a running container ends."""
    at = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    spec, status = pod["spec"], pod.get("status", {})
    policy = spec.get("restartPolicy", "Always")
    changed: JsonObject = {}
    for kind in ("containerStatuses", "ephemeralContainerStatuses"):
        again = kind == "containerStatuses" and (policy == "Always" or (policy == "OnFailure" and code))
        changed[kind] = [
            _after(one, code, at, again=bool(again)) if one["name"] == container else one
            for one in status.get(kind) or ()
        ]
    ends = [one["state"].get("terminated") for one in changed["containerStatuses"]]
    if ends and all(ends):
        bad = any(end["exitCode"] for end in ends)
        changed["phase"] = "Failed" if bad else "Succeeded"
        reason = "PodFailed" if bad else "PodCompleted"
        changed["conditions"] = [
            {**one, "status": "False", "reason": reason, "lastTransitionTime": at}
            if one["type"] in {"Ready", "ContainersReady"}
            else one
            for one in status.get("conditions") or ()
        ]
    return {name: value for name, value in changed.items() if value}


def _after(one: JsonObject, code: int, at: str, *, again: bool) -> JsonObject:
    running = one.get("state", {}).get("running")
    if not running:
        return one
    end = {
        "exitCode": code,
        "reason": "Error" if code else "Completed",
        "startedAt": running["startedAt"],
        "finishedAt": at,
        "containerID": one.get("containerID", ""),
    }
    if not again:
        return {**one, "ready": False, "started": False, "state": {"terminated": end}}
    return {
        **one,
        "restartCount": one.get("restartCount", 0) + 1,
        "lastState": {"terminated": end},
        "state": {"running": {"startedAt": at}},
    }
