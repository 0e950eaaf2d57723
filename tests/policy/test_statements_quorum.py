"""What a carrier believes: only what persons pinned by its own policy signed, whatever else the store says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from k8sops.core.persons import Person
from k8sops.core.plan import Decision, Demand
from k8sops.engine import signing
from k8sops.policy.keys import new_key
from k8sops.policy.statement_quorum import (
    MOST_STATEMENTS,
    Allowed,
    Ask,
    NotAllowed,
    statements_that_hold,
)
from k8sops.policy.statements import HELD, About, Signed, person_key
from tests.support.signed import ABOUT, BOT, KEYS, NOW, PINS, RUN, asks, carried, needs, person_named, says


def refused(*rows: Signed, **changes: Any) -> NotAllowed:
    """The refusal; fails where the run would be carried."""
    answer = carried(*rows, **changes)
    assert isinstance(answer, NotAllowed)
    return answer


def allowed(*rows: Signed, **changes: Any) -> Allowed:
    """What is proved; fails where the run is refused."""
    answer = carried(*rows, **changes)
    assert isinstance(answer, Allowed), answer
    return answer


def test_a_proposal_and_the_approval_it_needs_carry_a_run() -> None:
    """The way it is meant to go; who is in it is the signatures' word."""
    answer = allowed(asks(), says("bob"))
    assert answer.requester == "alice"
    assert [vote.person for vote in answer.approvals] == ["bob"]
    assert answer.break_glass is None


def test_the_order_and_the_doubling_of_rows_mean_nothing() -> None:
    """A store returns rows as it likes."""
    proposal, vote = asks(), says("bob")
    assert allowed(vote, proposal, vote, proposal) == allowed(proposal, vote)


NOT_ENOUGH = [
    ("no statements at all", [], "nobody the policy pins has signed"),
    ("approved, never proposed", [says("bob"), says("carol")], "nobody the policy pins has signed"),
    ("proposed by a stranger", [asks("eve"), says("bob")], "nobody the policy pins has signed"),
    ("proposed for alice by a stranger", [asks(key=KEYS["eve"]), says("bob")], "nobody the policy pins"),
    ("proposed for alice by mallory", [asks(key=KEYS["mallory"]), says("bob")], "nobody the policy pins"),
    ("proposal of another run", [asks(run="01OTHER"), says("bob")], "nobody the policy pins has signed"),
    ("proposal of another plan", [asks(digest="cd" * 32), says("bob")], "nobody the policy pins has signed"),
    ("proposal on another cluster", [asks(cluster_uid="c-2"), says("bob")], "nobody the policy pins"),
    (
        "proposal expired",
        [asks(made_at=NOW - timedelta(2), expires_at=NOW), says("bob")],
        "nobody the policy",
    ),
    ("proposal as somebody else", [asks(execute_as="admin"), says("bob")], "nobody the policy pins"),
    ("proposal as nobody", [asks(execute_as=""), says("bob")], "nobody the policy pins has signed"),
    ("proposed by two", [asks(), asks("mallory"), says("bob")], "is claimed by alice and by mallory"),
    (
        "a grant is no proposal",
        [says("alice", "grant", execute_as="deployer"), says("bob")],
        "nobody the policy",
    ),
    ("proposed only", [asks()], "by nobody yet"),
    ("held and approved, not started", [asks(verdict=HELD), says("bob")], "has not signed its start"),
    (
        "held, and started by another",
        [asks(verdict=HELD), asks("mallory"), says("bob")],
        "is claimed by alice and by mallory",
    ),
    (
        "held, and the glass broken over it",
        [asks(verdict=HELD), says("alice", "break_glass")],
        "has not signed its start",
    ),
    ("held for a vote that nobody gave", [asks(verdict=HELD), asks()], "by nobody yet"),
    ("approved by its requester", [asks(), says("alice")], "by nobody yet"),
    (
        "approved by the requester through the chat",
        [asks(), says("alice", attested_by="slack", key=BOT)],
        "by nobody yet",
    ),
    ("approved by a stranger", [asks(), says("eve")], "by nobody yet"),
    ("bob's vote with mallory's key", [asks(), says("bob", key=KEYS["mallory"])], "by nobody yet"),
    ("a vote on another run", [asks(), says("bob", run="01OTHER")], "by nobody yet"),
    ("a vote on another plan", [asks(), says("bob", digest="cd" * 32)], "by nobody yet"),
    ("a vote on another cluster", [asks(), says("bob", cluster_uid="c-2")], "by nobody yet"),
    ("a vote for another identity", [asks(), says("bob", execute_as="admin")], "by nobody yet"),
    ("an expired vote", [asks(), says("bob", made_at=NOW - timedelta(2), expires_at=NOW)], "by nobody yet"),
    ("a vote from the future", [asks(), says("bob", made_at=NOW + timedelta(minutes=6))], "by nobody yet"),
    (
        "a vote before the proposal",
        [asks(), says("bob", made_at=NOW - timedelta(minutes=6))],
        "by nobody yet",
    ),
    (
        "the bot for whom it may not speak",
        [asks(), says("carol", attested_by="slack", key=BOT)],
        "by nobody yet",
    ),
    ("the bot unmarked", [asks(), says("bob", key=BOT)], "by nobody yet"),
    ("a second proposal is no vote", [asks(), asks()], "by nobody yet"),
    ("denied", [asks(), says("bob"), says("carol", verdict="deny")], "was denied by carol"),
    (
        "denied by its own requester",
        [asks(), says("bob"), says("alice", verdict="deny")],
        "was denied by alice",
    ),
    ("a mind changed", [asks(), says("bob"), says("bob", verdict="deny")], "was denied by bob"),
    ("cancelled", [asks(), says("bob"), says("alice", "cancel")], "was cancelled by alice"),
    (
        "denied long ago",
        [asks(), says("bob"), says("carol", verdict="deny", made_at=NOW - timedelta(3), expires_at=NOW)],
        "was denied by carol",
    ),
    (
        "denied as another plan",
        [asks(), says("bob"), says("carol", verdict="deny", digest="cd" * 32)],
        "was denied by carol",
    ),
]


@pytest.mark.parametrize(
    ("rows", "why"), [case[1:] for case in NOT_ENOUGH], ids=[case[0] for case in NOT_ENOUGH]
)
def test_a_store_full_of_anything_else_carries_nothing(rows: Sequence[Signed], why: str) -> None:
    """Each is a store as somebody with full write access, and perhaps one key of their own, could leave it."""
    assert why in refused(*rows).why


@pytest.mark.parametrize("verdict", ["deny", "cancel"])
def test_a_no_from_nobody_is_no_no(verdict: str) -> None:
    """A stranger, or the no to another run, must not stop everybody's work."""
    kind: dict[str, Any] = {"kind": "cancel"} if verdict == "cancel" else {"verdict": "deny"}
    for row in (
        says("eve", **kind),
        says("bob", run="01OTHER", **kind),
        says("bob", cluster_uid="x", **kind),
    ):
        assert allowed(asks(), says("carol"), row).approvals


def test_what_was_ignored_is_told_once_each() -> None:
    """Somebody must be able to see why their vote does not count."""
    answer = refused(asks(), says("bob", digest="cd" * 32), says("alice"), says("eve"))
    assert not answer.final
    assert any("on digest cdcdcdcdcdcd" in text for text in answer.ignored)
    assert any("alice" in text for text in answer.ignored)
    assert any("does not pin" in text for text in answer.ignored)


def test_each_person_counts_once_however_often_they_sign() -> None:
    """Also with their own key and through the chat."""
    votes = [says("bob"), says("bob"), says("bob", attested_by="slack", key=BOT)]
    assert "needs 2 approvals" in refused(asks(), *votes, decision=needs(2)).why
    allowed(asks(), *votes, says("carol"), decision=needs(2))


def test_a_person_with_two_keys_is_one_person() -> None:
    """A laptop and a desktop."""
    second = new_key()
    pins = {**PINS, second.key_id: person_key("bob", second.public.text)}
    votes = [says("bob"), says("bob", key=second)]
    assert "needs 2" in refused(asks(), *votes, decision=needs(2), trusted=pins).why
    assert "by nobody yet" in refused(asks("bob"), says("bob", key=second), trusted=pins).why


def test_a_person_taken_out_of_the_policy_counts_no_more() -> None:
    """They have left; the run they approved is still waiting."""
    gone = {"person_named": lambda name: Person() if name == "bob" else person_named(name)}
    assert "by nobody yet" in refused(asks(), says("bob"), **gone).why
    assert "nobody the policy pins" in refused(asks("bob"), says("carol"), **gone).why


def test_a_revoked_key_counts_no_more() -> None:
    """It was stolen: also what it signed before counts no more, yes or no."""
    pins = {key: pin for key, pin in PINS.items() if pin.person != "bob"}
    assert "by nobody yet" in refused(asks(), says("bob"), trusted=pins).why
    allowed(asks(), says("carol"), says("bob", verdict="deny"), trusted=pins)


def test_only_members_of_the_groups_that_approve_count() -> None:
    """Groups are the carrier's policy's, not what a credential or the store claims."""
    ops = needs(groups=("security",))
    assert "by nobody yet" in refused(asks(), says("bob"), decision=ops).why
    allowed(asks(), says("dave"), decision=ops)


def test_distinct_groups_take_a_person_each() -> None:
    """Carol is in both, and still one person."""
    both = needs(2, groups=("ops", "security"), distinct_groups=True)
    assert "needs 2" in refused(asks(), says("carol"), decision=both).why
    assert "needs 2" in refused(asks("mallory"), says("bob"), decision=both).why
    allowed(asks(), says("carol"), says("dave"), decision=both)
    allowed(asks(), says("bob"), says("carol"), decision=both)


def test_demands_of_several_rules_are_each_met() -> None:
    """Two rules ask; meeting one is not meeting both."""
    decision = Decision(
        effect="approve",
        why="two rules",
        approvals=1,
        demands=(Demand(count=1, groups=("ops",)), Demand(count=1, groups=("security",))),
    )
    refused(asks(), says("bob"), decision=decision)
    allowed(asks(), says("bob"), says("dave"), decision=decision)


def test_votes_from_the_chat_do_not_meet_a_demand_for_ones_own_key() -> None:
    """The greatest risks must not hang on a chat account."""
    terminal = needs(1, at_terminal=1)
    refused(asks(), says("bob", attested_by="slack", key=BOT), decision=terminal)
    allowed(asks(), says("bob"), decision=terminal)


def test_authors_of_what_the_run_depends_on_do_not_count() -> None:
    """Who loosened the policy yesterday does not approve under it today."""
    assert "by nobody yet" in refused(asks(), says("bob"), authors={"bob"}).why


def test_approvals_must_come_in_time() -> None:
    """A run's time to be approved is over though every signature still holds."""
    decision = msgspec.structs.replace(needs(), ttl_s=600)
    late = says("bob", made_at=NOW + timedelta(minutes=10, milliseconds=1))
    later = NOW + timedelta(minutes=20)
    assert "by nobody yet" in refused(asks(), late, decision=decision, now=later).why
    allowed(asks(), says("bob", made_at=NOW + timedelta(minutes=10)), decision=decision, now=later)


def test_proposing_anew_does_not_revive_old_votes() -> None:
    """The requester alone could otherwise keep a yes warm for as long as it is signed for."""
    again = asks(made_at=NOW + timedelta(minutes=30), expires_at=NOW + timedelta(hours=2))
    refused(again, says("bob"), now=NOW + timedelta(minutes=30))


def test_a_decision_that_asks_for_no_approvals_still_asks_for_a_signature() -> None:
    """Confirming is signing; without a proposal there is nobody whose right it could be."""
    confirm = Decision(effect="confirm", why="low risk")
    assert allowed(asks(), decision=confirm).approvals == ()
    refused(says("bob"), decision=confirm)


def test_an_approve_without_a_number_is_not_nothing() -> None:
    """A decision half filled in must not be met by nobody."""
    refused(asks(), decision=Decision(effect="approve", why="?"))


def test_the_carriers_own_policy_denies_whatever_was_signed() -> None:
    """A door with an older or a forged policy let it pass."""
    denied = Decision(effect="deny", why="frozen until Monday")
    answer = refused(asks(), says("bob"), decision=denied)
    assert answer.final
    assert "frozen until Monday" in answer.why


def test_policy_is_asked_about_whom_the_signature_proves() -> None:
    """Not about the person or surface a column names."""
    asked: list[Ask] = []

    def decide(ask: Ask) -> Decision:
        asked.append(ask)
        return needs()

    carried(asks(attested_by="slack", key=BOT, reason="OPS-1"), says("bob"), decide=decide)
    assert asked == [
        Ask(requester=person_named("alice"), surface="slack", reason="OPS-1", made_at=NOW, emergency=False)
    ]


def test_the_reason_that_counts_is_the_signed_one() -> None:
    """A reason or ticket added in the store later proves nothing."""
    reason = msgspec.structs.replace(needs(), reason_required=True)
    ticket = msgspec.structs.replace(needs(), reason_required=True, tickets=(r"OPS-\d+",))
    assert "reason" in refused(asks(reason=" "), says("bob"), decision=reason).why
    assert "ticket" in refused(asks(reason="soon"), says("bob"), decision=ticket).why
    allowed(asks(reason="see OPS-12"), says("bob"), decision=ticket)


def by_emergency(ask: Ask) -> Decision:
    """A policy that asks for two approvals, and for a confirmation in an emergency."""
    return Decision(effect="confirm", why="emergency", break_glass=True) if ask.emergency else needs(2)


def test_break_glass_is_the_requesters_own_and_is_told() -> None:
    """It goes on without approvals, and the review that stays open must know whose word it was."""
    answer = allowed(asks(), says("alice", "break_glass", reason="site down"), decide=by_emergency)
    assert answer.break_glass is not None
    assert answer.break_glass.statement.reason == "site down"
    assert answer.decision.break_glass


@pytest.mark.parametrize(
    "glass",
    [
        says("bob", "break_glass"),
        says("alice", "break_glass", key=KEYS["mallory"]),
        says("alice", "break_glass", run="01OTHER"),
        says("alice", "break_glass", digest="cd" * 32),
        says("alice", "break_glass", execute_as="admin"),
        says("alice", "break_glass", made_at=NOW - timedelta(2), expires_at=NOW),
    ],
)
def test_anothers_or_another_runs_broken_glass_opens_nothing(glass: Signed) -> None:
    """It sets approvals aside, hence is worth forging."""
    refused(asks(), glass, decide=by_emergency)


def test_break_glass_that_was_not_needed_is_not_used() -> None:
    """The approvals came in meanwhile: no review, no alarm."""
    rows = (asks(), says("alice", "break_glass"), says("bob"), says("carol"))
    assert allowed(*rows, decide=by_emergency).break_glass is None


def test_a_no_stands_against_break_glass_and_policy_may_refuse_it() -> None:
    """An emergency is no way round a colleague who looked and said no."""
    glass = says("alice", "break_glass")
    assert "denied by bob" in refused(asks(), glass, says("bob", verdict="deny"), decide=by_emergency).why
    refused(asks(), glass, decision=Decision(effect="deny", why="never"))


def test_a_finished_run_put_back_to_its_beginning_does_not_run_again() -> None:
    """Its signatures still hold; that it has ended is what the carrier knows from the audit chain."""
    proposal = asks()
    used = allowed(proposal, says("bob")).proposal.statement.nonce
    refused(proposal, says("bob"), seen={used})


def test_a_grant_and_a_standing_approval_are_signed_for_in_the_same_way() -> None:
    """What lasts longer than a run is proposed, approved and revoked by statements too."""
    for kind in ("grant", "standing"):
        own = says("alice", kind, execute_as="deployer")
        assert allowed(own, says("bob"), asked=kind).requester == "alice"
        refused(own, asked=kind)
        refused(asks(), says("bob"), asked=kind)
        assert "cancelled by carol" in refused(own, says("bob"), says("carol", "cancel"), asked=kind).why


def test_a_held_run_goes_with_its_requesters_second_word_and_the_votes_before_it() -> None:
    """Votes are given while it is held; its start comes after them."""
    hours = [NOW - timedelta(hours=3 - each) for each in range(3)]
    rows = [asks(verdict=HELD, made_at=hours[0]), says("bob", made_at=hours[1]), asks(made_at=hours[2])]
    answer = allowed(*rows)
    assert answer.proposal.statement.made_at == hours[2]
    assert [vote.person for vote in answer.approvals] == ["bob"]


def test_doors_say_that_a_run_is_held_by_the_word_that_carriers_know() -> None:
    """The engine does not import the room that checks it; another word would be refused as no statement."""
    assert signing.HELD == HELD


def test_that_a_held_run_is_asked_for_can_be_seen_by_whoever_votes() -> None:
    """Its proposal is signed like any other; only starting it takes more."""
    found = statements_that_hold(
        [asks(verdict=HELD)],
        kind="propose",
        about=ABOUT,
        trusted=PINS,
        now=NOW,
        person_named=person_named,
    )
    assert [each.person for each in found] == ["alice"]


def test_a_flood_of_statements_is_not_even_read() -> None:
    """Each costs a signature check, in the carrier, before every run."""
    rows = [asks(), *[Signed(body=b"x", signature=b"", key_id=str(n)) for n in range(MOST_STATEMENTS)]]
    assert "holds 201 statements" in refused(*rows).why


def test_a_resume_settles_the_step_it_names_and_no_other() -> None:
    """Else the word on one step could be shown again for the next one in doubt."""
    rows = [
        says("bob", "resume", verdict="retry", step="scale/a"),
        says("carol", "resume", verdict="done", step="scale/b"),
        says("eve", "resume", verdict="abandon", step="scale/a"),
        says("dave", "resume", verdict="done", step="scale/a", digest="cd" * 32),
        says("dave", "cancel"),
    ]
    found = statements_that_hold(
        rows,
        kind="resume",
        step="scale/a",
        about=ABOUT,
        trusted=PINS,
        now=NOW,
        person_named=person_named,
    )
    assert [(each.person, each.statement.verdict) for each in found] == [("bob", "retry")]


def test_the_plans_digest_is_the_carriers_own() -> None:
    """The laptop signs for one plan and stores another; the carrier computes the digest from what it would do."""
    stored = About(run=RUN, digest="cd" * 32, cluster_uid="c-1")
    refused(asks(), says("bob"), about=stored)
