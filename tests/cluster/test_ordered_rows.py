"""Rows in order while they change: always the same as sorting everything, whatever came."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from k8sops.cluster.known import Change, Known
from k8sops.cluster.ordered_rows import MERGE_FROM, OrderedRows
from k8sops.cluster.table import Entry, TableCodec
from k8sops.core.tables import Row


def entry(namespace: str, name: str, version: int = 1) -> Entry:
    row = Row(
        uid=f"{namespace}/{name}",
        name=name,
        namespace=namespace,
        cells=(name, str(version)),
        created=None,
        labels={},
    )
    return Entry(row, str(version))


entries = st.builds(
    entry, st.sampled_from(["a", "a-b", "b"]), st.text("abc-", min_size=1, max_size=2), st.integers(1, 3)
)
steps = st.lists(st.tuples(st.booleans(), st.lists(entries, max_size=MERGE_FROM + 20)), max_size=8)


@given(steps)
def test_rows_are_what_sorting_everything_would_give(story: list[tuple[bool, list[Entry]]]) -> None:
    """Small batches are inserted, large ones merged; both must end in the same order."""
    codec = TableCodec()
    known = Known(codec.identify, codec.keep)
    ordered = OrderedRows()
    truth: dict[tuple[str, str], Row] = {}
    for putting, batch in story:
        changes: list[Change[Entry]] = []
        if putting:
            known.put(batch, changes)
            truth |= {(item.row.namespace, item.row.name): item.row for item in batch}
        else:
            for item in batch:
                known.remove(item, changes)
                truth.pop((item.row.namespace, item.row.name), None)
        before, version = ordered.snapshot(), ordered.version
        ordered.apply(changes)
        assert list(ordered.snapshot()) == [truth[key] for key in sorted(truth)]
        assert (ordered.version == version) == (ordered.snapshot() is before)


def test_what_was_given_out_does_not_change() -> None:
    """A screen draws from its snapshot between two looks; rows must not move under it."""
    ordered = OrderedRows()
    ordered.apply([Change("added", entry("shop", "web"))])
    snapshot = ordered.snapshot()
    ordered.apply([Change("deleted", entry("shop", "web"))])
    assert [row.name for row in snapshot] == ["web"]
    assert ordered.snapshot() == ()


def test_an_unchanged_row_stays_the_same_object() -> None:
    """What is drawn for a row may be remembered by the row itself."""
    ordered = OrderedRows()
    ordered.apply([Change("added", entry("shop", name)) for name in ("a", "b", "c")])
    kept = ordered.snapshot()[0]
    ordered.apply([Change("modified", entry("shop", "b", 2))])
    assert ordered.snapshot()[0] is kept


def test_the_same_row_read_once_more_is_no_change() -> None:
    """A kubelet reports its node every few seconds, and nothing of that is on the screen."""
    ordered, start = OrderedRows(), datetime(2026, 11, 20, tzinfo=UTC)
    ordered.apply([Change("added", _read(entry("shop", "a"), start))])
    kept, version = ordered.snapshot(), ordered.version
    ordered.apply([Change("modified", _read(entry("shop", "a"), start + timedelta(minutes=5)))])
    assert ordered.snapshot() is kept
    assert ordered.version == version


def _read(item: Entry, at: datetime) -> Entry:
    return Entry(msgspec.structs.replace(item.row, read_at=at), item.resource_version)
