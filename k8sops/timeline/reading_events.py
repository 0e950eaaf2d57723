"""Moments from Events, in both of their forms: core/v1, and events.k8s.io/v1 with its series.

Both are one object in the API server, so that the same event read twice gives the same moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from k8sops.core.plan import JsonObject
from k8sops.core.timeline import Matter, Moment
from k8sops.timeline.facts import at, created, sentence, subject

_SCALING: Final = frozenset({"ScalingReplicaSet", "SuccessfulRescale", "FailedRescale"})
# Events of type Normal that nevertheless tell of trouble (kubernetes, pkg/kubelet/events and the controllers).
_TROUBLE: Final = frozenset(
    {
        "BackOff",
        "Evicted",
        "NodeNotReady",
        "Preempted",
        "TaintManagerEviction",
        "DeletingAllPods",
        "RemovingNode",
    }
)
_NODE: Final = frozenset(
    {
        "NodeReady",
        "NodeNotReady",
        "NodeSchedulable",
        "NodeNotSchedulable",
        "Rebooted",
        "RemovingNode",
        "Shutdown",
    }
)
_ENDING: Final = "Killing"


def node_of_event(event: JsonObject) -> str:
    """The node on which a pod is, or was when it was told of; empty where the event does not say."""
    about: dict[str, Any] = event.get("involvedObject") or event.get("regarding") or {}
    if about.get("kind") != "Pod":
        return ""
    source: dict[str, Any] = event.get("source") or event.get("deprecatedSource") or {}
    if host := source.get("host"):
        return str(host)
    message = str(event.get("message") or event.get("note") or "")
    # The scheduler names it in its sentence alone: "Successfully assigned shop/web-1 to node-4".
    return message.rpartition(" to ")[2].strip() if event.get("reason") == "Scheduled" else ""


def moments_of_event(event: JsonObject) -> tuple[Moment, ...]:
    """The event as it was told first and last; none where it bears no time."""
    about: dict[str, Any] = event.get("involvedObject") or event.get("regarding") or {}
    series: dict[str, Any] = event.get("series") or {}
    occurred = at(event.get("eventTime"))
    first = at(event.get("firstTimestamp") or event.get("deprecatedFirstTimestamp")) or occurred
    last = at(
        series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("deprecatedLastTimestamp")
    )
    first = first or last or created(event)
    if not first:
        return ()
    count = int(series.get("count") or event.get("count") or event.get("deprecatedCount") or 1)
    kind, reason = str(about.get("kind") or "Object"), str(event.get("reason") or "")
    message = sentence(event.get("message") or event.get("note"))
    told = Moment(
        at_ns=first,
        matter=_matter(kind, reason),
        subject=subject(
            kind,
            "" if kind == "Node" else str(about.get("namespace") or ""),
            str(about.get("name") or ""),
            _container(str(about.get("fieldPath") or "")),
        ),
        text=f"{reason}: {message}" if reason and message else reason or message,
        bad=_is_bad(str(event.get("type") or ""), reason, message),
        count=max(1, count),
        until_ns=last if last > first else 0,
    )
    return tuple(_each_change(told)) if told.matter == "scale" else (told,)


def _each_change(told: Moment) -> Iterator[Moment]:
    """The first and the last change by themselves: the same change half an hour later is another, not more of it."""
    if told.count < 2 or not told.until_ns:
        yield told
        return
    yield msgspec.structs.replace(told, count=1, until_ns=0)
    if told.count > 2:
        yield msgspec.structs.replace(told, count=told.count - 2, text=f"{told.text} (in between)")
    yield msgspec.structs.replace(told, at_ns=told.until_ns, count=1, until_ns=0)


def _matter(kind: str, reason: str) -> Matter:
    if reason in _SCALING:
        return "scale"
    return "node" if kind == "Node" and reason in _NODE else "event"


def _is_bad(kind: str, reason: str, message: str) -> bool:
    if reason == _ENDING:
        # A pod that is deleted is ended too; only one that failed its probe is in trouble.
        return "failed" in message
    return kind == "Warning" or reason in _TROUBLE


def _container(field_path: str) -> str:
    """`app` of `spec.containers{app}`."""
    _, brace, rest = field_path.partition("{")
    return rest.removesuffix("}") if brace else ""
