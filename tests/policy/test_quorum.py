"""Whose approvals count, and when there are enough of them."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.core.actor import Actor, Surface
from k8sops.core.persons import Person
from k8sops.core.plan import Decision, Demand
from k8sops.core.run import Approval, Vote
from k8sops.policy.quorum import Quorum, Voter, count, missing_approvals
from tests.policy.cases import PROD, TUESDAY, policy

DIGEST = "ab" * 32
TEAM = "T0000001"
RULES = policy(
    f"""
clusters: [{{uid: {PROD}, name: prod, environment: production}}]
people:
  alice:
    groups: [sre]
    cluster: [{{cluster: prod, username: alice}}, {{cluster: prod, username: alice-admin}}]
    slack: [{{team: {TEAM}, user: UALICE}}]
  bob: {{groups: [sre, dba], cluster: [{{cluster: prod, username: bob}}], slack: [{{team: {TEAM}, user: UBOB}}]}}
  carol: {{groups: [dba], cluster: [{{cluster: prod, username: carol}}]}}
  erin: {{groups: [security], cluster: [{{cluster: prod, username: erin}}]}}
"""
)


def actor(name: str) -> Actor:
    """Somebody at a terminal, or in the chat where the name is a chat user's."""
    chat = name[:1] == "U"
    surface: Surface = "slack" if chat else "cli"
    return Actor(name=name, surface=surface, team=TEAM if chat else "")


def person(name: str) -> Person:
    """Who that is."""
    return RULES.person_of(actor(name), PROD)


def vote(name: str, verdict: Literal["approve", "deny"] = "approve", digest: str = DIGEST) -> Approval:
    """A vote."""
    return Approval(
        actor=actor(name), vote=Vote(verdict=verdict, digest=digest), at=TUESDAY + timedelta(minutes=1)
    )


def asked(*demands: Demand) -> Decision:
    """A decision with these demands."""
    most = max(demand.count for demand in demands)
    return Decision(effect="approve", why="so the rules say", approvals=most, demands=demands)


def standing(decision: Decision, *votes: Approval, requester: str = "dave", **more: Any) -> Quorum:
    """How the votes stand; the requester dave is a person the policy knows elsewhere."""
    who = Person(name="dave") if requester == "dave" else person(requester)
    return count(
        decision,
        votes,
        digest=DIGEST,
        requester=who,
        person_of=lambda one: RULES.person_of(one, PROD),
        **more,
    )


ONE = Demand(count=1)
TWO = Demand(count=2)
SRE = Demand(count=1, groups=("sre",))
DISTINCT = Demand(count=2, groups=("sre", "dba"), distinct_groups=True)


@pytest.mark.parametrize(
    ("demands", "names", "missing"),
    [
        ((ONE,), "", 1),
        ((ONE,), "alice", 0),
        ((TWO,), "alice", 1),
        ((TWO,), "alice bob", 0),
        ((TWO,), "alice alice-admin UALICE", 1),
        ((SRE,), "carol erin", 1),
        ((SRE,), "carol alice", 0),
        ((DISTINCT,), "bob", 1),
        ((DISTINCT,), "alice bob", 0),
        ((DISTINCT,), "bob carol", 0),
        ((DISTINCT,), "carol erin", 1),
        ((SRE, Demand(count=1, groups=("security",))), "alice", 1),
        ((SRE, Demand(count=1, groups=("security",))), "alice erin", 0),
        ((Demand(count=2, at_terminal=1),), "UALICE UBOB", 1),
        ((Demand(count=2, at_terminal=1),), "UALICE UBOB bob", 0),
        ((Demand(count=2, at_terminal=2),), "UALICE bob", 1),
    ],
)
def test_how_many_are_missing(demands: tuple[Demand, ...], names: str, missing: int) -> None:
    """Each person once, under whatever name; each demand on its own; each group with a person of its own."""
    found = standing(asked(*demands), *(vote(name) for name in names.split()))
    assert (found.missing, found.reached) == (missing, missing == 0), found


@pytest.mark.parametrize(
    ("names", "requester", "authors", "why"),
    [
        ("alice", "alice", (), "asked for themselves"),
        ("alice-admin", "alice", (), "asked for themselves"),
        ("UALICE", "alice", (), "asked for themselves"),
        ("alice", "UALICE", (), "asked for themselves"),
        ("alice", "bob", ("alice",), "their own change"),
        ("mallory", "bob", (), "does not know who this is"),
        ("UMALLORY", "bob", (), "does not know who this is"),
        ("kubernetes-admin", "bob", (), "several people"),
        ("system:serviceaccount:ci:deployer", "bob", (), "several people"),
    ],
)
def test_whose_approval_does_not_count(
    names: str, requester: str, authors: tuple[str, ...], why: str
) -> None:
    """Each of these is a way to say yes to oneself, or to be nobody who can be asked about it later."""
    found = standing(asked(ONE), vote(names), requester=requester, authors=authors)
    assert not found.reached
    assert [why in refused.why for refused in found.refused] == [True], found


def test_a_requester_nobody_knows_takes_one_voter_more() -> None:
    """Whoever proposes as kubernetes-admin and approves as herself has approved herself."""
    assert standing(asked(ONE), vote("alice"), requester="kubernetes-admin").missing == 1
    found = standing(asked(ONE), vote("alice"), requester="mallory")
    assert (found.reached, found.missing) == (False, 1)
    assert "does not know who asked" in found.why
    assert standing(asked(ONE), vote("alice"), vote("bob"), requester="mallory").reached


def test_one_voter_more_holds_for_groups_too() -> None:
    """Any one of the voters may have asked, the only one of the second group, too."""
    votes = [vote("alice"), vote("bob"), vote("carol")]
    assert standing(asked(DISTINCT), *votes, requester="mallory").reached
    assert not standing(asked(DISTINCT), *votes[:2], requester="mallory").reached
    both = asked(SRE, Demand(count=1, groups=("security",)))
    assert not standing(both, *votes, vote("erin"), requester="mallory").reached


@pytest.mark.parametrize("name", ["alice", "dave", "mallory", "kubernetes-admin"])
def test_a_denial_wins_over_any_number_of_approvals(name: str) -> None:
    """It takes less to stop than to go on, and a no must not depend on who was mapped."""
    found = standing(asked(ONE), vote("bob"), vote(name, "deny"), vote("carol"))
    assert not found.reached
    assert found.denied_by == name
    assert found.why == f"denied by {name}"


@pytest.mark.parametrize("digest", ["", "ab", "cd" * 32, "ab" * 6 + "cd", DIGEST + "ab"])
def test_a_vote_on_another_plan_does_not_count(digest: str) -> None:
    """Who approved five replicas has not approved fifty; and a vote on no digest is a vote on any."""
    found = standing(asked(ONE), vote("alice", digest=digest))
    assert not found.reached
    assert "digest" in found.refused[0].why


def test_a_vote_may_name_the_digest_s_first_twelve_digits() -> None:
    """That is what people see and type."""
    assert standing(asked(ONE), vote("alice", digest=DIGEST[:12])).reached


def test_a_decision_without_numbers_takes_one_approval() -> None:
    """A decision read back from somewhere with its demands lost must not be one that needs nobody."""
    assert standing(Decision(effect="approve", why="")).missing == 1
    assert standing(asked(Demand(count=0))).missing == 1


def test_a_denied_plan_cannot_be_voted_for() -> None:
    """Policy's no is not a question to persons."""
    assert not standing(Decision(effect="deny", why="no"), vote("alice"), vote("bob")).reached


ALIASES = ["alice", "alice-admin", "UALICE", "kubernetes-admin", "system:admin", "alice2", "UALICE2"]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(ALIASES),
    st.lists(st.sampled_from(ALIASES), max_size=8),
    st.sampled_from([ONE, TWO, SRE, DISTINCT, Demand(count=0), Demand(count=1, at_terminal=1)]),
)
def test_no_combination_of_one_s_own_names_reaches_a_quorum(
    requester: str, names: list[str], demand: Demand
) -> None:
    """Mapped, shared, unknown: one human stays one human, and was the one who asked."""
    assert not standing(asked(demand), *(vote(name) for name in names), requester=requester).reached


voters = st.lists(
    st.builds(
        Voter,
        name=st.sampled_from("abcdef"),
        groups=st.lists(st.sampled_from(["sre", "dba", "sec"]), unique=True).map(tuple),
        at_terminal=st.booleans(),
    ),
    unique_by=lambda voter: voter.name,
    max_size=6,
)
demands = st.builds(
    Demand,
    count=st.integers(0, 3),
    groups=st.lists(st.sampled_from(["sre", "dba", "sec"]), unique=True).map(tuple),
    distinct_groups=st.booleans(),
    at_terminal=st.integers(0, 2),
)


@settings(max_examples=300, deadline=None)
@given(demands, voters, st.integers(0, 2), st.data())
def test_fewer_voters_are_never_more(
    demand: Demand, all_: list[Voter], spare: int, data: st.DataObject
) -> None:
    """Taking a vote away, or trusting fewer of them, never brings a quorum nearer."""
    some = [voter for voter in all_ if data.draw(st.booleans())]
    assert missing_approvals([demand], some, spare=spare) >= missing_approvals([demand], all_, spare=spare)
    assert missing_approvals([demand], all_, spare=spare + 1) >= missing_approvals(
        [demand], all_, spare=spare
    )


@settings(max_examples=300, deadline=None)
@given(demands, voters)
def test_the_matching_is_what_trying_all_would_find(demand: Demand, all_: list[Voter]) -> None:
    """Greedy pairing of persons and groups misses pairings that exist."""
    able = [voter for voter in all_ if not demand.groups or set(demand.groups) & set(voter.groups)]
    wanted = max(demand.count, 1)
    if demand.distinct_groups:
        reached = any(_pairs(chosen, demand.groups) for chosen in combinations(able, wanted))
    else:
        reached = len(able) >= wanted
    reached = reached and sum(voter.at_terminal for voter in able) >= demand.at_terminal
    assert (missing_approvals([demand], all_) == 0) is reached


def _pairs(chosen: tuple[Voter, ...], groups: tuple[str, ...], taken: frozenset[str] = frozenset()) -> bool:
    if not chosen:
        return True
    able = set(chosen[0].groups) - taken
    return any(_pairs(chosen[1:], groups, taken | {group}) for group in able if not groups or group in groups)
