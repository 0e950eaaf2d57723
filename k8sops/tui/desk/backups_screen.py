"""The backups of the default repository, newest first, and how old the newest is against what is allowed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

from textual.binding import Binding, BindingType

from k8sops.core.backups import BackupList, BackupName, BackupView
from k8sops.core.clock import Clock
from k8sops.core.ops import Ops
from k8sops.core.overview import Gauge, Tile
from k8sops.core.sizes import size_text
from k8sops.core.tables import Column, Row
from k8sops.core.text import counted
from k8sops.tui.acting.dialog import ActionDialog
from k8sops.tui.acting.offers import Doing
from k8sops.tui.desk.backup_screen import BackupScreen
from k8sops.tui.desk.comparison_screen import ComparisonScreen
from k8sops.tui.desk.list_screen import ListScreen, row_of
from k8sops.tui.desk.restoring import ANYTHING, RestoreScreen
from k8sops.tui.session import Session

_GLYPHS = {Gauge.OK: "✓", Gauge.BAD: "✗"}


class _Listed(NamedTuple):
    found: BackupList
    standing: Tile


class BackupsScreen(ListScreen):
    """Every backup that can be read, and those that cannot."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "restore", "Restore", id="backups.restore"),
        Binding("d", "compare", "Diff with live", id="backups.compare"),
        Binding("b", "back_up", "Back up now", id="backups.back_up"),
    ]
    WORD: ClassVar[str] = "backup"
    EMPTY: ClassVar[str] = "There is no backup yet. b makes one, after showing what would be in it."
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="No", type="integer"),
        Column(name="State"),
        Column(name="Age"),
        Column(name="Objects", type="integer"),
        Column(name="Size", type="number"),
        Column(name="New", type="number"),
        Column(name="Name"),
        Column(name="Of"),
        Column(name="Cluster", priority=1),
        Column(name="Id", priority=1),
    )

    def __init__(self, connection: Session, clock: Clock) -> None:
        super().__init__(connection, clock)
        self._views: dict[str, BackupView] = {}
        self._listed: _Listed | None = None
        self._may_grow = False

    async def fetch(self, ops: Ops) -> _Listed:
        """The repository's list, and its standing."""
        records = await ops.records()
        return _Listed(await records.backups(), await records.backup_standing())

    def show(self, found: _Listed) -> None:
        """A row each; those that cannot be read last."""
        self._listed = found
        self._views = {view.id: view for view in found.found.backups}
        self.put([*_rows(found.found.backups), *_unreadable(found.found)])

    def notes(self) -> Iterator[str]:
        """How the newest stands, and where they lie."""
        yield from super().notes()
        if self._listed is not None:
            standing = self._listed.standing
            yield f"{_GLYPHS.get(standing.gauge, '!')} {standing.text}"
            yield self._listed.found.location

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A backup that does not open is not restored."""
        if action in {"restore", "compare"}:
            return self.selected in self._views
        return super().check_action(action, parameters)

    def opened(self, row: Row) -> None:
        """What is in it."""
        if view := self._views.get(row.uid):
            self.app.push_screen(BackupScreen(self._connection, self._clock, view))
        else:
            self.say(f"✗ {row.cells[-3]}")

    def action_restore(self) -> None:
        """Choose what of it is put back."""
        self.app.push_screen(RestoreScreen(self._connection, self._clock, self._views[self.selected]))

    def action_compare(self) -> None:
        """How the cluster differs from it now."""
        view = self._views[self.selected]
        self.app.push_screen(
            ComparisonScreen(self._connection, self._clock, name_of(view), ANYTHING, f"backup {view.seq}")
        )

    def on_screen_resume(self) -> None:
        """One may have been made; else nothing is read, for every manifest would be."""
        if self._may_grow:
            self._may_grow = False
            self.read_again()

    def action_back_up(self) -> None:
        """Make one, after its plan."""
        self._may_grow = True
        self.app.push_screen(
            ActionDialog(self._connection, self._clock, Doing(action="backup", params={}, title="Back up"))
        )


def name_of(view: BackupView) -> BackupName:
    """Which backup it is."""
    return BackupName(view.id, view.cluster)


def _rows(views: Sequence[BackupView]) -> Iterator[Row]:
    for view in views:
        state = "complete" if view.complete else f"INCOMPLETE,{counted(len(view.gaps), 'gap')}"
        yield row_of(
            view.id,
            (
                *(str(view.seq), state, "", str(view.objects), quantity(view.bytes)),
                *(quantity(view.new_bytes), view.name, view.selected),
                *(view.cluster_name or view.cluster, view.id),
            ),
            created=view.last_read_at,
        )


def quantity(count: int) -> str:
    """A size as Kubernetes writes it, so that a column of them sorts by value: `5.2Mi`."""
    return size_text(count).replace(" ", "").removesuffix("B")


def _unreadable(found: BackupList) -> Iterator[Row]:
    for one in found.unreadable:
        cells = (str(one.seq), "unreadable", "", "", "", "", "", one.why, one.cluster, "")
        yield row_of(f"{one.cluster}/{one.seq}", cells)
