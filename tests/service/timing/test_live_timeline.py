"""What a timeline reads of a cluster, what belongs to what was named, and what it says of what it could not read."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8sops.core.clock import SystemClock, UlidSource
from k8sops.core.errors import ForbiddenError, NotFoundError, UnreachableError
from k8sops.core.plan import JsonObject
from k8sops.core.timeline import Timeline, Unknown
from k8sops.service.config import Config
from k8sops.service.storing import Storage
from k8sops.service.timing.searching import MOST_LOGS
from tests.service.timing.world import World, forbidden
from tests.timeline.moments import stamp

ERROR = f"{stamp('20:00')} ERROR it broke\n".encode()


@pytest.fixture
def storage(sqlite_url: str, tmp_path: Path) -> Storage:
    """A store without runs."""
    return Storage(Config(database_url=sqlite_url), SystemClock(), UlidSource(), data=tmp_path)


@pytest.fixture
def world() -> World:
    """Two workloads, web in trouble and cart not, each with an error in its log."""
    found = World()
    found.event(found.workload("web", "web-6d4b8f7c9-x2z4k", ERROR, restarts=3), "BackOff", "10:00")
    found.workload("cart", "cart-6d4b8f7c9-x2z4k", ERROR, node="n2")
    for name in ("n1", "n2", "n3"):
        node = found.add("Node", name, "")
        node["metadata"]["namespace"] = ""
        node["status"] = {
            "conditions": [{"type": "Ready", "status": "Unknown", "lastTransitionTime": stamp("40:00")}]
        }
        node["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    return found


def _about(timeline: Timeline) -> set[str]:
    return {one.subject for one in timeline.moments}


async def test_a_namespace_s_timeline_has_its_objects_its_logs_and_the_nodes_it_runs_on(
    world: World, storage: Storage
) -> None:
    """A node that is lost explains much; one that runs nothing of it explains nothing."""
    found = await world.timeline(storage)
    assert _about(found) == {
        "Deployment shop/web",
        "Deployment shop/cart",
        "Pod shop/web-6d4b8f7c9-x2z4k",
        "Pod shop/web-6d4b8f7c9-x2z4k (app)",
        "Pod shop/cart-6d4b8f7c9-x2z4k (app)",
        "Node n1",
        "Node n2",
    }
    assert found.title == "Cluster demo, namespace shop"
    assert found.unknown == ()


async def test_a_node_of_which_events_of_gone_pods_tell_belongs_to_a_namespace_too(
    world: World, storage: Storage
) -> None:
    """After a node was lost or drained nothing of it runs there any more."""
    gone: JsonObject = {"kind": "Pod", "metadata": {"name": "old-0", "namespace": "shop"}}
    world.event(gone, "Killing", "11:00")
    world.objects["events"][-1]["source"] = {"component": "kubelet", "host": "n3"}
    assert "Node n3" in _about(await world.timeline(storage))
    assert "Node n3" not in _about(await world.timeline(storage, objects=("deployment/web",)))


async def test_naming_a_workload_leaves_out_the_others(world: World, storage: Storage) -> None:
    """Its pods, its revisions, their node, and nothing of the neighbour's."""
    found = await world.timeline(storage, objects=("deployment/web",))
    assert _about(found) == {
        "Deployment shop/web",
        "Pod shop/web-6d4b8f7c9-x2z4k",
        "Pod shop/web-6d4b8f7c9-x2z4k (app)",
        "Node n1",
    }
    assert {pod for pod, _, _ in world.asked} == {"web-6d4b8f7c9-x2z4k"}


async def test_naming_a_pod_brings_what_it_belongs_to_and_not_its_siblings(
    world: World, storage: Storage
) -> None:
    """Its Deployment's rollout is its history too."""
    (replica_set, *_) = world.objects["replicasets"]
    sibling = world.add("Pod", "web-6d4b8f7c9-zzzzz", owner=replica_set)
    world.event(sibling, "Unhealthy", "12:00")
    found = await world.timeline(storage, objects=("pod/web-6d4b8f7c9-x2z4k",))
    assert "Deployment shop/web" in _about(found)
    assert "Pod shop/web-6d4b8f7c9-zzzzz" not in _about(found)


async def test_events_of_pods_that_are_gone_belong_to_their_workload_by_name(
    world: World, storage: Storage
) -> None:
    """After a rollback the pods of the bad revision exist no more; their events do."""
    gone: JsonObject = {"kind": "Pod", "metadata": {"name": "web-5bcdf6789-qrstv", "namespace": "shop"}}
    world.event(gone, "BackOff", "11:00")
    found = await world.timeline(storage, objects=("deployment/web",))
    assert "Pod shop/web-5bcdf6789-qrstv" in _about(found)


async def test_what_was_named_and_is_gone_is_told_by_its_events(world: World, storage: Storage) -> None:
    """A post-mortem often begins when somebody has deleted the evidence."""
    world.event({"kind": "Pod", "metadata": {"name": "old-0", "namespace": "shop"}}, "Killing", "11:00")
    found = await world.timeline(storage, objects=("pod/old-0",))
    assert _about(found) == {"Pod shop/old-0"}


async def test_what_was_named_and_nobody_tells_of_is_an_error(world: World, storage: Storage) -> None:
    """A typing mistake must not look like a calm hour."""
    with pytest.raises(NotFoundError, match="Deployment shop/wbe does not exist"):
        await world.timeline(storage, objects=("deployment/wbe",))


async def test_a_namespace_that_is_not_there_is_an_error_and_beside_others_it_is_told(
    world: World, storage: Storage
) -> None:
    """A namespace mistyped must not look like one in which nothing happened."""
    with pytest.raises(NotFoundError, match="namespace shpo does not exist"):
        await world.timeline(storage, namespaces=("shpo",))
    found = await world.timeline(storage, namespaces=("shop", "shpo"))
    assert found.moments
    assert found.unknown == (Unknown(source="namespace shpo", why="it does not exist"),)


async def test_a_node_s_timeline_has_the_pods_on_it_in_every_namespace(
    world: World, storage: Storage
) -> None:
    """Who was hit when it went away?"""
    other = world.add("Pod", "db-0", "data", spec={"nodeName": "n1", "containers": [{"name": "db"}]})
    world.event(other, "TaintManagerEviction", "41:00")
    found = await world.timeline(storage, objects=("node/n1",), namespaces=())
    assert {"Node n1", "Pod data/db-0", "Pod shop/web-6d4b8f7c9-x2z4k (app)"} <= _about(found)
    assert not {"Node n2", "Pod shop/cart-6d4b8f7c9-x2z4k (app)"} & _about(found)


async def test_what_may_not_be_read_is_named_and_is_no_failure(world: World, storage: Storage) -> None:
    """A person with rights in one namespace still gets a timeline, and knows what it lacks."""
    world.refused = {"nodes": forbidden("nodes"), "events": forbidden("events"), "log": forbidden("log")}
    found = await world.timeline(storage)
    assert set(found.unknown) == {
        Unknown(source="nodes", why="not permitted", expected=True),
        Unknown(source="events in shop", why="not permitted", expected=True),
        Unknown(source="events of nodes", why="not permitted", expected=True),
        Unknown(source="logs in shop", why="not permitted", expected=True),
    }
    assert "Pod shop/web-6d4b8f7c9-x2z4k (app)" in _about(found)


async def test_a_read_that_fails_is_told_with_its_reason_and_is_a_failure(
    world: World, storage: Storage
) -> None:
    """Partly read is not read."""
    world.refused = {
        "replicasets": UnreachableError("the connection broke"),
        "log": UnreachableError("no route"),
    }
    found = await world.timeline(storage)
    assert [(one.source, one.why, one.expected) for one in found.unknown] == [
        ("replicasets in shop", "the connection broke", False),
        ("log of shop/web-6d4b8f7c9-x2z4k/app", "no route", False),
        ("log of shop/cart-6d4b8f7c9-x2z4k/app", "no route", False),
    ]
    assert "BackOff: said so" in {one.text for one in found.moments}


async def test_where_nothing_at_all_can_be_read_the_reason_is_raised(world: World, storage: Storage) -> None:
    """An empty page would be a lie."""
    world.refused = {
        plural: forbidden(plural) for plural in ("pods", "nodes", "events", "deployments", "statefulsets")
    }
    world.refused |= {
        plural: forbidden(plural) for plural in ("daemonsets", "replicasets", "controllerrevisions", "jobs")
    }
    with pytest.raises(ForbiddenError):
        await world.timeline(storage)


async def test_the_life_before_a_restart_is_searched_too(world: World, storage: Storage) -> None:
    """Why it ended stands there, and not in the log of the life that followed."""
    world.logs["web-6d4b8f7c9-x2z4k", "previous:app"] = f"{stamp('29:59')} panic: out of disk\n".encode()
    found = await world.timeline(storage)
    assert "before its restart: panic: out of disk" in {one.text for one in found.moments}


async def test_without_logs_none_is_asked_for(world: World, storage: Storage) -> None:
    """`--no-logs` is for clusters where that takes long, or is not wanted."""
    found = await world.timeline(storage, logs=False)
    assert world.asked == []
    assert not any(one.matter == "log" for one in found.moments)


async def test_of_very_many_logs_those_of_pods_in_trouble_are_searched(
    world: World, storage: Storage
) -> None:
    """And how many were not is said."""
    for place in range(MOST_LOGS):
        world.add(
            "Pod",
            f"a{place}",
            spec={"containers": [{"name": "app"}]},
            status={"containerStatuses": [{"name": "app", "state": {"running": {}}}]},
        )
    found = await world.timeline(storage)
    assert len(world.asked) == MOST_LOGS
    assert ("web-6d4b8f7c9-x2z4k", "app", "2000") in world.asked
    (left,) = found.unknown
    assert (left.source, left.expected) == ("errors of 3 logs", True)


async def test_secrets_are_taken_out_of_every_text(world: World, storage: Storage) -> None:
    """The page is made to be mailed."""
    secret = "AKIAIOSFODNN7EXAMPLQ"
    world.logs["web-6d4b8f7c9-x2z4k", "app"] = f"{stamp('20:00')} ERROR aws_access_key_id={secret}\n".encode()
    found = await world.timeline(storage)
    assert any("redacted:" in one.text for one in found.moments)
    assert not any(secret in one.text for one in found.moments)


async def test_a_store_that_is_away_costs_only_our_own_runs(world: World, tmp_path: Path) -> None:
    """Reads never wait for the database."""
    away = Storage(Config(database_url=f"sqlite:///{tmp_path}"), SystemClock(), UlidSource(), data=tmp_path)
    found = await world.timeline(away)
    assert [one.source for one in found.unknown] == ["our own runs"]
    assert found.moments
