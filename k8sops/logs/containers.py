"""What a pod's status says of its containers, as far as their logs are concerned. Pure: objects in, facts out.

A life is one run of a container. The kubelet counts them in `restartCount`, and while a container waits to begin anew
its log is that of the life that ended (kubernetes, pkg/kubelet `validateContainerLogStatus`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

from k8sops.core.plan import JsonObject

Role = Literal["init", "main", "ephemeral"]

SPECIFIED: Final[dict[str, Role]] = {
    "initContainers": "init",
    "containers": "main",
    "ephemeralContainers": "ephemeral",
}
STATUSES: Final = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")


class Ended(NamedTuple):
    """How a life ended."""

    exit_code: int
    reason: str
    at: str

    @property
    def said(self) -> str:
        """`exit code 137 (OOMKilled) at 03:12:01`."""
        why = f" ({self.reason})" if self.reason else ""
        clock = f" at {self.at[11:19]}" if len(self.at) >= 19 else ""
        return f"exit code {self.exit_code}{why}{clock}"


class ContainerState(NamedTuple):
    """A container as its pod's status tells of it."""

    life: int
    running: bool
    waiting: str
    """Why it waits to begin; empty while it does not."""
    ended: Ended | None
    """How the present life ended; None while it runs or has never run."""
    before: Ended | None
    """How the life before the present one ended."""
    started: str = ""
    """When the present life began; the node's clock, in whole seconds."""

    @property
    def readable(self) -> bool:
        """Whether there is a log at all."""
        return self.running or self.ended is not None


NEVER_RAN = ContainerState(life=0, running=False, waiting="", ended=None, before=None)


def container_names(pod: JsonObject) -> list[str]:
    """All containers, in the order they begin in."""
    return [name for name, _ in containers_of(pod)]


def containers_of(pod: JsonObject) -> list[tuple[str, Role]]:
    """All containers in the order they begin in, and what each is for."""
    spec = pod.get("spec") or {}
    return [(one["name"], role) for part, role in SPECIFIED.items() for one in spec.get(part) or ()]


def is_over(pod: JsonObject) -> bool:
    """Whether none of its containers will ever run again."""
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


def state_of(pod: JsonObject, container: str) -> ContainerState:
    """The state of a container; one that is not told of yet never ran."""
    told = next((one for one in _statuses(pod) if one.get("name") == container), None)
    if told is None:
        return NEVER_RAN
    now, last = told.get("state") or {}, _ended((told.get("lastState") or {}).get("terminated"))
    if "running" in now:
        begun = _begun(now["running"])
        return ContainerState(_life(told), running=True, waiting="", ended=None, before=last, started=begun)
    if "terminated" in now:
        ended, begun = _ended(now["terminated"]), _begun(now["terminated"])
        return ContainerState(_life(told), running=False, waiting="", ended=ended, before=last, started=begun)
    waiting = str((now.get("waiting") or {}).get("reason") or "waiting")
    begun = _begun((told.get("lastState") or {}).get("terminated"))
    return ContainerState(_life(told), running=False, waiting=waiting, ended=last, before=None, started=begun)


def _statuses(pod: JsonObject) -> Iterator[dict[str, Any]]:
    status = pod.get("status") or {}
    for part in STATUSES:
        yield from status.get(part) or ()


def _life(told: dict[str, Any]) -> int:
    return int(told.get("restartCount") or 0)


def _begun(told: dict[str, Any] | None) -> str:
    return str((told or {}).get("startedAt") or "")


def _ended(told: dict[str, Any] | None) -> Ended | None:
    if told is None:
        return None
    return Ended(
        int(told.get("exitCode") or 0), str(told.get("reason") or ""), str(told.get("finishedAt") or "")
    )
