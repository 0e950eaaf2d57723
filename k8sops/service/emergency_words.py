"""Who answers for a run of an emergency, by what is signed: asked when it is merged, and when it is reviewed.

In an emergency nobody but the requester's own machine has judged the run. What is left of that afterwards is their
word: signed for the plan, and for having broken the glass, with a key that whoever asks here has pinned.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

from k8sops.core.persons import Person
from k8sops.core.run import Run
from k8sops.policy.pins import pinned_keys
from k8sops.policy.policy import Policy
from k8sops.policy.statement_quorum import statements_that_hold
from k8sops.policy.statements import HELD, About, Kind, Verified, statement_bytes
from k8sops.service.signing import signed_rows
from k8sops.store.statement_rows import SignedBytes


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What is proved of who did it."""

    person: str = ""
    statement: str = ""
    """sha256 of the statement that the glass was broken."""
    missing: str = ""
    """Why nobody answers for it, as a sentence; empty where somebody does, or where nothing was begun."""


def word_on(policy: Policy, run: Run, rows: tuple[SignedBytes, ...]) -> Word:
    """Whose word there is for the run, judged as of its beginning; with trust `local`, whom the store names."""
    if policy.trust != "signed":
        return Word(person=run.person)
    if run.started_at is None:
        return Word()
    asked = [
        one for one in _said(policy, run, rows, "propose", run.started_at) if one.statement.verdict != HELD
    ]
    people = sorted({one.person for one in asked})
    if len(people) != 1:
        claimed = f"it is claimed by {' and by '.join(people)}"
        return Word(missing=claimed if people else "nobody the policy pins has signed for it")
    (person,) = people
    broken = [one for one in _said(policy, run, rows, "break_glass", run.started_at) if one.person == person]
    if not broken:
        return Word(missing=f"{person} has not signed that the glass was broken for it")
    if why := policy.break_glass_refused(_person(policy, person), broken[0].surface):
        return Word(missing=why)
    return Word(person=person, statement=hashlib.sha256(statement_bytes(broken[0].statement)).hexdigest())


def _said(
    policy: Policy, run: Run, rows: tuple[SignedBytes, ...], kind: Kind, at: datetime
) -> tuple[Verified, ...]:
    return statements_that_hold(
        signed_rows(rows),
        kind=kind,
        about=About(run=run.id, digest=run.plan.digest, cluster_uid=run.plan.cluster.uid),
        trusted=pinned_keys(policy.file),
        now=at,
        person_named=lambda name: _person(policy, name),
    )


def _person(policy: Policy, name: str) -> Person:
    return policy.directory.person(name) or Person()
