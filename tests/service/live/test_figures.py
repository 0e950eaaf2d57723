"""What pods and nodes use, against what they asked for: the arithmetic, and what is said where there is nothing."""

from __future__ import annotations

from typing import Any

import msgspec

from k8sops.forecast.objects import Pod
from k8sops.service.live.containers import CONTAINER_COLUMNS, container_rows
from k8sops.service.live.figure_columns import NODE_COLUMNS, POD_COLUMNS
from k8sops.service.live.figures import (
    Load,
    Room,
    Size,
    Used,
    loads_of,
    node_cells,
    pod_cells,
    size_of_pod,
    used_of,
)


def _container(name: str, *, limits: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    resources = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": limits or {}}
    return {"name": name, "image": "app:1", "resources": resources, **spec}


def _pod(*containers: dict[str, Any], **spec: Any) -> Pod:
    return msgspec.convert({"spec": {"containers": list(containers), **spec}}, Pod)


def test_what_was_not_measured_is_never_a_zero() -> None:
    """A pod that seems to use nothing would be scaled down."""
    assert set(pod_cells(None, Size(cpu=100))) == {"n/a"}
    assert pod_cells(Used(0, 0), Size(cpu=100, memory=1 << 20))[:3] == ("0m", "0Mi", "0%")
    assert used_of([]) is None
    assert used_of([{}]) is None


def test_use_is_told_of_request_and_limit_and_a_dash_where_there_is_none() -> None:
    """90 % of a memory limit is the next OOM kill; of a limit that is not set there is no share."""
    size = size_of_pod(_pod(_container("app", limits={"memory": "128Mi"})))
    used = used_of([{"cpu": "25000000n", "memory": "96Mi"}])
    assert pod_cells(used, size) == ("25m", "96Mi", "25%", "-", "150%", "75%")
    assert len(POD_COLUMNS) == 6


def test_a_pod_has_a_limit_only_where_all_its_containers_have_one() -> None:
    """One container without a limit may take the whole node."""
    limited = _container("app", limits={"memory": "128Mi"})
    assert size_of_pod(_pod(limited, _container("side"))).memory_limit is None
    assert size_of_pod(_pod(limited, limited)).memory_limit == 256 << 20
    # An init container has ended when the others run; a sidecar runs beside them.
    assert size_of_pod(_pod(limited, initContainers=[_container("init")])).memory_limit == 128 << 20
    sidecar = _container("side", restartPolicy="Always")
    assert size_of_pod(_pod(limited, initContainers=[sidecar])).memory_limit is None


def test_a_node_says_what_its_pods_ask_for_of_what_it_has_to_give() -> None:
    """Whether another pod fits is decided by requests, not by use."""
    loads = loads_of([("node-1", Size(cpu=500, memory=1 << 30)), ("node-1", Size(cpu=250))])
    assert loads == {"node-1": Load(750, 1 << 30, 2)}
    cells = node_cells(Used(200, 1 << 30), Room(1000, 4 << 30, 110), loads["node-1"])
    named = dict(zip((column.name for column in NODE_COLUMNS), cells, strict=True))
    assert named == {
        "Pods": "2/110",
        "CPU": "200m",
        "%CPU": "20%",
        "%CPU REQ": "75%",
        "MEM": "1024Mi",
        "%MEM": "25%",
        "%MEM REQ": "25%",
        "CPU REQ": "750m",
        "CPU MAX": "1000m",
        "MEM REQ": "1024Mi",
        "MEM MAX": "4096Mi",
    }


def test_a_node_whose_pods_may_not_be_read_says_so_instead_of_none() -> None:
    """0 of 110 would invite more."""
    cells = node_cells(None, Room(1000, 4 << 30, 110), None)
    assert cells[0] == "?/110"
    assert cells[3] == "n/a"


def test_the_containers_of_a_pod_are_told_in_the_order_they_start() -> None:
    """The one that fails is seen at once, with why it ended before."""
    crashed = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
    pod = {
        "metadata": {"name": "web-1", "namespace": "shop", "uid": "u1"},
        "spec": {
            "initContainers": [_container("init"), _container("mesh", restartPolicy="Always")],
            "containers": [
                _container("app", ports=[{"containerPort": 8080, "name": "http"}], livenessProbe={})
            ],
            "ephemeralContainers": [{"name": "debug", "image": "tools"}],
        },
        "status": {
            "initContainerStatuses": [
                {"name": "init", "state": {"terminated": {"reason": "Completed", "exitCode": 0}}},
                {
                    "name": "mesh",
                    "ready": True,
                    "state": {"running": {"startedAt": "2026-11-21T12:00:00Z"}},
                },
            ],
            "containerStatuses": [
                {
                    "name": "app",
                    "restartCount": 7,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": crashed,
                }
            ],
        },
    }
    rows = container_rows(pod, {"mesh": Used(5, 10 << 20)})
    names = [column.name for column in CONTAINER_COLUMNS]
    told = [dict(zip(names, row.cells, strict=True)) for row in rows]
    assert [(row["Name"], row["Kind"], row["Ready"], row["State"]) for row in told] == [
        ("init", "init", "-", "Completed"),
        ("mesh", "sidecar", "True", "Running"),
        ("app", "app", "False", "CrashLoopBackOff"),
        ("debug", "debug", "-", "Waiting"),
    ]
    assert told[2]["Last state"] == "OOMKilled, exit 137"
    assert (told[2]["Probes"], told[2]["Ports"], told[2]["Restarts"]) == ("liveness", "http:8080", "7")
    assert told[1]["CPU"] == "5m"
    assert told[2]["CPU"] == "n/a"
    assert {row.uid for row in rows} == {"u1/init", "u1/mesh", "u1/app", "u1/debug"}
