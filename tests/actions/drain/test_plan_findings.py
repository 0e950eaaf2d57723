"""What a drain's plan says before anything happens, on made-up clusters: verdicts, losses, budgets, services."""

from __future__ import annotations

from datetime import timedelta

import pytest

from k8sops.core.plan import SUMMARY_LIMIT
from k8sops.core.risk import Risk
from tests.actions.drain.made_up import (
    NOW,
    budget,
    codes,
    deployment,
    finding,
    node,
    plan,
    pod,
    scene,
    service,
    workload,
)

TWO = (node("n1"), node("n2"))
WEB = (pod("web-a", "n1"), pod("web-b", "n2"), pod("web-c", "n2"))


def test_a_drain_with_nothing_against_it_is_safe_and_says_where_pods_go() -> None:
    """The sentence people decide by, and one item for each pod."""
    told = plan(scene(TWO, WEB))
    assert told.summary == "Fits: 1 pod moves, none stays pending; about 30 s."
    assert [step.id for step in told.steps] == ["cordon/node:n1", "drain/node:n1"]
    drain = told.steps[1]
    assert drain.bulk is not None
    item = drain.bulk.items[0]
    assert (item.target.label, item.verb, item.group) == ("shop/pods/web-a", "evict", "replicated")
    assert item.why == "moves to n2"
    assert item.data["lands_on"] == "n2"
    assert told.risk is Risk.DISRUPTIVE
    assert told.blast_radius["namespaces"] == ["shop"]
    assert told.blast_radius["pods"] == 1
    assert not told.blockers


@pytest.mark.parametrize(
    ("pods", "flag", "code"),
    [
        ([pod("ds-a", "n1", of=("DaemonSet", "agent"))], "--ignore-daemonsets", "refused_daemonset"),
        ([pod("web-a", "n1", empty_dir=True)], "--delete-emptydir-data", "refused_emptydir_data"),
        ([pod("solo", "n1", of=None)], "--force", "refused_no_controller"),
        ([pod("ds-a", "n1", of=("DaemonSet", "gone"))], "--force", "refused_daemonset_missing"),
    ],
    ids=["daemonset", "emptydir", "bare", "orphan"],
)
def test_a_refusal_is_a_blocker_that_names_pod_and_flag(pods: list, flag: str, code: str) -> None:  # type: ignore[type-arg]
    """What kubectl says after the cordon is said before it."""
    of = scene(TWO, pods, workloads=[*deployment("web", 3), ("DaemonSet", workload("DaemonSet", "agent"))])
    told = plan(of)
    refused = finding(told, code)
    assert refused.level == "blocker"
    assert refused.override == flag
    assert pods[0].key in refused.text
    assert refused.subjects == (f"shop/pods/{pods[0].metadata.name}",)
    assert told.summary.startswith(f"Blocked: needs {flag};")
    given = {flag.removeprefix("--").replace("-", "_"): True}
    assert not plan(of, **given).blockers


def test_all_missing_flags_are_told_at_once() -> None:
    """kubectl's last message hides the others: a pod without controller that also holds data needs both flags."""
    told = plan(scene(TWO, [pod("solo", "n1", of=None, empty_dir=True)]))
    assert {one.override for one in told.blockers} == {"--force", "--delete-emptydir-data"}
    assert "needs --delete-emptydir-data and --force" in told.summary


def test_what_is_lost_makes_the_drain_destructive_and_is_a_warning() -> None:
    """--force and --delete-emptydir-data are where data goes; so is a deletion that asks no budget."""
    of = scene(
        TWO,
        [pod("web-a", "n1", empty_dir=True), pod("solo", "n1", of=None)],
        budgets=[budget("b", min_available=1)],
    )
    told = plan(of, force=True, delete_emptydir_data=True)
    assert told.risk is Risk.DESTRUCTIVE
    assert {"emptydir_data_lost", "not_made_again"} <= codes(told, "warning")
    assert finding(told, "emptydir_data_lost").subjects == ("shop/deployments/web",)
    assert told.summary.startswith("Loss: 1 pod moves, 1 not made again, emptyDir data is lost")
    bypassed = plan(scene(TWO, WEB, budgets=[budget("b", min_available=3)]), disable_eviction=True)
    assert bypassed.risk is Risk.DESTRUCTIVE
    assert "budgets_bypassed" in codes(bypassed, "warning")
    assert bypassed.steps[1].bulk is not None
    assert bypassed.steps[1].bulk.counts == {"delete replicated": 1}


def test_flags_that_nothing_needs_do_not_make_a_drain_destructive() -> None:
    """Who always types --force still has a disruptive drain where no pod is lost by it."""
    told = plan(scene(TWO, WEB), force=True, delete_emptydir_data=True, ignore_daemonsets=True)
    assert told.risk is Risk.DISRUPTIVE


def test_a_budget_that_never_allows_it_is_a_blocker_and_the_rest_is_still_forecast() -> None:
    """kubectl retries every five seconds for ever."""
    of = scene(TWO, [*WEB, pod("api-a", "n1", app="api")], budgets=[budget("strict", min_available=3)])
    told = plan(of)
    blocker = finding(told, "budget_never_allows")
    assert blocker.subjects == ("shop/poddisruptionbudgets/strict",)
    assert blocker.override == "--disable-eviction"
    assert "shop/web-a" in blocker.text
    assert told.summary == "Blocked: budget shop/strict never allows it; 1 of 2 pods could go."
    assert "budget_never_allows" not in codes(plan(of, disable_eviction=True))


def test_a_pod_under_two_budgets_is_a_blocker_naming_both() -> None:
    """The Eviction API answers 500, which kubectl takes for a failure of the pod."""
    told = plan(scene(TWO, WEB, budgets=[budget("one", min_available=1), budget("two", max_unavailable=1)]))
    blocker = finding(told, "two_budgets")
    assert blocker.subjects == ("shop/poddisruptionbudgets/one", "shop/poddisruptionbudgets/two")
    assert "shop/web-a" in blocker.text
    assert "shop/web-a is under two budgets" in told.summary


def test_a_budget_that_is_closed_now_is_a_note_and_the_verdict_is_that_it_waits() -> None:
    """Readiness comes and goes; were it a warning, every flap would void a plan that waits for approval."""
    pods = [pod("web-a", "n1"), pod("web-b", "n2", ready=False), pod("web-c", "n2")]
    told = plan(scene(TWO, pods, budgets=[budget("b", min_available=2)]))
    assert finding(told, "budget_closed").level == "note"
    assert told.summary == "Waits: 1 pod waits; shop/b lets none go now."


def test_a_budget_that_lets_one_go_at_a_time_paces_waves() -> None:
    """Three pods of one budget on two nodes: three waves, each item saying its own."""
    pods = [pod("web-a", "n1"), pod("web-b", "n1"), pod("web-c", "n2")]
    of = scene((*TWO, node("n3")), pods, drained=["n1", "n2"], budgets=[budget("b", max_unavailable=1)])
    told = plan(of, nodes=("n1", "n2"))
    items = [item for step in told.steps if step.bulk for item in step.bulk.items]
    assert sorted(item.data["wave"] for item in items) == [1, 2, 3]
    assert "b paces 3 waves" in told.summary
    assert finding(told, "budget_paces").level == "note"
    assert told.forecast.limited_by == "budget shop/b"
    last = next(item for item in items if item.data["wave"] == 3)
    assert "wave 3, paced by shop/b" in last.why


def test_who_asks_to_be_left_alone_is_named() -> None:
    """Karpenter and cluster-autoscaler would not touch these pods; a person may, and should know."""
    pods = [
        pod("web-a", "n1", annotations={"karpenter.sh/do-not-disrupt": "true"}),
        pod("web-b", "n1", annotations={"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}),
        pod("web-c", "n2", annotations={"karpenter.sh/do-not-disrupt": "true"}),
    ]
    told = plan(scene(TWO, pods))
    assert finding(told, "do_not_disrupt").subjects == ("shop/deployments/web",)
    assert "1 pod" in finding(told, "do_not_disrupt").text
    assert "not_safe_to_evict" in codes(told, "warning")


def test_a_workload_of_one_pod_is_an_outage_and_surge_is_its_way_out() -> None:
    """The most frequent surprise of a drain (karpenter#740)."""
    of = scene(TWO, [pod("web-a", "n1")], workloads=deployment("web", 1), services=[service("web")])
    told = plan(of)
    assert finding(told, "singleton").override == "--surge"
    assert finding(told, "service_without_endpoints").subjects == ("shop/services/web",)
    assert told.summary == "Outage: 1 pod moves, none stays pending; web down meanwhile; about 30 s."
    surged = plan(of, surge=True)
    assert codes(surged, "warning") == set()
    assert "surge" in codes(surged, "note")


def test_a_budget_over_a_singleton_opens_with_a_surge() -> None:
    """minAvailable 1 of 1 never allows it; with a second pod it does."""
    of = scene(
        TWO,
        [pod("web-a", "n1")],
        workloads=deployment("web", 1),
        budgets=[budget("b", min_available=1)],
    )
    assert "budget_never_allows" in codes(plan(of), "blocker")
    assert codes(plan(of, surge=True), "blocker") == set()


def test_what_is_down_already_is_not_given_a_second_pod() -> None:
    """Beside one that crashes in a loop the second would crash too, and the drain wait for it until its deadline."""
    of = scene(TWO, [pod("web-a", "n1", ready=False)], workloads=deployment("web", 1))
    surged = plan(of, surge=True)
    assert codes(surged, "note") >= {"singleton_down"}
    assert "surge" not in codes(surged, "note")
    assert codes(plan(of), "warning") == set(), "moving it puts nothing down"


def test_a_stateful_singleton_cannot_be_surged() -> None:
    """A second pod of a StatefulSet is another member, not a stand-in."""
    of = scene(
        TWO,
        [pod("db-0", "n1", of=("StatefulSet", "db"), app="db")],
        workloads=[("StatefulSet", workload("StatefulSet", "db"))],
    )
    told = plan(of, surge=True)
    assert finding(told, "singleton").override == ""
    assert "stateful" in codes(told, "note")


def test_a_service_is_named_where_all_its_pods_go_at_once_and_not_where_a_budget_keeps_one() -> None:
    """Both pods of it on drained nodes: without a budget they go together."""
    pods = [pod("web-a", "n1"), pod("web-b", "n2")]
    three = (*TWO, node("n3"))
    workloads = deployment("web", 2)
    free = scene(three, pods, drained=["n1", "n2"], services=[service("web")], workloads=workloads)
    assert "service_without_endpoints" in codes(plan(free, nodes=("n1", "n2")), "warning")
    kept = scene(
        three, pods, drained=["n1", "n2"], services=[service("web")], workloads=workloads,
        budgets=[budget("b", min_available=1)],
    )  # fmt: skip
    assert "service_without_endpoints" not in codes(plan(kept, nodes=("n1", "n2")))
    assert "service_without_endpoints" not in codes(plan(scene(TWO, WEB, services=[service("web")])))


def test_a_pod_whose_end_is_not_waited_for_is_left_out() -> None:
    """--skip-wait-for-delete-timeout: neither evicted nor counted."""
    long_ago = NOW - timedelta(minutes=10)
    of = scene(TWO, [pod("web-a", "n1", ending=long_ago), pod("web-b", "n1")])
    told = plan(of, skip_wait_for_delete_timeout=60)
    assert told.steps[1].bulk is not None
    assert [item.target.name for item in told.steps[1].bulk.items] == ["web-b"]
    assert "stuck_terminating" in codes(told, "note")
    waited = plan(of)
    assert waited.steps[1].bulk is not None
    assert waited.steps[1].bulk.counts == {"evict replicated": 2}


def test_a_node_that_is_cordoned_and_empty_leaves_nothing_to_do() -> None:
    """No step, no question."""
    told = plan(scene([node("n1", unschedulable=True), node("n2")], []))
    assert told.steps == ()
    assert told.summary == "Nothing to do: n1 is cordoned and empty already."


def test_a_node_that_is_cordoned_is_drained_without_a_cordon_of_ours() -> None:
    """So that it stays cordoned whatever becomes of the run."""
    told = plan(scene([node("n1", unschedulable=True), node("n2")], WEB))
    assert [step.id for step in told.steps] == ["drain/node:n1"]
    assert "cordoned_already" in codes(told, "note")


def test_a_long_story_still_fits_the_sentence() -> None:
    """At most 160 characters, whatever names there are."""
    long = "a-very-long-name-that-a-team-thought-would-be-clear-to-everybody"
    pods = [pod(f"web-{n}", "n1", empty_dir=True) for n in range(40)]
    of = scene(TWO, [*pods, pod("solo", "n1", of=None)], budgets=[budget(long, min_available=40)])
    for given in (
        {},
        {"force": True},
        {"force": True, "delete_emptydir_data": True, "disable_eviction": True},
    ):
        assert len(plan(of, **given).summary) <= SUMMARY_LIMIT


def test_what_could_not_be_read_is_told() -> None:
    """A forecast without services or volumes must not look like one with them."""
    import msgspec

    of = msgspec.structs.replace(scene(TWO, WEB), unread=("persistentvolumes", "services"))
    warned = finding(plan(of), "unread")
    assert warned.level == "warning"
    assert "persistentvolumes, services" in warned.text
