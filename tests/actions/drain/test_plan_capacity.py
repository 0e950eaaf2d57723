"""How full the nodes that stay get: told for whoever draws it, and no part of what is approved."""

from __future__ import annotations

from k8sops.actions.drain.planning_room import MOST_LISTED
from tests.actions.drain.made_up import node, plan, pod, scene


def test_each_node_that_stays_tells_its_shares_before_and_after() -> None:
    """Requests of what is there and of what comes, in per cent of what the node can give; pods count as well."""
    nodes = [node("n1"), node("n2"), node("n3", unschedulable=True)]
    pods = [
        pod("web-a", "n1", cpu="1"),
        pod("web-b", "n1", cpu="1"),
        pod("web-c", "n2", cpu="1"),
        pod("old", "n2", cpu="2", phase="Succeeded"),
    ]
    told = plan(scene(nodes, pods))
    assert told.blast_radius["room"] == [
        {"node": "n2", "arriving": 2, "cpu": [25, 75], "memory": [0, 0], "pods": [1, 3]},
        {"node": "n3", "arriving": 0, "cordoned": True, "cpu": [0, 0], "memory": [0, 0], "pods": [0, 0]},
    ]


def test_in_a_large_cluster_only_the_nodes_that_matter_are_listed() -> None:
    """Five hundred bars nobody reads would make every plan larger and slower."""
    nodes = [node(f"n{number}") for number in range(1, MOST_LISTED + 30)]
    told = plan(scene(nodes, [pod("web-a", "n1"), pod("web-b", "n1")]))
    room = told.blast_radius["room"]
    assert len(room) == MOST_LISTED
    assert sum(one["arriving"] for one in room) == 2
    assert [one["arriving"] > 0 for one in room] == sorted(
        (one["arriving"] > 0 for one in room), reverse=True
    )


def test_how_full_they_are_is_no_part_of_the_digest() -> None:
    """A pod that comes or goes somewhere else while a plan waits must not void it."""
    nodes = [node("n1"), node("n2")]
    one = plan(scene(nodes, [pod("web-a", "n1")]))
    other = plan(scene(nodes, [pod("web-a", "n1"), pod("else", "n2", cpu="2", of=("ReplicaSet", "x"))]))
    assert one.blast_radius["room"] != other.blast_radius["room"]
    assert one.digest == other.digest
