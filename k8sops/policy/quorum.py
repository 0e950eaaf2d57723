"""Whether the votes suffice: distinct persons the policy knows, none of them the requester, each counted once.

Every demand of a decision is met on its own. A requester the policy does not know may be any of the voters under
another name, so then one voter more is needed than the demand says: whoever it was, enough others agreed. The same
goes for an author nobody is mapped to. A denial counts from anybody and on any plan of the run: it takes less to stop
than to go on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import combinations
from typing import Final

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.persons import Person
from k8sops.core.plan import Decision, Demand
from k8sops.core.run import Approval

DIGEST_LEAST: Final = 12
TERMINALS: Final = frozenset({"cli", "tui"})


class Voter(msgspec.Struct, frozen=True, kw_only=True):
    """A person whose approval may count, and whether it was given where their own key is at hand."""

    name: str
    groups: tuple[str, ...] = ()
    at_terminal: bool = True


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A vote that does not count."""

    who: str
    why: str


class Quorum(msgspec.Struct, frozen=True, kw_only=True):
    """How the votes stand."""

    reached: bool
    missing: int
    """How many more approvals it takes at the least."""
    counted: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()
    denied_by: str = ""
    why: str
    """One sentence."""


def count(
    decision: Decision,
    votes: Sequence[Approval],
    *,
    digest: str,
    requester: Person,
    person_of: Callable[[Actor], Person],
    authors: Collection[str] = frozenset(),
) -> Quorum:
    """How the votes on the plan of this digest stand.

    `authors` wrote what the run depends on (policy, playbook, schedule); an empty name among them is somebody the
    policy does not know.
    """
    refused: list[Refused] = []
    voters: dict[str, Voter] = {}
    denied_by = ""
    for approval in votes:
        person = person_of(approval.actor)
        who = person.name or approval.actor.name
        if approval.vote.verdict == "deny":
            denied_by = denied_by or who
            continue
        why = _digest_refused(approval.vote.digest, digest) or vote_refused(
            decision, person, requester=requester, authors=authors
        )
        if why:
            refused.append(Refused(who=who, why=why))
            continue
        before = voters.get(person.name)
        at_terminal = approval.actor.surface in TERMINALS or (before is not None and before.at_terminal)
        voters[person.name] = Voter(name=person.name, groups=person.groups, at_terminal=at_terminal)
    return _standing(
        decision, tuple(voters.values()), tuple(refused), denied_by, spare_for(requester, authors)
    )


def vote_refused(
    decision: Decision, person: Person, *, requester: Person, authors: Collection[str] = frozenset()
) -> str:
    """Why this person's approval cannot count, as a clause; empty where it can."""
    if person.shared:
        return "several people use this identity"
    if not person.mapped:
        return "the policy does not know who this is"
    if requester.mapped and person.name == requester.name:
        return "nobody approves what they asked for themselves"
    if person.name in authors:
        return "nobody approves what rests on their own change"
    demands = demands_of(decision)
    if not any(_eligible(demand, person.groups) for demand in demands):
        groups = sorted({group for demand in demands for group in demand.groups})
        return f"approvals come from {', '.join(groups)}"
    return ""


def counts_for_more(decision: Decision, actor: Actor, earlier: Actor) -> bool:
    """Whether a person's approval as this actor adds to their earlier one: where a terminal's is wanted, it does."""
    wanted = any(demand.at_terminal for demand in demands_of(decision))
    return wanted and actor.surface in TERMINALS and earlier.surface not in TERMINALS


def spare_for(requester: Person, authors: Collection[str] = frozenset()) -> int:
    """How many of the voters may be somebody who must not vote, under a name the policy cannot tell."""
    return int(not requester.mapped) + int("" in authors)


def demands_of(decision: Decision) -> tuple[Demand, ...]:
    """What an `approve` has to meet: one approval at the very least, whatever the decision's fields say."""
    if decision.effect != "approve":
        return ()
    least = Demand(count=max(decision.approvals, 1))
    return decision.demands or (least,)


def missing_approvals(demands: Iterable[Demand], voters: Sequence[Voter], *, spare: int = 0) -> int:
    """How many more approvals all demands take at the least, even if any `spare` of the voters do not count."""
    return max((_missing(demand, voters, spare) for demand in demands), default=0)


def in_words(demand: Demand) -> str:
    """`2 approvals from sre or dba, each from another group`."""
    text = "1 approval" if demand.count == 1 else f"{demand.count} approvals"
    if demand.groups:
        text += f" from {' or '.join(demand.groups)}"
    if demand.distinct_groups:
        text += ", each from another group"
    if demand.at_terminal:
        text += f", {demand.at_terminal} of them at a terminal"
    return text


def _missing(demand: Demand, voters: Sequence[Voter], spare: int) -> int:
    able = [voter for voter in voters if _eligible(demand, voter.groups)]
    if len(able) < spare:
        return max(demand.count, 1) + spare - len(able)
    return max(
        _lacking(demand, [one for one in able if one not in gone]) for gone in combinations(able, spare)
    )


def _lacking(demand: Demand, voters: Sequence[Voter]) -> int:
    found = _groups_covered(demand, voters) if demand.distinct_groups else len(voters)
    at_terminal = sum(voter.at_terminal for voter in voters)
    return max(max(demand.count, 1) - found, demand.at_terminal - at_terminal, 0)


def _eligible(demand: Demand, groups: Iterable[str]) -> bool:
    return not demand.groups or bool(set(demand.groups) & set(groups))


def _groups_covered(demand: Demand, voters: Sequence[Voter]) -> int:
    """How many groups can each have a voter of their own (augmenting paths)."""
    taken: dict[str, Voter] = {}

    def place(voter: Voter, tried: set[str]) -> bool:
        for group in voter.groups:
            if group in tried or (demand.groups and group not in demand.groups):
                continue
            tried.add(group)
            if group not in taken or place(taken[group], tried):
                taken[group] = voter
                return True
        return False

    return sum(place(voter, set()) for voter in voters)


def _standing(
    decision: Decision, voters: tuple[Voter, ...], refused: tuple[Refused, ...], denied_by: str, spare: int
) -> Quorum:
    names = tuple(voter.name for voter in voters)
    demands = demands_of(decision)
    missing = missing_approvals(demands, voters, spare=spare)
    if denied_by:
        return Quorum(
            reached=False, missing=missing, counted=names, refused=refused, denied_by=denied_by,
            why=f"denied by {denied_by}",
        )  # fmt: skip
    if decision.effect == "deny":
        return Quorum(reached=False, missing=0, counted=names, refused=refused, why=decision.why)
    return Quorum(
        reached=missing == 0,
        missing=missing,
        counted=names,
        refused=refused,
        why=_sentence(demands, names, missing, spare),
    )


def _sentence(demands: tuple[Demand, ...], names: tuple[str, ...], missing: int, spare: int) -> str:
    given = f"approved by {', '.join(names)}" if names else "approved by nobody yet"
    if not demands:
        return "no approvals are asked for"
    if missing == 0:
        return given
    wanted = "; and ".join(in_words(demand) for demand in demands)
    more = "; one more than that, as the policy does not know who asked" if spare else ""
    return f"{given}; needs {wanted}{more}"


def _digest_refused(voted: str, digest: str) -> str:
    if len(voted) >= DIGEST_LEAST and digest.startswith(voted):
        return ""
    return f"the vote is on digest {voted[:DIGEST_LEAST]}, the plan's is {digest[:DIGEST_LEAST]}"
