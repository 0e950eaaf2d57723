"""What objects tell of when something happened: events, pods, nodes, autoscalers, as the API server serves them."""

from __future__ import annotations

from typing import Any

from k8sops.core.plan import JsonObject
from k8sops.timeline.objects import moments_of
from tests.timeline.moments import ns, stamp


def _event(**more: Any) -> JsonObject:
    return {
        "involvedObject": {
            "kind": "Pod",
            "namespace": "shop",
            "name": "web-1",
            "fieldPath": "spec.containers{app}",
        },
        "reason": "BackOff",
        "message": "Back-off restarting failed container app",
        "type": "Warning",
        "firstTimestamp": stamp("05:00"),
        "lastTimestamp": stamp("09:30"),
        "count": 12,
        **more,
    }


def _pod(container: JsonObject, **status: Any) -> JsonObject:
    return {
        "metadata": {"namespace": "shop", "name": "web-1", "creationTimestamp": stamp("00:00")},
        "status": {
            "startTime": stamp("00:05"),
            "containerStatuses": [{"name": "app", **container}],
            **status,
        },
    }


def test_an_event_told_many_times_is_one_moment_with_its_number() -> None:
    """A crash loop is one line of a post-mortem, not three hundred."""
    (one,) = moments_of("Event", _event())
    assert (one.at_ns, one.until_ns, one.count) == (ns("05:00"), ns("09:30"), 12)
    assert one.subject == "Pod shop/web-1 (app)"
    assert one.text == "BackOff: Back-off restarting failed container app"
    assert one.bad


def test_the_newer_form_of_an_event_gives_the_same_moment() -> None:
    """The same object is served under both groups, and must not stand there twice."""
    old = _event()
    new = {
        "regarding": old["involvedObject"],
        "reason": "BackOff",
        "note": old["message"],
        "type": "Warning",
        "deprecatedFirstTimestamp": old["firstTimestamp"],
        "deprecatedLastTimestamp": old["lastTimestamp"],
        "deprecatedCount": 12,
    }
    assert moments_of("Event", new) == moments_of("Event", old)


def test_an_event_with_a_series_lasts_as_long_as_the_series() -> None:
    """The scheduler writes these: eventTime, and a series in place of a count."""
    series = {"count": 4, "lastObservedTime": "2026-11-22T16:07:00.250000Z"}
    given = _event(
        eventTime="2026-11-22T16:05:00.500000Z", series=series, firstTimestamp=None, lastTimestamp=None
    )
    (one,) = moments_of("Event", given | {"count": None})
    assert (one.at_ns, one.until_ns, one.count) == (ns("05:00.5"), ns("07:00.25"), 4)


def test_replicas_changed_by_a_deployment_are_a_matter_of_scale() -> None:
    """They are what one looks for first beside a rollout."""
    about = {"kind": "Deployment", "namespace": "shop", "name": "web"}
    (one,) = moments_of(
        "Event", _event(involvedObject=about, reason="ScalingReplicaSet", type="Normal", count=1)
    )
    assert (one.matter, one.bad, one.subject) == ("scale", False, "Deployment shop/web")


def test_a_change_of_scale_that_is_told_again_later_stands_at_both_times() -> None:
    """Kubernetes counts up the old event: the way back of an incident would hide in its beginning."""
    about = {"kind": "Deployment", "namespace": "shop", "name": "web"}
    given = _event(involvedObject=about, reason="ScalingReplicaSet", type="Normal", count=2)
    first, last = moments_of("Event", given)
    assert [(one.at_ns, one.count, one.until_ns) for one in (first, last)] == [
        (ns("05:00"), 1, 0),
        (ns("09:30"), 1, 0),
    ]
    _, between, _ = moments_of("Event", given | {"count": 5})
    assert (between.count, between.until_ns) == (3, ns("09:30"))


def test_an_event_of_a_node_has_no_namespace_though_it_is_kept_in_one() -> None:
    """Events of cluster-scoped objects lie in `default`; the node does not."""
    about = {"kind": "Node", "name": "node-4", "namespace": ""}
    (one,) = moments_of("Event", _event(involvedObject=about, reason="NodeNotReady", type="Normal"))
    assert (one.matter, one.subject, one.bad) == ("node", "Node node-4", True)


def test_a_container_that_was_restarted_tells_its_last_end_and_how_many_went_before() -> None:
    """The kubelet keeps one end's time and the number of all: what is not known is not made up."""
    last = {"exitCode": 137, "reason": "OOMKilled", "startedAt": stamp("20:00"), "finishedAt": stamp("20:04")}
    running = {"running": {"startedAt": stamp("20:30")}}
    found = moments_of("Pod", _pod({"restartCount": 5, "lastState": {"terminated": last}, "state": running}))
    earlier, ended, again = found
    assert (earlier.count, earlier.at_ns, earlier.until_ns) == (4, ns("00:05"), ns("20:00"))
    assert ended.text == "ended with exit code 137 (OOMKilled) 4 s after its start; restart 5"
    assert ended.bad
    assert (again.at_ns, again.bad) == (ns("20:30"), False)


def test_a_job_s_container_that_did_its_work_is_no_trouble() -> None:
    """Exit code 0 and nothing after it: that is how it should be."""
    done = {"exitCode": 0, "reason": "Completed", "startedAt": stamp("01:00"), "finishedAt": stamp("02:00")}
    (one,) = moments_of("Pod", _pod({"restartCount": 0, "state": {"terminated": done}}, phase="Succeeded"))
    assert not one.bad
    assert one.text == "ended with exit code 0 1 min after its start"


def test_a_pod_no_node_takes_says_what_the_scheduler_said() -> None:
    """The message is the whole explanation."""
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/5 nodes are available:\n 5 Insufficient cpu.",
        "lastTransitionTime": stamp("03:00"),
    }
    (one,) = moments_of("Pod", _pod({}, conditions=[condition]))
    assert one.text == "no node takes it: Unschedulable, 0/5 nodes are available: 5 Insufficient cpu."
    assert one.bad


def test_a_pod_that_is_not_ready_names_what_its_container_waits_for() -> None:
    """`ContainersNotReady` says nothing; `ImagePullBackOff` says all."""
    ready = {
        "type": "Ready",
        "status": "False",
        "reason": "ContainersNotReady",
        "lastTransitionTime": stamp("03:00"),
    }
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
    (one,) = moments_of("Pod", _pod({"state": waiting}, conditions=[ready]))
    assert one.text == "is not ready: app: ImagePullBackOff, Back-off pulling image"


def test_a_node_tells_when_it_was_lost_and_which_pressure_is_over() -> None:
    """A pressure that was false from the node's first minute never was one."""
    node = {
        "metadata": {"name": "node-4", "creationTimestamp": stamp("00:00")},
        "status": {
            "conditions": [
                {
                    "type": "Ready",
                    "status": "Unknown",
                    "reason": "NodeStatusUnknown",
                    "lastTransitionTime": stamp("30:00"),
                },
                {"type": "MemoryPressure", "status": "False", "lastTransitionTime": stamp("25:00")},
                {"type": "DiskPressure", "status": "False", "lastTransitionTime": stamp("00:10")},
            ]
        },
    }
    assert [(one.text, one.bad) for one in moments_of("Node", node)] == [
        ("is not ready: NodeStatusUnknown", True),
        ("MemoryPressure is over", False),
    ]


def test_a_node_closed_by_us_says_by_whom_and_why() -> None:
    """`cordon` writes it down for exactly this question."""
    marks = {
        "k8sops.dev/cordon-at": stamp("10:00"),
        "k8sops.dev/cordon-by": "alice",
        "k8sops.dev/cordon-reason": "disk swap",
    }
    (one,) = moments_of("Node", {"metadata": {"name": "node-4", "annotations": marks}})
    assert one.text == "takes no new pods, closed by alice: disk swap"


def test_an_autoscaler_tells_its_last_change_and_why_it_cannot_make_another() -> None:
    """A workload that did not scale when it should have is half of all incidents."""
    autoscaler = {
        "metadata": {"namespace": "shop", "name": "web"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}},
        "status": {
            "lastScaleTime": stamp("10:00"),
            "desiredReplicas": 6,
            "conditions": [
                {
                    "type": "ScalingActive",
                    "status": "False",
                    "reason": "FailedGetResourceMetric",
                    "lastTransitionTime": stamp("12:00"),
                }
            ],
        },
    }
    scaled, stuck = moments_of("HorizontalPodAutoscaler", autoscaler)
    assert (scaled.text, scaled.matter) == ("set Deployment/web to 6 replicas", "scale")
    assert (stuck.text, stuck.bad) == ("cannot scale: FailedGetResourceMetric", True)


def test_kinds_that_keep_no_times_and_objects_without_any_tell_nothing() -> None:
    """Whoever dumps objects hands over all of them."""
    assert moments_of("ConfigMap", {"metadata": {"name": "x"}}) == ()
    assert moments_of("Event", {"reason": "Nothing"}) == ()
    assert moments_of("Pod", {"metadata": {"name": "x"}}) == ()
