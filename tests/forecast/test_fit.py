"""The three verdicts, and what decides them, one rule at a time."""

from __future__ import annotations

from typing import Any

import pytest

from k8sops.forecast.fit import Fit, World, preview, reasons_in_words
from tests.forecast.worlds import (
    HOST,
    ZONE,
    attachment,
    away_from,
    claim,
    csi_node,
    moved,
    near,
    node,
    pod,
    spread,
    storage_class,
    uses,
    volume,
)

OLD = node("old", zone="a")


def test_a_pod_that_fits_beside_all_others_fits() -> None:
    """The plain case: room for everybody."""
    fits = moved([OLD, node("new", cpu="4")], [pod("a", "old"), pod("b", "old")])
    assert {one.verdict for one in fits.values()} == {"fits"}
    assert fits["a"].node == "new"
    assert fits["a"].reasons == {}


def test_where_another_could_take_the_place_it_is_tight() -> None:
    """Two pods, room for the big one or for both small: who comes first decides."""
    nodes = [OLD, node("new", cpu="2"), node("small", cpu="1")]
    fits = moved(nodes, [pod("big", "old", cpu="2"), pod("little", "old", cpu="1")])
    assert fits["big"].verdict == "tight"
    assert fits["little"].verdict == "tight"


def test_what_has_no_place_says_why_for_each_node() -> None:
    """In the scheduler's own words, so that an administrator can look them up."""
    nodes = [OLD, node("full", cpu="500m"), node("tainted", taints=[{"key": "gpu"}]), node("crowded", pods=0)]
    fit = moved(nodes, [pod("a", "old")])["a"]
    assert fit.verdict == "does_not_fit"
    assert fit.node == ""
    assert fit.reasons == {
        "old": "node(s) were unschedulable",
        "full": "Insufficient cpu",
        "tainted": "node(s) had untolerated taint(s)",
        "crowded": "Too many pods",
    }
    assert reasons_in_words(fit) == (
        "0/4 nodes are available: 1 Insufficient cpu, 1 Too many pods, "
        "1 node(s) had untolerated taint(s), 1 node(s) were unschedulable."
    )


def test_pods_that_stay_take_room_whatever_they_are() -> None:
    """DaemonSets, pods that are ending and pods without a controller hold what they hold; finished ones nothing."""
    ending: dict[str, Any] = {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}
    here = [
        pod("daemon", "new"),
        pod("ending", "new", **ending),
        pod("job", "new", status={"phase": "Succeeded"}),
    ]
    assert moved([OLD, node("new", cpu="3")], [pod("a", "old"), *here])["a"].verdict == "fits"
    assert moved([OLD, node("new", cpu="2500m")], [pod("a", "old"), *here])["a"].verdict == "does_not_fit"


def test_what_leaves_for_good_makes_room() -> None:
    """Pods that nobody makes again are no rivals, and free what they held."""
    pods = [pod("a", "old"), pod("bare", "new")]
    world = World((OLD, node("new", cpu="1")), tuple(pods))
    fits = preview(world, leaving=frozenset({"old"}), moving=pods[:1], gone={"shop/bare"})
    assert fits[0].verdict == "fits"


@pytest.mark.parametrize(
    ("toleration", "verdict"),
    [
        ({"key": "gpu", "operator": "Exists"}, "fits"),
        ({"operator": "Exists"}, "fits"),
        ({"key": "gpu", "operator": "Equal", "value": "a100"}, "fits"),
        ({"key": "gpu", "value": "h100"}, "does_not_fit"),
        ({"key": "gpu", "operator": "Exists", "effect": "NoExecute"}, "does_not_fit"),
        ({"key": "gpu", "operator": "Gt", "value": "1"}, "does_not_fit"),
    ],
)
def test_tolerations(toleration: dict[str, str], verdict: str) -> None:
    """Operator, value and effect each matter."""
    new = node("new", taints=[{"key": "gpu", "value": "a100"}])
    assert moved([OLD, new], [pod("a", "old", tolerations=[toleration])])["a"].verdict == verdict


def test_a_pod_that_tolerates_the_cordon_never_lands_on_a_leaving_node() -> None:
    """The scheduler might put it back; that would be no drain, and the plan says so."""
    fit = moved([OLD, node("new")], [pod("a", "old", tolerations=[{"operator": "Exists"}])])["a"]
    assert fit.node == "new"
    assert "it tolerates a cordon, so it may come back to a node that is leaving" in fit.notes


def test_anti_affinity_holds_in_both_directions() -> None:
    """A pod that stays may repel the newcomer though the newcomer does not mind."""
    shy = pod("shy", "n1", app="shy", affinity=away_from("web"))
    other = pod("db", "n2", app="db")
    movers = [pod("web", "old", affinity=away_from("db"))]
    fit = moved([OLD, node("n1"), node("n2")], [shy, other, *movers])["web"]
    assert fit.reasons["n1"] == "node(s) didn't satisfy existing pods anti-affinity rules"
    assert fit.reasons["n2"] == "node(s) didn't match pod anti-affinity rules"


def test_siblings_that_repel_each_other_need_a_domain_each() -> None:
    """Three of them, three nodes: all fit; two nodes: one has none, and who is luck."""
    pods = [pod(f"web{at}", "old", app="web", affinity=away_from("web")) for at in range(3)]
    nodes = [OLD, *(node(f"n{at}") for at in range(3))]
    assert {one.verdict for one in moved(nodes, pods).values()} == {"fits"}
    assert sorted(one.verdict for one in moved(nodes[:3], pods).values()) == [
        "does_not_fit",
        "tight",
        "tight",
    ]


def test_namespaces_of_an_affinity_term_may_be_selected_by_label() -> None:
    """`namespaceSelector` reaches pods of other teams."""
    term: dict[str, Any] = {"namespaceSelector": {"matchLabels": {"team": "data"}}}
    mover = pod("web", "old", affinity=away_from("db", **term))
    for team, verdict in (("data", "does_not_fit"), ("other", "fits")):
        fit = moved(
            [OLD, node("n1")], [pod("db", "n1", namespace="x"), mover], namespaces={"x": {"team": team}}
        )
        assert fit["web"].verdict == verdict


def test_affinity_to_a_pod_that_stays_is_sure_and_to_one_that_moves_is_not() -> None:
    """Where the other goes is not known before it is there."""
    nodes = [OLD, node("n1", zone="a"), node("n2", zone="b")]
    follower = pod("cache", "old", affinity=near("web"))
    stays = moved(nodes, [pod("web", "n2"), follower])["cache"]
    moves = moved(nodes, [pod("web", "old"), follower])["cache"]
    assert (stays.verdict, stays.node) == ("fits", "n2")
    assert moves.verdict == "tight"


def test_the_first_of_a_kind_that_wants_to_be_together_may_be_anywhere() -> None:
    """Otherwise it would never start; with siblings that also move it depends on where the first one goes."""
    alone = [pod("a", "old", app="herd", affinity=near("herd"))]
    assert moved([OLD, node("n1", zone="b")], alone)["a"].verdict == "fits"
    herd = [pod(name, "old", app="herd", cpu="3", affinity=near("herd", HOST)) for name in "ab"]
    verdicts = {one.verdict for one in moved([OLD, node("n1"), node("n2")], herd).values()}
    assert verdicts == {"tight", "does_not_fit"}


def test_a_cordoned_node_still_counts_as_an_empty_domain_of_a_spread() -> None:
    """The trap of draining with a spread over hosts: the leaving node is the emptiest, and it takes nobody."""
    constraint = spread("web", HOST)
    pods = [pod("w1", "old", app="web", topologySpreadConstraints=constraint), pod("w2", "n1", app="web")]
    fit = moved([OLD, node("n1")], pods)["w1"]
    assert fit.verdict == "does_not_fit"
    assert fit.reasons["n1"] == "node(s) didn't match pod topology spread constraints"
    honoured = spread("web", HOST, nodeTaintsPolicy="Honor")
    pods[0] = pod("w1", "old", app="web", topologySpreadConstraints=honoured)
    assert moved([OLD, node("n1")], pods)["w1"].verdict == "fits"


def test_a_spread_over_zones_is_sure_where_every_zone_has_room() -> None:
    """Siblings may come in any order: the emptiest zone always takes the next."""
    pods = [pod(f"w{at}", "old", app="web", topologySpreadConstraints=spread("web")) for at in range(4)]
    roomy = [OLD, *(node(f"n{at}", zone="abc"[at % 3], cpu="8") for at in range(6))]
    assert {one.verdict for one in moved(roomy, pods).values()} == {"fits"}
    full = [
        OLD,
        node("n0", zone="a", cpu="500m"),
        *(node(f"n{at}", zone="bc"[at % 2], cpu="8") for at in range(4)),
    ]
    assert "fits" not in {one.verdict for one in moved(full, pods).values()}


def test_fewer_domains_than_wanted_make_the_minimum_zero() -> None:
    """`minDomains` holds pods back until there are enough zones."""
    constraint = spread("web", minDomains=3)
    pods = [pod("w1", "old", app="web", topologySpreadConstraints=constraint), pod("w2", "n1", app="web")]
    assert moved([OLD, node("n1", zone="a")], pods)["w1"].verdict == "does_not_fit"


@pytest.mark.parametrize(
    ("port", "verdict"),
    [
        ({"hostPort": 80}, "does_not_fit"),
        ({"hostPort": 81}, "fits"),
        ({"hostPort": 80, "protocol": "UDP"}, "fits"),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, "does_not_fit"),
    ],
)
def test_host_ports(port: dict[str, Any], verdict: str) -> None:
    """A port on all addresses clashes with one on any."""
    there = pod("there", "new", ports=[{"hostPort": 80}])
    fit = moved([OLD, node("new")], [there, pod("a", "old", ports=[port])])["a"]
    assert fit.verdict == verdict


def test_a_volume_ties_its_pod_to_its_zone() -> None:
    """By node affinity, or by the labels of older volumes."""
    nodes = [OLD, node("n1", zone="a"), node("n2", zone="b")]
    mover = [pod("db", "old", volumes=uses("data"))]
    bound: dict[str, Any] = {"claims": (claim("data", "v"),)}
    by_affinity = moved(nodes, mover, volumes=(volume("v", zone="b"),), **bound)["db"]
    by_label = moved(nodes, mover, volumes=(volume("v", labels={ZONE: "b"}),), **bound)["db"]
    assert (by_affinity.node, by_affinity.reasons["n1"]) == (
        "n2",
        "node(s) had volume node affinity conflict",
    )
    assert (by_label.node, by_label.reasons["n1"]) == ("n2", "node(s) had no available volume zone")


def test_attach_limits_count_pods_and_attachments_once_each() -> None:
    """A node that can attach one more volume takes one more pod."""
    claims = tuple(claim(name, f"v-{name}") for name in ("x", "y", "z"))
    volumes = tuple(volume(f"v-{name}") for name in ("x", "y", "z"))
    storage: dict[str, Any] = {"claims": claims, "volumes": volumes, "csi_nodes": (csi_node("new", 2),)}
    pods = [pod("y", "new", volumes=uses("y")), pod("x", "old", volumes=uses("x"))]
    attached = (attachment("v-y", "new"),)
    assert moved([OLD, node("new")], pods, **storage, attachments=attached)["x"].verdict == "fits"
    lingering = (*attached, attachment("v-z", "new"))
    refused = moved([OLD, node("new")], pods, **storage, attachments=lingering)["x"]
    assert refused.reasons["new"] == "node(s) exceed max volume count"


def test_a_claim_for_one_pod_only_waits_for_that_pod() -> None:
    """ReadWriteOncePod: while another pod has it nothing fits."""
    world: dict[str, Any] = {
        "claims": (claim("data", "v", accessModes=["ReadWriteOncePod"]),),
        "volumes": (volume("v"),),
        "csi_nodes": (csi_node("new", None),),
    }
    mover = pod("a", "old", volumes=uses("data"))
    assert moved([OLD, node("new")], [mover], **world)["a"].verdict == "fits"
    assert (
        moved([OLD, node("new")], [mover, pod("b", "new", volumes=uses("data"))], **world)["a"].verdict
        == "does_not_fit"
    )


def test_a_volume_that_is_yet_to_be_made_promises_nothing() -> None:
    """Its class may allow only some zones, and its provisioner may lack room there."""
    nodes = [OLD, node("n1", zone="a"), node("n2", zone="b")]
    mover = [pod("db", "old", volumes=uses("data"))]
    open_claim = claim("data", storageClassName="fast")
    fit = moved(nodes, mover, claims=(open_claim,), storage_classes=(storage_class("fast", zones=("b",)),))[
        "db"
    ]
    assert (fit.verdict, fit.node) == ("tight", "n2")
    assert any("not bound yet" in note for note in fit.notes)
    missing = moved(nodes, mover)["db"]
    assert missing.reasons["n1"] == 'persistentvolumeclaim "data" not found'


def test_a_pod_that_fits_only_by_preempting_says_whom() -> None:
    """Somebody else pays for this drain; that is for the administrator to know."""
    nodes = [OLD, node("new", cpu="1")]
    victim = pod("cheap", "new", priority=1)
    fit = moved(nodes, [victim, pod("a", "old", priority=5)])["a"]
    assert (fit.verdict, fit.node) == ("tight", "new")
    assert fit.notes == ("only by preempting 1 pod(s) of lower priority: shop/cheap",)
    meek = moved(nodes, [victim, pod("a", "old", priority=5, preemptionPolicy="Never")])["a"]
    assert meek.verdict == "does_not_fit"


def test_nobody_below_an_unsure_pod_of_higher_priority_is_promised_anything() -> None:
    """It may preempt whoever has a place, here or there."""
    nodes = [OLD, node("n1", cpu="2"), node("n2", cpu="1")]
    pods = [pod("vip", "old", cpu="4", priority=9), pod("a", "old", cpu="1")]
    assert moved(nodes, pods)["a"].verdict == "tight"
    calm = [pod("vip", "old", cpu="4", priority=9, preemptionPolicy="Never"), pods[1]]
    assert moved([OLD, node("n1", cpu="3")], calm)["a"].verdict == "fits"


@pytest.mark.parametrize(
    "spec",
    [
        {"schedulerName": "mine"},
        {"resourceClaims": [{"name": "gpu", "resourceClaimName": "gpu"}]},
        {"schedulingGates": [{"name": "quota"}]},
    ],
)
def test_what_is_not_simulated_is_never_promised(spec: dict[str, Any]) -> None:
    """Other schedulers, device claims and gates are theirs to decide; the note says so."""
    fit = moved([OLD, node("new")], [pod("a", "old", **spec)])["a"]
    assert fit.verdict == "tight"
    assert fit.notes


def test_a_pod_that_waits_for_a_node_is_a_rival() -> None:
    """It may take the place as soon as something changes."""
    nodes = [OLD, node("new", cpu="1")]
    waiting = pod("waiting", cpu="1", status={"conditions": [{"type": "PodScheduled", "status": "False"}]})
    assert moved(nodes, [waiting, pod("a", "old")])["a"].verdict == "tight"
    assert moved(nodes, [pod("a", "old")])["a"].verdict == "fits"


def test_zone_labels_written_at_binding_do_not_tie_the_replacement() -> None:
    """The API server copies the node's zone to the pod (KEP-4742); the next pod starts without."""
    there = pod(
        "there",
        "new",
        affinity={
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": HOST, "labelSelector": {"matchLabels": {ZONE: "a"}}}
                ]
            }
        },
    )
    mover = pod("a", "old", metadata={"labels": {ZONE: "a"}})
    assert moved([OLD, node("new")], [there, mover])["a"].verdict == "fits"


def test_pods_that_do_not_exist_yet_can_be_asked_about() -> None:
    """What a scale-up needs to know: would two more find a place?"""
    world = World((node("n1", cpu="3"),), (pod("a", "n1"),))
    fits = preview(world, leaving=frozenset(), moving=[pod("b"), pod("c"), pod("d")])
    assert [one.verdict for one in fits] == ["tight", "tight", "does_not_fit"]
    assert isinstance(fits[0], Fit)


def test_a_pod_that_arrives_later_may_preempt_one_that_moved_before() -> None:
    """Eviction order does not protect the unimportant; both verdicts are of the end."""
    fits = moved([OLD, node("new", cpu="1")], [pod("a", "old"), pod("vip", "old", priority=9)])
    assert (fits["vip"].verdict, fits["vip"].node) == ("tight", "new")
    assert "only by preempting 1 pod(s) of lower priority: shop/a" in fits["vip"].notes
    assert fits["a"].verdict == "does_not_fit" or fits["a"].node == "new"


def test_what_waits_for_another_moving_pod_is_tried_again() -> None:
    """The scheduler retries when pods are bound: a follower that comes first is not lost."""
    nodes = [OLD, node("n1", zone="a"), node("n2", zone="b")]
    fits = moved(nodes, [pod("cache", "old", affinity=near("web")), pod("web", "old")])
    assert fits["cache"].verdict == "tight"
    assert fits["cache"].node
