"""Signing at this door: the person's own key, and whose it is by the policy file of this process.

A chat's bot signs with its own, for the persons whom the policy lets it speak for, and says that it attests.
The key is loaded when something is first signed. What cannot be believed by a carrier is refused here, in one
sentence, before it lies about in the store: a key nobody pinned, one that is another person's than the cluster's word
for who asks, a cluster whose uid could not be read.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import string
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.clock import Clock
from k8sops.core.errors import StatementError
from k8sops.core.persons import Person
from k8sops.core.plan import ClusterInfo
from k8sops.core.run import Run
from k8sops.engine.signing import Saying, Witness
from k8sops.policy.keys import SigningKey, load_key
from k8sops.policy.pins import pinned_keys
from k8sops.policy.policy import Policy
from k8sops.policy.statement_quorum import statements_that_hold
from k8sops.policy.statements import (
    About,
    Signed,
    Statement,
    TrustedKey,
    authentic,
    longest_for,
    sign,
    trusted_keys,
)
from k8sops.service.identity import key_path
from k8sops.store.statement_rows import SignedBytes, StatementRow

NONCE_LENGTH: Final = 26
_LETTERS: Final = string.ascii_letters + string.digits
_LEAST: Final = timedelta(minutes=1)


class KeySigner:
    """`engine.signing.Signer` with one key, under one policy."""

    def __init__(self, key: SigningKey, policy: Policy, clock: Clock) -> None:
        self._key = key
        self._policy = policy
        self._clock = clock
        self._pins = pinned_keys(policy.file)

    @property
    def person(self) -> str:
        """Whose key it is by the policy; empty where it is nobody's, or a bot's that speaks for several."""
        return self._pin.person if self._pin else ""

    @property
    def _pin(self) -> TrustedKey | None:
        return self._pins.get(self._key.key_id)

    def now(self) -> datetime:
        """Time on this machine, in whole milliseconds as statements have it."""
        now = self._clock.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def person_for(self, actor: Actor, cluster_uid: str) -> str:
        """In whose name it signs. Raises StatementError where that is nobody, or somebody else than who asks."""
        known = self._policy.person_of(actor, cluster_uid).name
        if self._pin and self._pin.attested_by:
            if not self._pin.may_speak_for(known):
                raise StatementError(
                    f"key {self._key.key_id} is the bot's, which may not speak for {known or actor.name}",
                    hint="the policy maps persons to the team that the bot's key is pinned for",
                )
            return known
        if not self.person:
            raise StatementError(
                f"nothing can be signed with key {self._key.key_id}: the policy does not pin it for any person",
                hint="`k8sops identity show` prints the lines that a policy administrator adds",
            )
        if known and known != self.person:
            raise StatementError(
                f"key {self._key.key_id} is pinned for {self.person}, but the cluster knows you as {known}",
                hint=f"use {known}'s own key: K8SOPS_IDENTITY_KEY names its file",
            )
        return self.person

    def unproposed(self, run: Run, rows: tuple[SignedBytes, ...]) -> str:
        """Why the run is not what its requester asked for, by this person's own policy file."""
        return unproposed(self._policy, run, rows, self.now())

    def sign(self, saying: Saying, actor: Actor) -> StatementRow:
        """The statement in this person's name. Raises StatementError."""
        check_cluster_known(saying.cluster_uid)
        person, now = self.person_for(actor, saying.cluster_uid), self.now()
        statement = Statement(
            kind=saying.kind,
            run=saying.subject,
            digest=saying.digest,
            verdict=saying.verdict,
            person=person,
            cluster_uid=saying.cluster_uid,
            execute_as=saying.execute_as,
            step=saying.step,
            attested_by=self._pin.attested_by if self._pin else "",
            reason=saying.reason,
            made_at=now,
            expires_at=_until(saying, now),
            nonce="".join(secrets.choice(_LETTERS) for _ in range(NONCE_LENGTH)),
        )
        signed = sign(statement, self._key)
        return StatementRow(
            nonce=statement.nonce,
            subject=statement.run,
            kind=statement.kind,
            person=person,
            body=signed.body,
            signature=signed.signature,
            key_id=signed.key_id,
        )

    def has_said(self, saying: Saying, rows: tuple[SignedBytes, ...], actor: Actor) -> bool:
        """Whether one of the rows is this key's own statement of the same for this actor, and still holds."""
        person = self.person or self._policy.person_of(actor, saying.cluster_uid).name
        pin = self._pin or TrustedKey(public_key=self._key.public, person="nobody")
        own = trusted_keys([pin])
        for row in rows:
            try:
                found = authentic(
                    Signed(body=row.body, signature=row.signature, key_id=row.key_id), own
                ).statement
            except StatementError:
                continue
            same = (
                *(found.person, found.kind, found.verdict, found.run, found.digest),
                *(found.cluster_uid, found.execute_as),
            )
            wanted = (
                *(person, saying.kind, saying.verdict, saying.subject, saying.digest),
                *(saying.cluster_uid, saying.execute_as),
            )
            if same == wanted and found.expires_at > self.now():
                return True
        return False


def unproposed(policy: Policy, run: Run, rows: tuple[SignedBytes, ...], now: datetime) -> str:
    """Why, by these statements, the run is not what its requester asked for; empty where it is, or nothing is signed.

    What a store says of who asks for what is hearsay: only a statement for this very plan, to be done as it says, by a
    person this policy pins, makes it more. A schedule's own runs have none, and nobody's vote makes up for that.
    """
    if policy.trust != "signed":
        return ""
    asked = statements_that_hold(
        signed_rows(rows),
        kind="propose",
        about=About(run=run.id, digest=run.plan.digest, cluster_uid=run.plan.cluster.uid),
        trusted=pinned_keys(policy.file),
        now=now,
        person_named=lambda name: policy.directory.person(name) or Person(),
    )
    people = sorted({one.person for one in asked if one.statement.execute_as == run.plan.execute_as})
    if not people:
        return f"nobody the policy pins has signed the proposal of run {run.id} for this plan"
    named = {run.person, policy.person_of(run.actor, run.plan.cluster.uid).name} - {""}
    if named == set(people):
        return ""
    whose = " or ".join(sorted(named)) or run.actor.name
    return f"run {run.id} is said to be {whose}'s, but its proposal is signed by {', '.join(people)}"


class Signing:
    """The signer and the witness of this process, made when they are first needed; none with trust `local`."""

    def __init__(
        self, policy: Policy, cluster: ClusterInfo, clock: Clock, *, key: Path | None = None
    ) -> None:
        """`key` is the key's file; None: where K8SOPS_IDENTITY_KEY says, else in the configuration folder."""
        self._policy = policy
        self._cluster = cluster
        self._clock = clock
        self._path = key or key_path(os.environ)
        self._signer: KeySigner | None = None

    @property
    def needed(self) -> bool:
        """Whether what people do here is to be signed."""
        return self._policy.trust == "signed"

    def unproposed(self, run: Run, rows: tuple[SignedBytes, ...]) -> str:
        """Why nobody should vote for the run; it takes no key to say so."""
        return unproposed(self._policy, run, rows, self._clock.now())

    async def signer(self) -> KeySigner | None:
        """The signer; None where nothing is signed. Raises KeyFileError naming `k8sops identity enrol`."""
        if not self.needed:
            return None
        if self._signer is None:
            check_cluster_known(self._cluster.uid)
            key = await asyncio.to_thread(load_key, self._path)
            self._signer = KeySigner(key, self._policy, self._clock)
        return self._signer

    async def witness(self, own: Collection[str]) -> Witness | None:
        """Who judges what is carried here, `own` being the identities this process is itself."""
        if not self.needed:
            return None
        from k8sops.service.witness import PolicyWitness

        person = ""
        if await asyncio.to_thread(self._path.exists):  # a worker needs no key of a person's to carry
            signer = await self.signer()
            person = signer.person if signer else ""
        return PolicyWitness(self._policy, self._cluster, self._clock, own=own, own_person=person)


def check_cluster_known(uid: str) -> None:
    """Raise StatementError where the cluster's uid could not be read: nobody could tell what was signed for."""
    from k8sops.cluster.connect import UNVERIFIED

    if uid.startswith(UNVERIFIED):
        raise StatementError(
            "you may not read namespace kube-system, so it cannot be said which cluster this is, and nothing can be"
            " signed for it",
            hint="an administrator grants `get` on that one namespace; docs/identity.md has the role",
        )


def signed_rows(rows: tuple[SignedBytes, ...]) -> tuple[Signed, ...]:
    """Rows as policy's checks take them."""
    return tuple(Signed(**msgspec.structs.asdict(row)) for row in rows)


def _until(saying: Saying, now: datetime) -> datetime:
    latest = now + longest_for(saying.kind, saying.subject)
    if saying.until is None:
        return latest
    until = saying.until.replace(microsecond=saying.until.microsecond // 1000 * 1000)
    return min(latest, max(until, now + _LEAST))
