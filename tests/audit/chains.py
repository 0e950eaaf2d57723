"""Chains to verify and to harm: made of entries that differ, on a fixed clock, signed with a key of this run."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec

from k8sops.audit.checkpoints import SignedCheckpoint, sign_checkpoint, trusted_keys
from k8sops.audit.codes import CODES
from k8sops.audit.export import export_lines
from k8sops.audit.record import genesis, seal
from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry, AuditObject, AuditVote
from k8sops.policy.keys import new_key

Row = tuple[int, str, bytes]

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
STORE = "5f0c1d2e" * 4
OTHER_STORE = "0badcafe" * 4
KEY = new_key()
STRANGER = new_key()
TRUSTED = trusted_keys(KEY.public)


def digest_of(what: str, number: int) -> str:
    """A digest like any other: some have many decimal digits in a row."""
    return sha256(f"{what} {number}".encode()).hexdigest()


def an_entry(number: int = 0, **changes: object) -> AuditEntry:
    """An entry as the engine makes them, different for each number."""
    vote = AuditVote(person="Bob", verdict="approve", digest=digest_of("plan", number), surface="tui")
    entry = AuditEntry(
        code=list(CODES)[number % len(CODES)],
        at=NOW + timedelta(seconds=number, milliseconds=number % 1000),
        actor=Actor(name="alice", groups=("ops",), os_user="al", auth="self_subject_review"),
        person="Alice",
        run=f"01KAJ7QK9ZXJ3M{number:012X}",
        step="scale/deployments.apps:shop.web",
        action="scale",
        digest=digest_of("plan", number),
        effective="alice",
        cluster_uid="3f0a5b4e-1111-2222-3333-444455556666",
        cluster_name="prod-eu",
        objects=(
            AuditObject(
                kind="deployments.apps",
                name="web",
                namespace="shop",
                uid="u-web",
                before=digest_of("before", number),
                after=digest_of("after", number),
                difference={"spec.replicas": [3, number]},
            ),
        ),
        reason="größer 🚀" if number % 29 == 3 else "load test INC-123",
        votes=(vote,) if number % 5 == 0 else (),
        policy_version="abc123",
        verdict="approve",
        outcome="succeeded" if number % 2 else "",
        data={"answer": {"generation": number, "note": 'a "quoted" word'}} if number % 3 == 0 else {},
    )
    return msgspec.structs.replace(entry, **changes)


def chain_of(
    entries: Iterable[AuditEntry], *, store: str = STORE, after: tuple[int, str] | None = None
) -> list[Row]:
    """The entries sealed into a chain."""
    seq, previous = after or (0, genesis(store))
    rows = []
    for entry in entries:
        seq += 1
        sealed = seal(entry, seq, previous)
        previous = sealed.hash
        rows.append((seq, sealed.hash, sealed.data))
    return rows


def a_chain(length: int, *, store: str = STORE) -> list[Row]:
    """A chain of that many records."""
    return chain_of(map(an_entry, range(length)), store=store)


def checkpoint_at(row: Row, *, key: object = KEY, store: str = STORE) -> SignedCheckpoint:
    """A checkpoint over a row."""
    return sign_checkpoint(key, origin=store, seq=row[0], hash_=row[1], at=NOW)  # type: ignore[arg-type]


def exported(
    rows: Sequence[Row], *, before: Row | None = None, store: str = STORE, key: object = KEY
) -> bytes:
    """The rows as an export, from record 1 or after the row `before`."""
    lines = export_lines(
        rows,
        origin=store,
        first=before[0] + 1 if before else 1,
        last=rows[-1][0] if rows else (before[0] if before else 0),
        previous=before[1] if before else genesis(store),
        sign=lambda seq, hash_: checkpoint_at((seq, hash_, b""), key=key, store=store),
    )
    return b"".join(lines)


def opened(export: bytes) -> io.BytesIO:
    """An export as a file."""
    return io.BytesIO(export)
