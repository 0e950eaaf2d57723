"""Where pods go, or why nowhere: what becomes a blocker, what a warning, and which flag lets it go on."""

from __future__ import annotations

import pytest

from k8sops.forecast.objects import (
    ClaimSource,
    FullMeta,
    NodeSelector,
    NodeSelectorTerm,
    Requirement,
    Volume,
)
from k8sops.forecast.storage import (
    Claim,
    ClaimSpec,
    ClaimStatus,
    PersistentVolume,
    VolumeNodeAffinity,
    VolumeSpec,
    VolumeStatus,
)
from tests.actions.drain.made_up import codes, deployment, finding, node, plan, pod, scene, workload


def test_the_last_node_that_can_host_a_pod_is_a_blocker_unless_overridden() -> None:
    """A GPU node that goes takes what needs GPUs with it."""
    nodes = [node("n1", labels={"gpu": "yes"}), node("n2")]
    of = scene(nodes, [pod("web-a", "n1", node_selector={"gpu": "yes"})])
    told = plan(of)
    blocker = finding(told, "last_host")
    assert (blocker.level, blocker.override) == ("blocker", "--allow-pending")
    assert blocker.text.startswith("n1 is the last node that can host deployment shop/web")
    assert blocker.subjects == ("shop/deployments/web",)
    assert told.summary == "Blocked: 1 pod would find no node; 0 of 1 pods could go."
    overridden = plan(of, allow_pending=True)
    assert finding(overridden, "last_host").level == "warning"
    assert overridden.summary.startswith("Pending: 1 pod moves, 1 stays pending")


def test_want_of_room_is_told_apart_from_want_of_a_node_that_suits() -> None:
    """Another node like it would help here."""
    nodes = [node("n1"), node("n2", cpu="1")]
    told = plan(scene(nodes, [pod("web-a", "n1", cpu="2")]))
    assert "Insufficient cpu" in finding(told, "no_room").text


@pytest.mark.parametrize("autoscaler", ["Karpenter", "cluster-autoscaler"])
def test_where_nodes_are_made_on_demand_a_pod_without_a_place_is_a_warning(autoscaler: str) -> None:
    """It waits for the new node; the forecast reckons with that."""
    nodes = [node("n1"), node("n2", cpu="1")]
    told = plan(scene(nodes, [pod("web-a", "n1", cpu="2")], autoscaler=autoscaler))
    assert not told.blockers
    warned = finding(told, "needs_new_node")
    assert autoscaler in warned.text
    assert "1 needs a new node" in told.summary
    assert told.forecast.seconds is not None
    assert told.forecast.seconds > 100


def test_a_local_volume_ties_a_pod_to_its_node_and_no_new_node_helps() -> None:
    """With an autoscaler or without."""
    here = NodeSelector((NodeSelectorTerm((Requirement("kubernetes.io/hostname", "In", ("n1",)),)),))
    volume = PersistentVolume(
        FullMeta(name="disk", uid="u-disk"),
        VolumeSpec(node_affinity=VolumeNodeAffinity(here)),
        VolumeStatus("Bound"),
    )
    claim = Claim(
        FullMeta(name="data", namespace="shop", uid="u-data"),
        ClaimSpec(volume_name="disk"),
        ClaimStatus("Bound"),
    )
    data = Volume(name="data", persistent_volume_claim=ClaimSource("data"))
    db = pod("db-0", "n1", of=("StatefulSet", "db"), app="db", volumes=(data,))
    of = scene(
        [node("n1"), node("n2")],
        [db],
        workloads=[("StatefulSet", workload("StatefulSet", "db", 2))],
        autoscaler="Karpenter",
        claims=(claim,),
        volumes=(volume,),
    )
    blocker = finding(plan(of), "bound_to_node")
    assert blocker.level == "blocker"
    assert "can run on no other node than n1" in blocker.text


def test_pods_of_a_pool_do_not_land_on_the_pool() -> None:
    """Both nodes are cordoned before the first pod goes: nothing moves twice."""
    pods = [pod("web-a", "n1"), pod("web-b", "n2")]
    of = scene([node("n1"), node("n2"), node("n3")], pods, drained=["n1", "n2"])
    told = plan(of, nodes=("n1", "n2"))
    landed = {item.data["lands_on"] for step in told.steps if step.bulk for item in step.bulk.items}
    assert landed == {"n3"}


def test_what_nothing_makes_again_needs_no_place() -> None:
    """Finished pods and bare ones are not forecast to land."""
    pods = [
        pod("done", "n1", of=("Job", "import"), phase="Succeeded", ready=False, cpu="100"),
        pod("solo", "n1", of=None, cpu="100"),
    ]
    told = plan(
        scene([node("n1"), node("n2")], pods, workloads=[("Job", workload("Job", "import"))]), force=True
    )
    assert not told.blockers
    assert codes(told, "warning") == {"not_made_again"}


def test_a_surged_or_small_workload_that_fits_is_safe() -> None:
    """A second pod of it fits beside the first: no finding about room."""
    of = scene([node("n1"), node("n2")], [pod("web-a", "n1")], workloads=deployment("web", 1))
    assert codes(plan(of, surge=True), "blocker") == set()
