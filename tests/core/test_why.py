"""Why a pod, a workload or a node is not well: objects of the seeded sandbox as they were read, and made-up ones."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from k8sops.core.overview import Gauge
from k8sops.core.plan import JsonObject
from k8sops.core.why import Why, why_of_pod
from k8sops.core.why_owners import blocked_budget, why_of_job, why_of_node, why_of_workload

COMPANY: dict[str, dict[str, Any]] = msgspec.json.decode(
    Path(__file__).with_name("troubled-company.json").read_bytes()
)
READ_AT = datetime(2026, 11, 22, 1, 47, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def _why(title: str) -> Why | None:
    found = COMPANY[title]
    status = found["workload"]["status"]
    ready = f"{status.get('readyReplicas', 0)}/{found['workload']['spec']['replicas']}"
    pods = [why for pod in found["pods"] if (why := why_of_pod(pod, READ_AT))]
    return why_of_workload(found["workload"], ready, pods[0] if pods else None)


@pytest.mark.parametrize(
    ("title", "gauge", "words"),
    [
        ("shop/checkout", "bad", ("none of its 3 pods", "crash-loops", "code 1 (Error)", "after its start")),
        ("legacy/report-builder", "bad", ("killed for memory at its limit of 64Mi", "4 restarts")),
        ("batch/forecast", "bad", ("no node takes it", "didn't match Pod's node affinity/selector")),
        ("shop/recommendations", "bad", ("readiness probe (GET :http/readyz) does not pass",)),
        ("legacy/importer", "warn", ("1 of its 3 pods is ready", "exceeded quota: legacy-quota")),
        ("payments/gateway", "warn", ("rollout is stuck", "gateway:2.4.0 cannot be pulled")),
    ],
)
def test_each_trouble_of_the_seeded_company_is_named(title: str, gauge: str, words: tuple[str, ...]) -> None:
    """What the kubelet, the scheduler and the controllers really write is what the sentence must be made from."""
    why = _why(title)
    assert why is not None
    assert why.gauge == gauge
    assert all(word in why.clause for word in words), why.clause
    assert why.since is not None


def test_what_the_scheduler_adds_on_preemption_is_left_out() -> None:
    """The sentence must fit a line, and preemption explains nothing."""
    why = _why("batch/forecast")
    assert why is not None
    assert "preemption" not in why.clause


def _pod(*statuses: dict[str, Any], **more: Any) -> JsonObject:
    return {
        "metadata": {
            "name": "web-1",
            "creationTimestamp": "2026-11-21T11:00:00Z",
            **more.pop("metadata", {}),
        },
        "spec": {"containers": [{"name": "web", "image": "web:1"}], **more.pop("spec", {})},
        "status": {
            "phase": "Running",
            "startTime": "2026-11-21T11:00:00Z",
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True" if all(one.get("ready") for one in statuses) else "False",
                    "lastTransitionTime": "2026-11-21T11:30:00Z",
                }
            ],
            "containerStatuses": list(statuses),
            **more.pop("status", {}),
        },
    }


def _container(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "web", "image": "web:1", "ready": False, "restartCount": 0, "state": state, **more}


def _ended(code: int, reason: str = "Error", at: str = "2026-11-21T11:59:30Z") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "finishedAt": at}}


RUNNING = {"running": {"startedAt": "2026-11-21T11:59:00Z"}}


@pytest.mark.parametrize(
    ("pod", "word", "clause"),
    [
        (
            _pod(
                _container({"waiting": {"reason": "CreateContainerConfigError", "message": "no configmap"}})
            ),
            "CreateContainerConfigError",
            "container web cannot start: CreateContainerConfigError, no configmap",
        ),
        (
            _pod(
                _container({"waiting": {"reason": "CrashLoopBackOff"}}, lastState=_ended(127), restartCount=1)
            ),
            "CrashLoopBackOff",
            "container web crash-loops, and last exited with code 127 (the command was not found); 1 restart",
        ),
        (
            _pod(_container(RUNNING, lastState=_ended(139), restartCount=2)),
            "Error",
            "container web is starting again, and last exited with code 139 (segmentation fault, SIGSEGV); 2 restarts",
        ),
        (
            _pod(_container({"waiting": {"reason": "ContainerCreating"}})),
            "ContainerCreating",
            "container web has not been made yet: its volumes, network or image are not there",
        ),
        (
            _pod(
                _container(RUNNING, started=False),
                spec={"containers": [{"name": "web", "startupProbe": {"exec": {"command": ["up"]}}}]},
            ),
            "NotReady",
            "container web runs, but its startup probe (up) does not pass",
        ),
        (
            _pod(status={"phase": "Failed", "reason": "Evicted", "message": "low on memory."}),
            "Evicted",
            "Evicted: low on memory",
        ),
        (
            _pod(metadata={"deletionTimestamp": "2026-11-21T11:00:00Z", "finalizers": ["acme.example/hold"]}),
            "Terminating",
            "it should have ended and has not: held by acme.example/hold",
        ),
        (
            _pod(_container(RUNNING, ready=True, lastState=_ended(1), restartCount=9)),
            "Error",
            "container web runs again, and last exited with code 1 (Error); 9 restarts",
        ),
    ],
)
def test_the_most_telling_reason_is_said(pod: JsonObject, word: str, clause: str) -> None:
    """One sentence is all there is room for, so it has to be the right one."""
    why = why_of_pod(pod, NOW)
    assert why is not None
    assert (why.word, why.clause) == (word, clause)


@pytest.mark.parametrize(
    "pod",
    [
        _pod(_container(RUNNING, ready=True)),
        _pod(_container(RUNNING, ready=True, lastState=_ended(1), restartCount=1)),
        _pod(_container(RUNNING, ready=True, lastState=_ended(1, at="2026-11-20T01:00:00Z"), restartCount=9)),
        _pod(_container(_ended(0, "Completed")), status={"phase": "Succeeded"}),
        _pod(
            _container({"waiting": {"reason": "ContainerCreating"}}),
            status={"startTime": "2026-11-21T11:59:30Z", "conditions": []},
        ),
        _pod(metadata={"deletionTimestamp": "2026-11-21T11:59:50Z"}),
    ],
    ids=["well", "one restart", "restarts of yesterday", "done", "starting", "ending"],
)
def test_what_is_well_or_under_way_is_no_trouble(pod: JsonObject) -> None:
    """A list that cries wolf at every rollout is not read."""
    assert why_of_pod(pod, NOW) is None


def test_a_failed_job_says_what_its_pod_said() -> None:
    """`BackoffLimitExceeded` alone sends people to kubectl."""
    job = {"status": {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}}
    why = why_of_job(job, Why(word="Error", clause="container run last exited with code 3"))
    assert why is not None
    assert why.clause == "BackoffLimitExceeded: container run last exited with code 3"
    assert why_of_job({"status": {}}, None) is None


def _node(**more: Any) -> JsonObject:
    ready = {"type": "Ready", "status": more.pop("ready", "True"), "message": "kubelet stopped"}
    return {
        "metadata": {"name": "node-1", **more.pop("metadata", {})},
        "spec": more.pop("spec", {}),
        "status": {"conditions": [ready, *more.pop("conditions", [])]},
    }


def test_a_node_says_whether_it_is_silent_pressed_or_closed_and_by_whom() -> None:
    """The three want three different people."""
    assert why_of_node(_node()) is None
    silent = why_of_node(_node(ready="Unknown"))
    assert silent is not None
    assert (silent.gauge, silent.clause) == (Gauge.BAD, "its kubelet does not report: kubelet stopped")
    pressed = why_of_node(_node(conditions=[{"type": "DiskPressure", "status": "True", "message": "90 %"}]))
    assert pressed is not None
    assert pressed.clause == "DiskPressure: 90 %"
    marks = {"k8sops.dev/cordon-by": "bob", "k8sops.dev/cordon-reason": "new disk"}
    closed = why_of_node(_node(spec={"unschedulable": True}, metadata={"annotations": marks}))
    assert closed is not None
    assert closed.clause == "it takes no new pods: cordoned by bob, new disk"


def test_a_budget_says_why_nothing_may_be_evicted() -> None:
    """Too few healthy pods and a budget that needs them all are different matters."""
    few = {"disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 2, "expectedPods": 3}
    assert blocked_budget({"status": few}) == "no pod may be evicted: 1 of 2 needed pods healthy"
    needed = {**few, "currentHealthy": 3, "desiredHealthy": 3}
    assert blocked_budget({"status": needed}) == "no pod may be evicted: all 3 of 3 pods are needed"
    assert blocked_budget({"status": {**few, "disruptionsAllowed": 1}}) == ""


def test_a_young_rollout_that_lacks_pods_is_said_without_a_reason() -> None:
    """Nothing is made up where neither the workload nor a pod says anything."""
    why = why_of_workload({"status": {}}, "2/3", None)
    assert why is not None
    assert (why.clause, why.since) == ("2 of its 3 pods are ready", None)
    assert why_of_workload({"status": {}}, "3/3", None) is None
