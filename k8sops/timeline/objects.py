"""From any object to the moments it tells of: the one call for whoever reads objects of several kinds."""

from __future__ import annotations

from k8sops.core.plan import JsonObject
from k8sops.core.timeline import Moment
from k8sops.timeline.reading_events import moments_of_event
from k8sops.timeline.reading_nodes import moments_of_node
from k8sops.timeline.reading_pods import moments_of_pod
from k8sops.timeline.reading_rollouts import moments_of_revisions, moments_of_workload
from k8sops.timeline.reading_scale import moments_of_autoscaler


def moments_of(kind: str, obj: JsonObject) -> tuple[Moment, ...]:
    """What an object of this kind tells; none for kinds that keep no times.

    Of a ReplicaSet or ControllerRevision alone, what it is; what it changed tells `moments_of_revisions` of them all.
    """
    return tuple(moment for moment in _moments_of(kind, obj) if moment.at_ns > 0)


def _moments_of(kind: str, obj: JsonObject) -> tuple[Moment, ...]:  # noqa: PLR0911 - one return for each kind
    match kind:
        case "Event":
            return moments_of_event(obj)
        case "Pod":
            return moments_of_pod(obj)
        case "Node":
            return moments_of_node(obj)
        case "ReplicaSet" | "ControllerRevision":
            return moments_of_revisions(kind, [obj])
        case "Deployment" | "StatefulSet" | "DaemonSet" | "Job":
            return moments_of_workload(kind, obj)
        case "HorizontalPodAutoscaler":
            return moments_of_autoscaler(obj)
        case _:
            return ()
