"""How the cluster differs from a backup now: object by object, and field by field behind Enter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from k8sops.core.backups import BackupName, LiveComparison, ObjectDifference, ObjectView
from k8sops.core.clock import Clock
from k8sops.core.ops import Ops
from k8sops.core.tables import Column, Row
from k8sops.tui.desk.list_screen import ListScreen, row_of
from k8sops.tui.desk.page_screen import PageScreen
from k8sops.tui.running.lines_view import Line, Look
from k8sops.tui.session import Session

MARKS: dict[str, tuple[str, Look]] = {
    "added": ("+", "ok"),
    "removed": ("-", "bad"),
    "changed": ("~", "warn"),
    "recreated": ("±", "warn"),
    "unknown": ("?", "muted"),
}
_MEANINGS = {
    "added": "only on the cluster: it came after the backup",
    "removed": "only in the backup: it is gone from the cluster",
    "changed": "on both, and not the same",
    "recreated": "on both, and made anew since",
    "unknown": "not read in the backup",
}


class ComparisonScreen(ListScreen):
    """What differs; reading it takes a while on a large cluster, so it is read when asked."""

    WORD: ClassVar[str] = "difference"
    EMPTY: ClassVar[str] = "✓ Nothing differs: the cluster is as it was."
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="Now"),
        Column(name="Kind"),
        Column(name="Name", format="name"),
        Column(name="Fields", type="integer"),
        Column(name="First"),
    )

    def __init__(
        self, connection: Session, clock: Clock, backup: BackupName, about: ObjectView, title: str
    ) -> None:
        super().__init__(connection, clock)
        self._backup, self._about, self._title = backup, about, title
        self._found: dict[str, ObjectDifference] = {}
        self._unread: Sequence[tuple[str, str]] = ()

    async def fetch(self, ops: Ops) -> LiveComparison:
        """Compare."""
        return await (await ops.records()).compare_backup(self._backup, self._about)

    def show(self, found: LiveComparison) -> None:
        """A row each."""
        self._unread = found.unread
        self._found = {f"{one.kind}/{one.namespace}/{one.name}": one for one in found.changes}
        rows = [_row(key, one) for key, one in self._found.items()]
        self.put(rows, with_namespace=any(one.namespace for one in found.changes))
        if found.unread:
            kind, why = found.unread[0]
            more = f", and {len(found.unread) - 1} more kinds" if len(found.unread) > 1 else ""
            self.say(f"! {kind} was not compared: {why}{more}")

    def notes(self) -> Iterator[str]:
        """Which backup, and how many of what."""
        yield f"{self._title} against the cluster now"
        yield from super().notes()
        counts = Counter(one.change for one in self._found.values())
        if counts:
            yield " ".join(f"{MARKS[change][0]}{number}" for change, number in sorted(counts.items()))

    def opened(self, row: Row) -> None:
        """Every field."""
        self.app.push_screen(
            DifferenceScreen(self._connection, self._clock, self._found[row.uid], self._title)
        )


class DifferenceScreen(PageScreen):
    """One object's fields."""

    def __init__(self, connection: Session, clock: Clock, found: ObjectDifference, title: str) -> None:
        super().__init__(connection, clock)
        self._difference, self._title = found, title

    async def fetch(self, ops: Ops) -> ObjectDifference:
        """It is there already."""
        return self._difference

    def lines(self, found: Any) -> Sequence[Line]:
        """What the change means, then each field."""
        mark, look = MARKS[self._difference.change]
        head = Line(f"{mark} {self._difference.change}: {_MEANINGS[self._difference.change]}", look, None)
        return [head, Line(""), *(Line(f"  {field}", indent=4) for field in self._difference.fields)]

    def notes(self) -> Iterator[str]:
        """Which object."""
        one = self._difference
        where = f"{one.namespace}/" if one.namespace else ""
        yield f"{where}{one.kind}/{one.name}"
        yield f"{self._title} against the cluster now"


def _row(key: str, one: ObjectDifference) -> Row:
    mark, _ = MARKS[one.change]
    count, first = str(len(one.fields) or ""), one.fields[0] if one.fields else ""
    return row_of(
        key,
        (f"{mark} {one.change}", one.kind, one.name, count, first),
        name=one.name,
        namespace=one.namespace,
    )
