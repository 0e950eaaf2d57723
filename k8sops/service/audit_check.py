"""Proving the audit chain: a store's, that of exports, or of both together, with keys from outside the store.

Only keys an administrator pinned in policy, or that were given by hand, are trusted. In a store, checkpoints by other
keys are passed over and counted; one that bears a trusted key's name and not its signature is harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from k8sops.audit.checkpoints import CheckpointKey, SignedCheckpoint, checkpoint_of_row
from k8sops.audit.export import read_head, verify_export
from k8sops.audit.findings import Bad, Finding
from k8sops.audit.folder import FolderSink
from k8sops.audit.verify import Expect, Row, Verifier, parse_expect
from k8sops.core.audit import AuditEntry
from k8sops.core.errors import AuditError, UsageError
from k8sops.core.plan import JsonObject
from k8sops.service.audit_trail import AuditTrail, os_actor
from k8sops.service.checkpointing import keys_by_id
from k8sops.store.audit_search import Span, record_page, span_of
from k8sops.store.checkpoint_rows import CheckpointRow, all_checkpoints
from k8sops.store.database import Database, Tx

PAGE: Final = 2000
LINE_LIMIT: Final = 1 << 17


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be checked, and what is trusted."""

    files: tuple[Path, ...] = ()
    """Exports, oldest first; none: the store."""
    with_store: bool = False
    """Whether the store's own records go on where the exports end."""
    trust: tuple[str, ...] = ()
    """Public keys, or files that hold one; none: those the policy pins."""
    expect: str = ""
    checkpoints: Path | None = None
    """A folder of checkpoints kept outside the store; None: the configured one."""
    record: bool = False
    """Whether the finding is put on record."""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and what that says."""

    finding: Finding
    trusted: int
    """How many keys were trusted."""
    passed_over: int
    """Checkpoints in the store by keys nobody trusts."""

    @property
    def note(self) -> str:
        """What would have proved more; empty where all is proved."""
        if self.finding.bad is not None:
            return ""
        if not self.trusted:
            return (
                "no key is trusted: pin `checkpoint_keys` in the policy, or give --trust (`k8sops audit key`)"
            )
        if self.passed_over:
            return f"{self.passed_over} checkpoints by keys that are not trusted were passed over"
        return ""

    @property
    def document(self) -> JsonObject:
        """As JSON."""
        fields: JsonObject = msgspec.to_builtins(self.finding)
        return {
            "ok": self.finding.ok,
            "sentence": self.finding.sentence,
            **fields,
            "expect": self.finding.expect,
            "trusted_keys": self.trusted,
            "passed_over": self.passed_over,
            "note": self.note,
        }


async def check(trail: AuditTrail, asked: Asked) -> Checked:
    """Verify. Raises UsageError, AuditError where a file cannot be read, and what reading the store raises."""
    trusted = trusted_keys_of(trail, asked.trust)
    expect = parse_expect(asked.expect) if asked.expect else None
    kept = await asyncio.to_thread(_kept_outside, asked.checkpoints or trail.config.checkpoints)
    if asked.files and not asked.with_store:
        finding = await asyncio.to_thread(_check_files, asked.files, trusted, kept, expect)
        return Checked(finding=finding, trusted=len(trusted), passed_over=0)
    database = await trail.database()
    span, rows = await database.read(lambda tx: (span_of(tx), all_checkpoints(tx)))
    inside, passed_over = _believable(rows, trusted)
    if isinstance(inside, Bad):
        finding = Verifier(span.store_id).fail(inside)
    else:
        signed = [*inside, *(one for one in kept if one.checkpoint.origin == span.store_id)]
        records = _Records(database, asyncio.get_running_loop(), span)
        finding = await asyncio.to_thread(_check_store, asked.files, records, trusted, signed, expect)
    checked = Checked(finding=_against_head(finding, span), trusted=len(trusted), passed_over=passed_over)
    if asked.record:
        await _record(trail, checked)
    return checked


def trusted_keys_of(trail: AuditTrail, given: Sequence[str]) -> dict[str, CheckpointKey]:
    """The keys given, as text or in files; else those that the policy pins. Raises KeyFileError, PolicyError."""
    from k8sops.policy.keys import parse_public
    from k8sops.policy.load import load_policy

    if given:
        return keys_by_id(*(parse_public(_key_text(one)) for one in given))
    pins = load_policy(trail.config.policy).file.checkpoint_keys
    return keys_by_id(*(parse_public(pin.key) for pin in pins))


def _key_text(given: str) -> str:
    path = Path(given).expanduser()
    if given.startswith("ed25519:"):
        return given
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{given[:200]!r} is neither a public key nor a file that holds one",
            hint="`k8sops audit key` prints one: ed25519: and 44 characters",
        ) from error


class _Records:
    """The store's records, read page by page by a thread that is not the loop's."""

    def __init__(self, database: Database, loop: asyncio.AbstractEventLoop, span: Span) -> None:
        self.span: Final = span
        self._database = database
        self._loop = loop

    def after(self, seq: int) -> Iterator[Row]:
        """Records from `seq` + 1 to the head."""
        return rows_after(self._database, self._loop, seq, self.span.head)


def rows_after(database: Database, loop: asyncio.AbstractEventLoop, after: int, last: int) -> Iterator[Row]:
    """Records `after` + 1 to `last`, for a thread besides the loop's; each page is a short transaction."""
    while after < last:
        start = after

        def work(tx: Tx, start: int = start) -> list[Row]:
            return record_page(tx, start, last, PAGE)

        page = asyncio.run_coroutine_threadsafe(database.read(work), loop).result()
        if not page:
            return
        yield from page
        after = page[-1][0]


def _check_files(
    files: Sequence[Path],
    trusted: dict[str, CheckpointKey],
    checkpoints: Sequence[SignedCheckpoint],
    expect: Expect | None,
) -> Finding:
    with ExitStack() as opened:
        exports = [opened.enter_context(_open(path)) for path in files]
        return verify_export(*exports, trusted=trusted, checkpoints=checkpoints, expect=expect)


def _check_store(
    files: Sequence[Path],
    records: _Records,
    trusted: dict[str, CheckpointKey],
    checkpoints: Sequence[SignedCheckpoint],
    expect: Expect | None,
) -> Finding:
    origin = records.span.store_id
    if not files:
        verifier = Verifier(origin, checkpoints=checkpoints, trusted=trusted, expect=expect)
        verifier.run(records.after(0))
        return verifier.finish()
    with ExitStack() as opened:
        exports = [opened.enter_context(_open(path)) for path in files]
        # An export may hold what is still in the store, too: the store goes on where the exports end.
        then = (origin, records.after(max(records.span.first - 1, _last_of(exports[-1]))))
        return verify_export(*exports, trusted=trusted, checkpoints=checkpoints, expect=expect, then=then)


def _last_of(export: BinaryIO) -> int:
    """The last record an export says it holds; 0 where it does not say."""
    try:
        return read_head(export.readline(LINE_LIMIT)).last
    except AuditError:
        return 0
    finally:
        export.seek(0)


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _kept_outside(folder: Path | None) -> list[SignedCheckpoint]:
    return list(FolderSink(folder).checkpoints()) if folder is not None and folder.is_dir() else []


def _believable(
    rows: Sequence[CheckpointRow], trusted: dict[str, CheckpointKey]
) -> tuple[list[SignedCheckpoint] | Bad, int]:
    """The store's checkpoints worth holding against the chain, and how many were passed over."""
    found, passed_over = [], 0
    for row in rows:
        try:
            signed = checkpoint_of_row(row.body, row.signature)
        except AuditError as error:
            return Bad(0, "edit", error.message), passed_over
        if trusted and signed.checkpoint.key not in trusted:
            passed_over += 1
        else:
            found.append(signed)
    return found, passed_over


def _against_head(finding: Finding, span: Span) -> Finding:
    """The head row says where the chain ends; rows past it, or fewer than it says, were put in or cut off."""
    if finding.bad is not None:
        return finding
    bad: Bad | None = None
    if span.newest > span.head:
        text = f"there is a record {span.newest}, and the chain's head is record {span.head}"
        bad = Bad(span.head + 1, "insert", text)
    elif finding.last < span.head:
        text = f"the records end at {finding.last}, and the chain's head is record {span.head}"
        bad = Bad(finding.last + 1, "truncation", text)
    elif span.head and finding.head != span.hash:
        bad = Bad(span.head, "edit", f"the chain's head has another hash than record {span.head}")
    return finding if bad is None else msgspec.structs.replace(finding, bad=bad)


async def _record(trail: AuditTrail, checked: Checked) -> None:
    books = await trail.books()
    finding = checked.finding

    def work(tx: Tx) -> None:
        entry = AuditEntry(
            code="audit.verified",
            at=tx.now(),
            actor=os_actor(),
            outcome="holds" if finding.ok else "broken",
            data={
                "first": finding.first,
                "last": finding.last,
                "hash": finding.head,
                "signed_up_to": finding.signed_up_to,
                "finding": finding.sentence,
            },
        )
        books.chain(tx, [entry])

    await (await trail.database()).write(work, name="audit.verified")
