"""Persons, their keys, and what they sign about one run: the makings of a store that a carrier judges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from k8sops.core.persons import Person
from k8sops.core.plan import Decision, Demand
from k8sops.policy.keys import SigningKey, new_key
from k8sops.policy.statement_quorum import Allowed, NotAllowed, quorum_of_statements
from k8sops.policy.statements import About, Signed, Statement, TrustedKey, person_key, sign, trusted_keys

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
RUN = "01KAJ0Q2E8Z9W5V4T3S2R1Q0PN"
ABOUT = About(run=RUN, digest="ab" * 32, cluster_uid="c-1")
GROUPS = {
    "alice": ("dev",),
    "bob": ("ops",),
    "carol": ("ops", "security"),
    "dave": ("security",),
    "mallory": ("dev",),
}
KEYS = {name: new_key() for name in (*GROUPS, "eve")}
BOT = new_key()
PINS = trusted_keys(
    [
        *(person_key(name, KEYS[name].public.text) for name in GROUPS),
        TrustedKey(public_key=BOT.public, attested_by="slack", attests_for=frozenset({"alice", "bob"})),
    ]
)
NONCES = (f"{number:026d}" for number in count())


def says(person: str, kind: str = "vote", *, key: SigningKey | None = None, **changes: Any) -> Signed:
    """A statement of a person about the run, with their own key unless another is given."""
    values = {
        "kind": kind,
        "run": RUN,
        "digest": ABOUT.digest,
        "verdict": "approve" if kind == "vote" else "",
        "person": person,
        "cluster_uid": ABOUT.cluster_uid,
        "execute_as": "deployer" if kind == "propose" else "",
        "reason": "because",
        "made_at": NOW,
        "expires_at": NOW + timedelta(hours=1),
        "nonce": next(NONCES),
    }
    return sign(Statement(**{**values, **changes}), key or KEYS[person])


def asks(person: str = "alice", **changes: Any) -> Signed:
    """A proposal."""
    return says(person, "propose", **changes)


def needs(number: int = 1, **changes: Any) -> Decision:
    """A policy that wants so many approvals."""
    demand = Demand(count=number, **changes)
    return Decision(effect="approve", why="production", approvals=number, demands=(demand,))


def person_named(name: str) -> Person:
    """A person as the carrier's policy has them; eve is in nobody's."""
    return Person(name=name, groups=GROUPS[name]) if name in GROUPS else Person()


def carried(*rows: Signed, decision: Decision | None = None, **changes: Any) -> Allowed | NotAllowed:
    """What a carrier answers to these rows, one approval being asked for unless told otherwise."""
    values: dict[str, Any] = {
        "about": ABOUT,
        "execute_as": "deployer",
        "trusted": PINS,
        "now": NOW,
        "person_named": person_named,
        "decide": lambda _: decision or needs(),
    }
    return quorum_of_statements(rows, **{**values, **changes})
