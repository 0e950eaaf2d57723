"""What verification says of a store's rows: whole, harmed, cut off, begun elsewhere, or made anew."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.audit.canonical import canonical
from k8sops.audit.checkpoints import SignedCheckpoint, checkpoint_of_row, parse_checkpoint, sign_checkpoint
from k8sops.audit.export import verify_export
from k8sops.audit.findings import Row
from k8sops.audit.folder import FolderSink
from k8sops.audit.record import genesis, seal
from k8sops.audit.verify import Expect, Verifier, parse_expect, verify
from k8sops.core.errors import AuditBrokenError, AuditError, UsageError
from tests.audit.chains import (
    KEY,
    NOW,
    OTHER_STORE,
    STORE,
    STRANGER,
    TRUSTED,
    a_chain,
    an_entry,
    chain_of,
    checkpoint_at,
    exported,
    opened,
)

ROWS = a_chain(30)
ANEW = [*ROWS[:9], *chain_of([an_entry(100 + n) for n in range(21)], after=ROWS[8][:2])]
"""The same store's chain, made anew from record 10 on by somebody who can write but not sign."""


def test_a_whole_chain_holds_and_says_how_far_it_is_signed() -> None:
    """Records after the last checkpoint are consistent only; the reader must be told."""
    finding = verify(
        ROWS, STORE, checkpoints=[checkpoint_at(ROWS[9]), checkpoint_at(ROWS[19])], trusted=TRUSTED
    )
    assert finding.ok
    assert (finding.records, finding.signed_up_to, finding.checkpoints, finding.anchor) == (
        30,
        20,
        2,
        "genesis",
    )
    assert finding.sentence == "Records 1 to 30 hold (30), signed up to record 20; 10 came after."
    assert parse_expect(finding.expect) == Expect(30, ROWS[-1][1])


def test_without_trusted_keys_nothing_is_said_to_be_signed() -> None:
    """Anybody could have written the file and its checkpoint."""
    finding = verify(ROWS, STORE, checkpoints=[checkpoint_at(ROWS[9], key=STRANGER)])
    assert finding.ok
    assert finding.signed_up_to == 0
    assert "may have been written anew" in finding.sentence


@pytest.mark.parametrize("at", [10, 20, 30])
def test_a_chain_made_anew_is_found_by_a_checkpoint_or_by_what_was_noted(at: int) -> None:
    """Every hash in it is right: only what was said outside of it, earlier, can tell."""
    assert verify(ANEW, STORE).ok
    signed = verify(
        ANEW, STORE, checkpoints=[checkpoint_at(ROWS[4]), checkpoint_at(ROWS[at - 1])], trusted=TRUSTED
    )
    noted = verify(ANEW, STORE, expect=Expect(at, ROWS[at - 1][1]))
    for finding in (signed, noted):
        assert finding.bad is not None
        assert (finding.bad.seq, finding.bad.kind) == (at, "rewritten")
    assert "one after 5" in signed.sentence


@pytest.mark.parametrize("kept", [0, 1, 29])
def test_records_cut_off_before_a_checkpoint_or_what_was_noted_are_missed(kept: int) -> None:
    """The easiest way to hide the last hour is to cut it off."""
    for finding in (
        verify(ROWS[:kept], STORE, checkpoints=[checkpoint_at(ROWS[-1])], trusted=TRUSTED),
        verify(ROWS[:kept], STORE, expect=Expect(30, ROWS[-1][1])),
    ):
        assert finding.bad is not None
        assert (finding.bad.seq, finding.bad.kind) == (kept + 1, "truncation")


def forged(checkpoint: SignedCheckpoint) -> SignedCheckpoint:
    return SignedCheckpoint(checkpoint.checkpoint, bytes(64))


@pytest.mark.parametrize(
    ("checkpoint", "kind"),
    [
        (forged(checkpoint_at(ROWS[9])), "signature"),
        (SignedCheckpoint(checkpoint_at(ROWS[9]).checkpoint, checkpoint_at(ROWS[8]).signature), "signature"),
        (checkpoint_at(ROWS[9], key=STRANGER), "unknown_key"),
        (checkpoint_at(ROWS[9], store=OTHER_STORE), "origin"),
        (forged(checkpoint_at((99, "a" * 64, b""))), "signature"),
    ],
)
def test_a_checkpoint_that_nobody_vouches_for_is_named(checkpoint: SignedCheckpoint, kind: str) -> None:
    """A checkpoint that is not what it says would make a rewritten chain look signed."""
    finding = verify(ROWS, STORE, checkpoints=[checkpoint], trusted=TRUSTED)
    assert finding.bad is not None
    assert (finding.bad.seq, finding.bad.kind) == (checkpoint.checkpoint.seq, kind)


def test_another_store_s_chain_is_not_this_one_s() -> None:
    """The quiet store's records must not stand in for the busy one's."""
    finding = verify(a_chain(5, store=OTHER_STORE), STORE)
    assert finding.bad is not None
    assert (finding.bad.seq, finding.bad.kind) == (1, "origin")


def test_rows_that_begin_later_are_proven_from_the_checkpoint_before_them() -> None:
    """After rotation the store holds the tail only; without that checkpoint nothing says where it begins."""
    finding = verify(ROWS[10:], STORE, checkpoints=[checkpoint_at(ROWS[9])], trusted=TRUSTED)
    assert (finding.ok, finding.first, finding.anchor, finding.signed_up_to) == (True, 11, "checkpoint", 10)
    alone = verify(ROWS[10:], STORE)
    assert alone.bad is not None
    assert (alone.bad.seq, alone.bad.kind) == (1, "delete")
    other = verify(ROWS[10:], STORE, checkpoints=[forged(checkpoint_at(ROWS[9]))], trusted=TRUSTED)
    assert other.bad is not None
    assert other.bad.kind == "signature"


def test_what_is_expected_of_a_record_that_was_rotated_away_is_not_taken_as_met() -> None:
    """Silence would be an answer nobody asked for."""
    finding = verify(
        ROWS[10:], STORE, checkpoints=[checkpoint_at(ROWS[9])], trusted=TRUSTED, expect=Expect(3, ROWS[2][1])
    )
    assert finding.bad is not None
    assert (finding.bad.seq, finding.bad.kind) == (3, "delete")


def test_verification_goes_on_from_where_an_earlier_one_ended() -> None:
    """A worker verifies what is new, not ten million records again."""
    earlier = verify(ROWS[:20], STORE)
    later = verify(ROWS[20:], STORE, start=(earlier.last, earlier.head))
    assert (later.ok, later.first, later.last, later.anchor) == (True, 21, 30, "start")
    assert not verify(ROWS[21:], STORE, start=(earlier.last, earlier.head)).ok


@given(st.lists(st.integers(1, 29), max_size=4).map(sorted))
@settings(deadline=None)
def test_rows_may_come_in_any_pieces(cuts: list[int]) -> None:
    """Rows are read page by page."""
    verifier = Verifier(STORE, checkpoints=[checkpoint_at(ROWS[9])], trusted=TRUSTED)
    for start, end in zip([0, *cuts], [*cuts, 30], strict=True):
        assert verifier.run(ROWS[start:end])
    assert verifier.finish() == verify(ROWS, STORE, checkpoints=[checkpoint_at(ROWS[9])], trusted=TRUSTED)


@given(st.permutations(range(8)), st.sets(st.integers(0, 7)))
@settings(deadline=None)
def test_no_other_order_or_selection_of_rows_holds(order: list[int], left_out: set[int]) -> None:
    """Reordering and deleting rows keep every single row intact."""
    rows = [ROWS[index] for index in order if index not in left_out]
    finding = verify(rows, STORE, expect=Expect(8, ROWS[7][1]))
    assert finding.ok == (rows == ROWS[:8])


def test_a_row_kept_under_another_sequence_is_found() -> None:
    """The sequence beside the bytes is the store's; the one inside is the chain's."""
    rows = [*ROWS[:5], (6, ROWS[6][1], ROWS[6][2]), (7, ROWS[5][1], ROWS[5][2]), *ROWS[7:]]
    finding = verify(rows, STORE)
    assert finding.bad is not None
    assert (finding.bad.seq, finding.bad.kind) == (6, "reorder")


@pytest.mark.parametrize(
    "text",
    ["", "12", "12:", ":" + "a" * 64, "x:" + "a" * 64, "1:" + "A" * 64, "-1:" + "a" * 64, "²:" + "a" * 64],
)
def test_an_expectation_that_cannot_be_read_is_a_usage_error(text: str) -> None:
    """A slip in --expect must not look like a broken trail."""
    with pytest.raises(UsageError):
        parse_expect(text)


def test_memory_does_not_grow_with_the_records() -> None:
    """A trail of years is verified on a laptop."""

    def many() -> Iterator[Row]:
        seq, previous = 0, genesis(STORE)
        for seq in range(1, 6001):
            sealed = seal(an_entry(2), seq, previous)
            previous = sealed.hash
            yield seq, sealed.hash, sealed.data

    verifier = Verifier(STORE)
    rows = many()
    verifier.run(row for _, row in zip(range(1500), rows, strict=False))
    tracemalloc.start()
    verifier.run(rows)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert verifier.last >= 5999
    assert grown < 200_000


def test_a_checkpoint_is_one_line_and_the_same_two_columns_in_the_store() -> None:
    """The store keeps body and signature; a sink and an export keep the line."""
    signed = checkpoint_at(ROWS[9])
    assert parse_checkpoint(signed.line) == checkpoint_of_row(signed.body, signed.signature) == signed
    assert b"\n" not in signed.line
    assert signed.standing(TRUSTED) == "trusted"
    assert KEY.public.verifies(signed.signature, b"k8sops audit checkpoint 1\0" + signed.body)


@given(st.data())
@settings(deadline=None)
def test_no_other_bytes_are_the_same_checkpoint(data: st.DataObject) -> None:
    """Base64 has spare bits and JSON has spaces: a checkpoint with two spellings would be two witnesses."""
    line = checkpoint_at(ROWS[9]).line
    bad = bytearray(line)
    bad[data.draw(st.integers(0, len(line) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = parse_checkpoint(bytes(bad))
    except AuditError:
        return
    assert found.standing(TRUSTED) != "trusted"


def test_a_checkpoint_of_nothing_that_could_be_is_not_signed() -> None:
    """A key must not lend its name to a mistake."""
    with pytest.raises(AuditError):
        sign_checkpoint(KEY, origin=STORE, seq=1, hash_="abc", at=NOW)
    with pytest.raises(AuditError):
        sign_checkpoint(KEY, origin=STORE, seq=-1, hash_="a" * 64, at=NOW)


def test_an_export_of_a_broken_chain_is_never_signed() -> None:
    """The closing signature says that the exporter saw a whole chain."""
    harmed = [*ROWS[:5], *ROWS[6:]]
    with pytest.raises(AuditBrokenError, match="record 6 is missing"):
        exported(harmed)
    with pytest.raises(AuditBrokenError, match="does not begin this store"):
        exported(ROWS, store=OTHER_STORE)


def test_exports_that_follow_one_another_and_the_store_s_rest_hold_together() -> None:
    """Segments and store are one chain; a segment that is missing in the middle shows."""
    one, two, three = (
        exported(ROWS[:10]),
        exported(ROWS[10:20], before=ROWS[9]),
        exported(ROWS[20:25], before=ROWS[19]),
    )
    whole = verify_export(*map(opened, (one, two, three)), trusted=TRUSTED, then=(STORE, ROWS[25:]))
    assert (whole.ok, whole.first, whole.last, whole.signed_up_to) == (True, 1, 30, 25)
    gap = verify_export(opened(one), opened(three), trusted=TRUSTED)
    assert gap.bad is not None
    assert (gap.bad.seq, gap.bad.kind) == (11, "delete")
    spliced = verify_export(opened(one), opened(exported(ANEW[10:], before=ANEW[9])), trusted=TRUSTED)
    assert spliced.bad is not None
    assert (spliced.bad.seq, spliced.bad.kind) == (11, "fork")
    foreign = verify_export(opened(one), trusted=TRUSTED, then=(OTHER_STORE, []))
    assert foreign.bad is not None
    assert foreign.bad.kind == "origin"


def test_a_folder_keeps_checkpoints_and_lets_none_be_replaced(tmp_path: Path) -> None:
    """The copy outside the store is the witness against whoever owns the store."""
    sink = FolderSink(tmp_path / "witness")
    signed = [checkpoint_at(row) for row in ROWS[4:30:5]]
    for checkpoint in reversed(signed):
        sink.put(checkpoint.name, checkpoint.line + b"\n")
        sink.put(checkpoint.name, checkpoint.line + b"\n")
    assert list(sink.checkpoints()) == signed
    with pytest.raises(AuditError, match="never overwritten"):
        sink.put(signed[0].name, b"something else\n")
    with pytest.raises(AuditError, match="no name"):
        sink.put("../outside", b"")
    assert {path.stat().st_mode & 0o777 for path in sink.folder.iterdir()} == {0o600}
    assert verify(ANEW, STORE, checkpoints=sink.checkpoints(), trusted=TRUSTED).bad is not None
    assert canonical(signed[0].checkpoint) == signed[0].body
