"""Which nodes are meant: pools by every provider's label, names of which none may be missing."""

from __future__ import annotations

import msgspec
import pytest

from k8sops.actions.drain.params import DrainParams
from k8sops.actions.drain.pools import POOL_LABELS, nodes_by_name, nodes_of_pool, pools_of
from k8sops.core.errors import NotFoundError, UsageError
from k8sops.forecast.objects import Node
from tests.actions.drain.made_up import node


@pytest.mark.parametrize("key", POOL_LABELS)
def test_every_known_label_names_a_pool(key: str) -> None:
    """GKE, EKS, AKS, Karpenter, Cluster API."""
    nodes = [node("n1", labels={key: "web"}), node("n2", labels={key: "db"}), node("n3")]
    assert [one.name for one in nodes_of_pool(nodes, "web")] == ["n1"]


def annotated(**annotations: str) -> Node:
    """A node as Cluster API annotates it."""
    plain = node("n1")
    told = {f"cluster.x-k8s.io/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return msgspec.structs.replace(plain, metadata=msgspec.structs.replace(plain.metadata, annotations=told))


def test_cluster_api_names_the_owner_of_a_nodes_machine_in_annotations() -> None:
    """A MachineSet is named after its MachineDeployment; a MachinePool is the pool itself."""
    assert pools_of(annotated(owner_kind="MachineSet", owner_name="md-0-7c9f4")) == {"md-0-7c9f4", "md-0"}
    assert pools_of(annotated(owner_kind="MachinePool", owner_name="mp-0")) == {"mp-0"}
    assert pools_of(annotated(owner_kind="KubeadmControlPlane", owner_name="cp")) == set()


def test_another_label_can_be_named() -> None:
    """From --pool-label or the configuration."""
    nodes = [node("n1", labels={"acme.example/pool": "web"})]
    assert nodes_of_pool(nodes, "web", ["acme.example/pool"]) == nodes
    with pytest.raises(UsageError) as caught:
        nodes_of_pool(nodes, "web")
    assert "--pool-label" in caught.value.hint


def test_a_pool_that_does_not_exist_is_refused_with_those_that_do() -> None:
    """A typing error must not drain nothing and call it done."""
    nodes = [node("n1", labels={"karpenter.sh/nodepool": "web"})]
    with pytest.raises(UsageError) as caught:
        nodes_of_pool(nodes, "wbe")
    assert "the pools are: web" in caught.value.hint


def test_one_missing_node_among_several_refuses_them_all_by_name() -> None:
    """Before anything is read or done for the others."""
    with pytest.raises(NotFoundError) as caught:
        nodes_by_name([node("n1")], ["n1", "n7", "n9"])
    assert "n7, n9" in caught.value.message


def test_a_node_named_twice_is_drained_once() -> None:
    """Lists of nodes come out of scripts."""
    assert [one.name for one in nodes_by_name([node("n1")], ["n1", "n1"])] == ["n1"]


@pytest.mark.parametrize(
    "given", [{}, {"nodes": ("a",), "pool": "p"}, {"selector": "a=b", "pool": "p"}], ids=str
)
def test_nodes_are_named_in_exactly_one_way(given: dict[str, object]) -> None:
    """Two ways together could mean either or both."""
    with pytest.raises(ValueError, match="one of the three"):
        DrainParams.model_validate(given)


@pytest.mark.parametrize("share", ["0%", "101%", "half", "-5%", "٢%"])
def test_a_share_of_capacity_is_a_percentage(share: str) -> None:
    """From 1% to 100%."""
    with pytest.raises(ValueError, match="percentage"):
        DrainParams(nodes=("a",), max_unavailable_capacity=share)
