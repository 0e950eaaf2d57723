"""Which rows are looked into: from cells alone, without reading an object."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from k8sops.core.tables import Column, Owner, Row
from k8sops.service.overview_suspects import (
    DAEMON_SETS,
    DEPLOYMENTS,
    JOBS,
    NODES,
    PODS,
    Suspect,
    Tables,
    suspects,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TITLES = {
    PODS: ("Name", "Ready", "Status", "Restarts", "Age"),
    DEPLOYMENTS: ("Name", "Ready", "Up-to-date", "Available", "Age"),
    DAEMON_SETS: ("Name", "Desired", "Current", "Ready", "Age"),
    JOBS: ("Name", "Status", "Completions", "Duration", "Age"),
    NODES: ("Name", "Status", "Roles", "Age"),
}


def _row(*cells: str, age_s: float = 3600, owner: tuple[str, str] | None = None, template: str = "") -> Row:
    owners = (Owner(kind=owner[0], name=owner[1], uid=owner[1]),) if owner else ()
    return Row(
        uid=cells[0],
        name=cells[0],
        namespace="shop",
        cells=(*cells, "1h"),
        created=NOW - timedelta(seconds=age_s),
        labels={"pod-template-hash": template} if template else {},
        owners=owners,
    )


def _web(name: str, *cells: str, age_s: float = 3600) -> Row:
    return _row(name, *cells, age_s=age_s, owner=("ReplicaSet", "web-7d9c"), template="7d9c")


def _suspects(**rows: list[Row]) -> list[Suspect]:
    kinds = {
        "pods": PODS,
        "deployments": DEPLOYMENTS,
        "daemon_sets": DAEMON_SETS,
        "jobs": JOBS,
        "nodes": NODES,
    }
    columns = {kind: tuple(Column(name=title) for title in titles) for kind, titles in TITLES.items()}
    return suspects(Tables({kinds[kind]: (columns[kinds[kind]], found) for kind, found in rows.items()}), NOW)


def test_what_is_well_is_not_looked_into() -> None:
    """Ten thousand healthy pods must cost no request."""
    found = _suspects(
        pods=[_web("web-7d9c-1", "1/1", "Running", "0"), _row("run-1", "0/1", "Completed", "0")],
        deployments=[_row("web", "1/1", "1", "1")],
        daemon_sets=[_row("agent", "5", "5", "5")],
        jobs=[_row("run", "Complete", "1/1", "8s")],
        nodes=[_row("node-1", "Ready", "worker")],
    )
    assert found == []


def test_pods_of_a_deployment_are_one_trouble_the_most_telling_pod_first() -> None:
    """Three crash-looping pods are one thing to see to."""
    found = _suspects(
        pods=[
            _web("web-7d9c-1", "0/1", "Running", "3 (1m ago)"),
            _web("web-7d9c-2", "0/1", "CrashLoopBackOff", "4"),
        ],
        deployments=[_row("web", "0/2", "2", "0")],
    )
    assert [(one.kind, one.row.name, one.ready) for one in found] == [(DEPLOYMENTS, "web", "0/2")]
    assert [pod.name for pod in found[0].pods] == ["web-7d9c-2", "web-7d9c-1"]


def test_a_pod_of_nobody_and_one_of_an_unseen_owner_stand_for_themselves() -> None:
    """What may not be listed must not hide what may."""
    found = _suspects(
        pods=[_row("lone", "0/1", "Error", "0"), _web("web-7d9c-1", "0/1", "ErrImagePull", "0")]
    )
    assert [(one.kind, one.row.name) for one in found] == [(PODS, "lone"), (PODS, "web-7d9c-1")]


def test_what_only_starts_is_no_suspect_for_a_minute() -> None:
    """Every rollout would be a list of troubles."""
    young = _web("web-7d9c-1", "0/1", "ContainerCreating", "0", age_s=20)
    old = _web("web-7d9c-1", "0/1", "ContainerCreating", "0", age_s=90)
    deployment = _row("web", "1/1", "1", "1")
    assert _suspects(pods=[young], deployments=[deployment]) == []
    assert len(_suspects(pods=[old], deployments=[deployment])) == 1


def test_many_restarts_within_the_hour_are_worth_a_look_those_of_yesterday_are_not() -> None:
    """A pod that is ready just now may be killed every ten minutes."""
    assert len(_suspects(pods=[_row("lone", "1/1", "Running", "5 (8m ago)")])) == 1
    assert _suspects(pods=[_row("lone", "1/1", "Running", "5 (26h ago)")]) == []
    assert _suspects(pods=[_row("lone", "1/1", "Running", "1 (2m ago)")]) == []


def test_nodes_come_first_then_what_is_down_then_what_lacks_some() -> None:
    """The first line is where to begin."""
    found = _suspects(
        pods=[_row("lone", "1/1", "Running", "5 (8m ago)")],
        deployments=[_row("cart", "1/3", "3", "1"), _row("web", "0/2", "2", "0")],
        daemon_sets=[_row("agent", "5", "5", "4")],
        jobs=[_row("run", "Failed", "0/1", "8s")],
        nodes=[_row("node-1", "NotReady", "worker"), _row("node-2", "Ready,SchedulingDisabled", "worker")],
    )
    assert [one.row.name for one in found] == ["node-1", "node-2", "web", "agent", "cart", "lone", "run"]
