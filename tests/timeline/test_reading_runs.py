"""What our own runs tell: who asked, who agreed, what was done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.events import Event
from k8sops.core.plan import Target
from k8sops.core.run import Approval, Run, RunState, Vote
from k8sops.timeline.reading_runs import moments_of_run, target_subject
from tests.support.plans import NOW, a_plan, scale_step

ALICE = Actor(name="alice", surface="cli")


def _run(**more: Any) -> Run:
    given: dict[str, Any] = {
        "id": "01JD0000000000000000000000",
        "plan": a_plan(),
        "state": RunState.SUCCEEDED,
        "actor": ALICE,
        "reason": "evening peak",
        "proposed_at": NOW,
        "started_at": NOW + timedelta(seconds=60),
        "ended_at": NOW + timedelta(seconds=90),
        "outcome": "done: web has 5 replicas",
    }
    return Run(**(given | more))


def test_a_run_tells_who_asked_who_agreed_when_it_began_and_how_it_ended() -> None:
    """These four lines are the part of a post-mortem nobody else can write."""
    vote = Approval(actor=Actor(name="bob", surface="cli"), vote=Vote(verdict="approve", digest="d"), at=NOW)
    found = moments_of_run(_run(approvals=(vote,)))
    assert [one.text for one in found] == [
        "asked for by alice: scale Deployment shop/web: Safe: web grows. (evening peak)",
        "approved by bob",
        "began: scale Deployment shop/web",
        "succeeded: web has 5 replicas",
    ]
    assert found[2].targets == ("Deployment shop/web",)
    assert not any(one.bad for one in found)


def test_a_run_that_failed_is_trouble_and_names_the_steps_that_did() -> None:
    """A half-done change explains much."""
    failed = Event(seq=3, at=NOW, kind="step_failed", text="shop/web: conflict")
    found = moments_of_run(_run(state=RunState.FAILED, events=(failed,), outcome="nothing was changed"))
    assert [(one.text, one.bad) for one in found[-2:]] == [
        ("shop/web: conflict", True),
        ("failed: nothing was changed", True),
    ]


def test_an_outcome_that_begins_with_the_state_says_it_once() -> None:
    """The engine words most of them so."""
    for state, outcome in (
        (RunState.FAILED, "failed: the rollout is not complete"),
        (RunState.CANCELLED, "cancelled by bob: nothing was changed"),
    ):
        assert moments_of_run(_run(state=state, outcome=outcome))[-1].text == outcome


def test_a_run_that_never_began_is_no_trouble() -> None:
    """Denied or expired: the cluster was never touched."""
    found = moments_of_run(_run(state=RunState.EXPIRED, started_at=None, outcome=""))
    assert [(one.text, one.bad) for one in found[1:]] == [("expired", False)]


def test_a_run_over_many_objects_names_the_first_and_counts_the_rest() -> None:
    """A drain or a backup has hundreds."""
    steps = tuple(
        msgspec.structs.replace(scale_step(), id=str(place), target=Target(kind="nodes", name=f"n{place}"))
        for place in range(300)
    )
    found = moments_of_run(_run(plan=a_plan(steps=steps)))
    assert found[1].text == "began: scale Node n0 and 299 more"
    assert len(found[1].targets) == 200


def test_targets_are_named_as_events_name_their_objects() -> None:
    """Else nothing could be put beside them."""
    assert (
        target_subject(Target(kind="statefulsets.apps", namespace="data", name="pg")) == "StatefulSet data/pg"
    )
    assert target_subject(Target(kind="nodes", name="n1")) == "Node n1"
    assert (
        target_subject(Target(kind="networkpolicies.networking.k8s.io", namespace="a", name="b"))
        == "networkpolicies a/b"
    )
