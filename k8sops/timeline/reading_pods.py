"""Moments from a pod's status: how its containers ended and began again, why it is not ready, who asked it to end.

The kubelet keeps the last end of each container and how often it was started; what came between has no time of its
own and stands as one moment with its number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from k8sops.core.logs import SECOND_NS
from k8sops.core.moments import in_words
from k8sops.core.plan import JsonObject
from k8sops.core.timeline import Moment
from k8sops.timeline.facts import at, conditions, created, reasoned, sentence, subject_of

STATUSES: Final = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
# Why a pod is asked to end that are no part of a calm day (core/v1 `PodDisruptionConditions`).
_FORCED: Final = frozenset({"TerminationByKubelet", "PreemptionByScheduler", "DeletionByTaintManager"})


def moments_of_pod(pod: JsonObject) -> tuple[Moment, ...]:
    """All that its status tells the time of."""
    status: dict[str, Any] = pod.get("status") or {}
    found: list[Moment] = []
    for part in STATUSES:
        for container in status.get(part) or ():
            found.extend(_of_container(pod, container))
    found.extend(_of_conditions(pod))
    found.extend(_asked_to_end(pod))
    return tuple(found)


def _of_container(pod: JsonObject, told: dict[str, Any]) -> Iterator[Moment]:
    state, restarts = told.get("state") or {}, int(told.get("restartCount") or 0)
    subject = subject_of("Pod", pod, str(told.get("name") or ""))
    last = (told.get("lastState") or {}).get("terminated")
    if last:
        yield from _earlier(pod, subject, last, restarts)
        yield from _end(subject, last, f"; restart {restarts}" if restarts else "", again=True)
    if ended := state.get("terminated"):
        yield from _end(subject, ended, "", again=False)
    began = at((state.get("running") or {}).get("startedAt"))
    if began and restarts:
        yield Moment(at_ns=began, matter="restart", subject=subject, text=f"runs again, restart {restarts}")


def _earlier(pod: JsonObject, subject: str, last: dict[str, Any], restarts: int) -> Iterator[Moment]:
    """The ends before the last one, of which only the number is kept."""
    began, until = at((pod.get("status") or {}).get("startTime")), at(last.get("startedAt"))
    if restarts > 1 and began and until > began:
        yield Moment(
            at_ns=began,
            until_ns=until,
            count=restarts - 1,
            matter="restart",
            subject=subject,
            text="ended and was started again; the kubelet keeps no times of these",
            bad=True,
        )


def _end(subject: str, ended: dict[str, Any], more: str, *, again: bool) -> Iterator[Moment]:
    finished, began = at(ended.get("finishedAt")), at(ended.get("startedAt"))
    if not finished:
        return
    code, reason = int(ended.get("exitCode") or 0), str(ended.get("reason") or "")
    why = f" ({reason})" if reason and reason != "Completed" else ""
    lived = f" {in_words((finished - began) / SECOND_NS)} after its start" if 0 < began <= finished else ""
    message = sentence(ended.get("message"))
    yield Moment(
        at_ns=finished,
        matter="restart",
        subject=subject,
        text=f"ended with exit code {code}{why}{lived}{more}{f': {message}' if message else ''}",
        bad=again or code != 0,
    )


def _of_conditions(pod: JsonObject) -> Iterator[Moment]:
    found, subject = conditions(pod), subject_of("Pod", pod)
    scheduled, ready, ends = (found.get(name) or {} for name in ("PodScheduled", "Ready", "DisruptionTarget"))
    if scheduled.get("status") == "False":
        yield _state(subject, scheduled, f"no node takes it{reasoned(scheduled)}", bad=True)
    elif ready.get("status") == "True":
        yield _state(subject, ready, "became ready")
    elif ready and (pod.get("status") or {}).get("phase") != "Succeeded":
        yield _state(subject, ready, f"is not ready{_waiting(pod) or reasoned(ready)}", bad=True)
    if ends.get("status") == "True":
        forced = str(ends.get("reason") or "") in _FORCED
        yield _state(subject, ends, f"is ended by others{reasoned(ends)}", bad=forced)


def _state(subject: str, condition: dict[str, Any], text: str, *, bad: bool = False) -> Moment:
    return Moment(
        at_ns=at(condition.get("lastTransitionTime")), matter="state", subject=subject, text=text, bad=bad
    )


def _waiting(pod: JsonObject) -> str:
    """`: app: ImagePullBackOff, Back-off pulling image …`, of the first container that cannot start."""
    for part in STATUSES:
        for told in (pod.get("status") or {}).get(part) or ():
            waiting = (told.get("state") or {}).get("waiting") or {}
            reason, message = str(waiting.get("reason") or ""), sentence(waiting.get("message"))
            if reason and reason not in {"ContainerCreating", "PodInitializing"}:
                return f": {told.get('name')}: {reason}{f', {message}' if message else ''}"
    return ""


def _asked_to_end(pod: JsonObject) -> Iterator[Moment]:
    metadata: dict[str, Any] = pod.get("metadata") or {}
    due = at(metadata.get("deletionTimestamp"))
    if due:
        grace = int(metadata.get("deletionGracePeriodSeconds") or 0) * SECOND_NS
        yield Moment(
            at_ns=max(due - grace, created(pod)),
            matter="state",
            subject=subject_of("Pod", pod),
            text="was asked to end, and is still there",
        )
