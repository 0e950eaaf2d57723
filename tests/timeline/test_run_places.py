"""Which runs of ours a namespace's timeline tells of."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from k8sops.core.plan import Item, Plan, Target, bulk_of
from k8sops.timeline.reading_events import node_of_event
from k8sops.timeline.run_places import touches
from tests.support.plans import a_plan, scale_step


def _plan(
    *targets: Target, moving: tuple[Target, ...] = (), params: dict[str, Any] | None = None, **radius: Any
) -> Plan:
    items = [Item(target=one, verb="evict", group="replicated") for one in moving]
    steps = tuple(
        msgspec.structs.replace(
            scale_step(), id=str(place), target=target, bulk=bulk_of(items) if items else None
        )
        for place, target in enumerate(targets)
    )
    return msgspec.structs.replace(a_plan(steps=steps), params=params or {}, blast_radius=radius)


NODE = Target(kind="nodes", name="n2")
BUNDLE = Target(kind="bundles", name="all pods in shop")
BACKUP = Target(kind="backups", name="demo-1")
ABOUT = {
    "an object of it": _plan(Target(kind="deployments.apps", name="pg", namespace="data")),
    "itself": _plan(Target(kind="namespaces", name="data")),
    "a node with its pods": _plan(Target(kind="nodes", name="n1")),
    "a node, of which its pods were moved away": _plan(
        NODE, moving=(Target(kind="pods", name="pg-0", namespace="data"),)
    ),
    "a node, of which more was moved than is listed": _plan(NODE, namespaces=["shop", "data"]),
    "a bundle of it and of another": _plan(
        BUNDLE, params={"namespace": "shop,data", "all_namespaces": False}
    ),
    "a bundle of a pod of it, asked for from another": _plan(
        BUNDLE, params={"namespace": "shop", "query": ["data/pod/pg-0"], "all_namespaces": False}
    ),
    "a bundle of everything": _plan(BUNDLE, params={"namespace": "shop", "all_namespaces": True}),
    "a backup of everything": _plan(BACKUP, params={"include_namespaces": []}),
    "a backup of what is called like it": _plan(BACKUP, params={"include_namespaces": ["da*"]}),
    "a restore of everything": _plan(
        Target(kind="deployments.apps", name="*"), params={"include_namespaces": []}
    ),
    "what concerns everybody": _plan(Target(kind="storageclasses.storage.k8s.io", name="fast")),
}
NOT_ABOUT = {
    "an object of another": _plan(Target(kind="deployments.apps", name="web", namespace="shop")),
    "another namespace": _plan(Target(kind="namespaces", name="shop")),
    "a node without its pods": _plan(
        NODE,
        moving=(Target(kind="pods", name="web-1", namespace="shop"),),
        params={"namespace": "default"},
        namespaces=["shop"],
    ),
    "a bundle of another": _plan(
        BUNDLE, params={"namespace": "shop", "all_namespaces": False}, namespaces=["shop"]
    ),
    "a bundle of pods of another, asked for from it": _plan(
        BUNDLE, params={"namespace": "data", "query": ["shop/pod/web-1"], "all_namespaces": False}
    ),
    "a backup of another": _plan(BACKUP, params={"include_namespaces": ["shop"]}),
    "a backup without it": _plan(BACKUP, params={"include_namespaces": [], "exclude_namespaces": ["da*"]}),
    "a restore of another, with what belongs to it": _plan(
        Target(kind="persistentvolumes", name="pv-1"), params={"include_namespaces": ["shop"]}
    ),
    "our own repository": _plan(Target(kind="repositories", name="main")),
}


@pytest.mark.parametrize("run", ABOUT)
def test_a_namespace_is_told_of_what_is_about_it(run: str) -> None:
    """What was done to it, to where it runs, or with all there is."""
    assert touches(ABOUT[run], ("data",), {"n1"})


@pytest.mark.parametrize("run", NOT_ABOUT)
def test_a_namespace_is_not_told_of_what_is_about_others(run: str) -> None:
    """A dozen cordons and bundles of others' would bury the one change that mattered."""
    assert not touches(NOT_ABOUT[run], ("data",), {"n1"})
    assert touches(NOT_ABOUT[run], (), ()), "all of it is about all namespaces"


def test_where_a_pod_was_is_told_by_its_events() -> None:
    """The pod itself is gone after a drain, which is when one asks."""
    pod = {"involvedObject": {"kind": "Pod", "name": "pg-0"}}
    killing = pod | {"reason": "Killing", "source": {"component": "kubelet", "host": "n1"}}
    message = "Successfully assigned data/pg-0 to n2"
    scheduled = pod | {"reason": "Scheduled", "source": {}, "message": message}
    assert [node_of_event(one) for one in (killing, scheduled, pod)] == ["n1", "n2", ""]
    assert node_of_event(killing | {"involvedObject": {"kind": "Node", "name": "n9"}}) == ""
