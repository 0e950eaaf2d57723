"""What a pod asks for in sum (KEP-753 for init containers and sidecars, KEP-2837 for pod-level requests)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from k8sops.forecast.objects import Pod
from k8sops.forecast.requests import held_by, requests_of


def asks(cpu: str, **more: Any) -> dict[str, Any]:
    """A container that asks for processor."""
    return {"name": more.pop("name", "any"), "resources": {"requests": {"cpu": cpu}}, **more}


def made(spec: dict[str, Any], status: dict[str, Any] | None = None) -> Pod:
    """A pod of this specification."""
    return msgspec.convert({"spec": spec, "status": status or {}}, Pod)


SIDECAR: dict[str, Any] = {"restartPolicy": "Always"}


@pytest.mark.parametrize(
    ("spec", "cpu"),
    [
        ({"containers": [asks("1"), asks("250m")]}, 1250),
        ({"containers": [asks("1")], "initContainers": [asks("3"), asks("2")]}, 3000),
        ({"containers": [asks("2")], "initContainers": [asks("1")]}, 2000),
        ({"containers": [asks("2")], "initContainers": [asks("1", **SIDECAR)]}, 3000),
        ({"containers": [asks("1")], "initContainers": [asks("1", **SIDECAR), asks("4")]}, 5000),
        ({"containers": [asks("1")], "initContainers": [asks("4"), asks("1", **SIDECAR)]}, 4000),
        ({"containers": [asks("1")], "overhead": {"cpu": "100m"}}, 1100),
        ({"containers": [asks("1")], "resources": {"requests": {"cpu": "3"}}}, 3000),
        (
            {"containers": [asks("1")], "resources": {"requests": {"cpu": "3"}}, "overhead": {"cpu": "1"}},
            4000,
        ),
        ({"containers": [asks("1")], "resources": {"limits": {"cpu": "3"}}}, 1000),
        ({"containers": [{"name": "silent"}]}, 0),
    ],
)
def test_the_sum_is_what_the_scheduler_reserves(spec: dict[str, Any], cpu: int) -> None:
    """A start that needs more than running is what makes a full node refuse."""
    assert requests_of(made(spec)).get("cpu", 0) == cpu


def test_pod_level_requests_stand_only_for_what_they_name() -> None:
    """Other resources stay the containers' sum."""
    containers = [{"name": "a", "resources": {"requests": {"cpu": "1", "example.com/card": "2"}}}]
    found = requests_of(
        made({"containers": containers, "resources": {"requests": {"cpu": "4", "memory": "1Gi"}}})
    )
    assert found == {"cpu": 4000, "memory": 2**30, "example.com/card": 2}


def test_a_pod_that_is_resized_in_place_holds_the_larger_of_old_and_new() -> None:
    """Until the kubelet has shrunk it the room is not free (KEP-1287); a new pod asks for what is written."""
    status = {
        "containerStatuses": [
            {"name": "a", "resources": {"requests": {"cpu": "2"}}, "allocatedResources": {"cpu": "3"}}
        ]
    }
    one = made({"containers": [asks("1", name="a")]}, status)
    assert held_by(one)["cpu"] == 3000
    assert requests_of(one)["cpu"] == 1000
