"""Inside a backup: its kinds, the objects of one kind, and one object as it was; from each to a diff and a restore."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from k8sops.core.actor import Actor
from k8sops.core.backups import BackupName, BackupView, ObjectView
from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError
from k8sops.core.moments import in_words
from k8sops.core.ops import Ops
from k8sops.core.plan import JsonObject
from k8sops.core.sizes import size_text
from k8sops.core.tables import Column, Row
from k8sops.core.text import counted
from k8sops.tui.acting.dialog import ActionDialog
from k8sops.tui.desk.comparison_screen import ComparisonScreen
from k8sops.tui.desk.list_screen import ListScreen, row_of
from k8sops.tui.desk.page_screen import PageScreen, fact
from k8sops.tui.desk.restoring import restoring_kinds, restoring_objects
from k8sops.tui.manifest import yaml_lines
from k8sops.tui.running.actor import actor_at_screen
from k8sops.tui.running.lines_view import Line, LinesView
from k8sops.tui.running.words import sentence_of
from k8sops.tui.session import Session

MOST_GAPS = 5


class InsideScreen(ListScreen):
    """A list of what is in one backup."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "restore", "Restore", id="backup.restore"),
        Binding("d", "compare", "Diff with live", id="backup.compare"),
    ]

    def __init__(self, connection: Session, clock: Clock, view: BackupView) -> None:
        super().__init__(connection, clock)
        self._view = view

    @property
    def backup(self) -> BackupName:
        """Which backup."""
        return BackupName(self._view.id, self._view.cluster)

    def notes(self) -> Iterator[str]:
        """Which backup."""
        yield f"backup {self._view.seq} {self._view.name}".rstrip()
        yield from super().notes()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing is done to no row."""
        if action in {"restore", "compare"}:
            return bool(self.table.chosen)
        return super().check_action(action, parameters)

    def _compare(self, about: ObjectView, what: str) -> None:
        title = f"backup {self._view.seq}, {what}"
        self.app.push_screen(ComparisonScreen(self._connection, self._clock, self.backup, about, title))


class BackupScreen(InsideScreen):
    """What it is made of, and its kinds."""

    DEFAULT_CSS = """
    BackupScreen > #facts { height: auto; max-height: 60%; }
    """
    WORD: ClassVar[str] = "kind"
    EMPTY: ClassVar[str] = "There is nothing in this backup."
    COLUMNS: ClassVar[tuple[Column, ...]] = (Column(name="Objects", type="integer"), Column(name="Kind"))

    def body(self) -> Iterator[Widget]:
        """Facts, and the table of kinds."""
        yield LinesView(id="facts")
        yield from super().body()

    async def fetch(self, ops: Ops) -> BackupView:
        """It does not change: nothing is read."""
        return self._view

    def show(self, found: BackupView) -> None:
        """A row for each kind that there is."""
        self.query_one("#facts", LinesView).show(list(backup_lines(found)))
        self.put([row_of(kind, (str(count), kind)) for kind, count in found.kinds if count])

    def opened(self, row: Row) -> None:
        """Its objects."""
        self.app.push_screen(ObjectsScreen(self._connection, self._clock, self._view, row.uid))

    def action_restore(self) -> None:
        """Put back the marked kinds, or the one under the cursor."""
        doing = restoring_kinds(self._view, [row.uid for row in self.table.chosen])
        self.app.push_screen(ActionDialog(self._connection, self._clock, doing))

    def action_compare(self) -> None:
        """How the cluster differs in this kind."""
        kind = self.table.chosen[0].uid
        self._compare(ObjectView(kind=kind, namespace="", name="", uid="", resource_version=""), kind)


class ObjectsScreen(InsideScreen):
    """The objects of one kind."""

    WORD: ClassVar[str] = "object"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column(name="Name", format="name"),
        Column(name="Uid", priority=1),
    )

    def __init__(self, connection: Session, clock: Clock, view: BackupView, kind: str) -> None:
        super().__init__(connection, clock, view)
        self._kind = kind
        self._found: dict[str, ObjectView] = {}

    async def fetch(self, ops: Ops) -> Sequence[ObjectView]:
        """By name."""
        return await (await ops.records()).backup_objects(self.backup, self._kind)

    def show(self, found: Sequence[ObjectView]) -> None:
        """A row each."""
        self._found = {_key(one): one for one in found}
        rows = [
            row_of(key, (one.name, one.uid), name=one.name, namespace=one.namespace)
            for key, one in self._found.items()
        ]
        self.put(rows, with_namespace=any(one.namespace for one in found))

    def notes(self) -> Iterator[str]:
        """Which kind."""
        yield from super().notes()
        yield self._kind

    def opened(self, row: Row) -> None:
        """The object as it was."""
        self.app.push_screen(
            ObjectScreen(self._connection, self._clock, self.backup, self._found[row.uid], self._view.seq)
        )

    def action_restore(self) -> None:
        """Put back the marked objects, or the one under the cursor."""
        try:
            doing = restoring_objects(self._view, [self._found[row.uid] for row in self.table.chosen])
        except K8sOpsError as error:
            self.say(f"✗ {sentence_of(error)}")
            return
        self.app.push_screen(ActionDialog(self._connection, self._clock, doing))

    def action_compare(self) -> None:
        """How the object differs now."""
        about = self._found[self.table.chosen[0].uid]
        self._compare(about, about.name)


class ObjectScreen(PageScreen):
    """One object as it was; a Secret's values are shown when asked for, which goes on record first."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("x", "reveal", "Reveal", id="backup_object.reveal")]

    def __init__(
        self, connection: Session, clock: Clock, backup: BackupName, about: ObjectView, seq: int
    ) -> None:
        super().__init__(connection, clock)
        self._backup, self._about, self._seq = backup, about, seq
        self._revealed = False

    async def fetch(self, ops: Ops) -> JsonObject:
        """The object."""
        actor: Actor | None = await actor_at_screen(ops) if self._revealed else None
        return await (await ops.records()).backup_object(self._backup, self._about, actor)

    def lines(self, found: Any) -> Sequence[Line]:
        """As YAML."""
        return [Line(line) for line in yaml_lines(found)]

    def notes(self) -> Iterator[str]:
        """Which one, and whether it is all of it."""
        about = self._about
        where = f"{about.namespace}/" if about.namespace else ""
        yield f"{where}{about.kind}/{about.name} as in backup {self._seq}"
        if self._is_secret:
            yield "! values REVEALED, which is on record" if self._revealed else "values hidden, x reveals"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only a Secret hides something."""
        if action == "reveal":
            return self._is_secret and not self._revealed
        return super().check_action(action, parameters)

    def action_reveal(self) -> None:
        """Show a Secret's values."""
        self._revealed = True
        self.action_read()

    @property
    def _is_secret(self) -> bool:
        return self._about.kind == "secrets"


def backup_lines(view: BackupView) -> Iterator[Line]:
    """What is to be known of a backup; what is missing first."""
    if view.complete:
        yield Line("✓ complete", "ok")
    else:
        yield Line(f"✗ INCOMPLETE: {counted(len(view.gaps), 'gap')}", "bad")
    for gap in view.gaps[:MOST_GAPS]:
        where = f" in {gap.namespace}" if gap.namespace else ""
        yield Line(f"✗ {gap.kind}{where}: {gap.why}", "bad", 1, 2)
    if len(view.gaps) > MOST_GAPS:
        yield Line(f"  and {len(view.gaps) - MOST_GAPS} more; `k8sops backups show` names all")
    if view.volumes_not_captured:
        missing = ", ".join(view.volumes_not_captured[:3])
        count = counted(len(view.volumes_not_captured), "volume")
        yield Line(f"! the data of {count} are NOT in it, only their claims: {missing}", "warn", 1, 2)
    took = in_words((view.made_at - view.began_at).total_seconds())
    spread = in_words((view.last_read_at - view.first_read_at).total_seconds())
    yield fact("made", f"{view.made_at:%Y-%m-%d %H:%M:%S} UTC in {took}, read within {spread}")
    yield fact("of", view.selected)
    yield fact("holds", f"{counted(view.objects, 'object')}, {size_text(view.bytes)}")
    if view.run:
        yield fact("run", view.run)


def _key(one: ObjectView) -> str:
    return f"{one.namespace}/{one.name}"
