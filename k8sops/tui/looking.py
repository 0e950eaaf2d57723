"""What every screen with rows offers to whoever only looks: copy a name, save the rows, decode, events, used by, and
the short ways to a row's node, namespace and ReplicaSets.

A key that does something to the kind comes first (`c` cordons a node, `u` uncordons it), as in k9s.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.message import Message

from k8sops.core.errors import K8sOpsError
from k8sops.core.plan import Target
from k8sops.core.tables import Row, TableQuery
from k8sops.core.text import counted
from k8sops.service.config import data_folder
from k8sops.tui.acting.screen import ActingScreen
from k8sops.tui.columns import shown_cell
from k8sops.tui.drill import place_in
from k8sops.tui.jumping import jump
from k8sops.tui.kind_names import known_plural
from k8sops.tui.live_table import LiveTable
from k8sops.tui.places import Place

SECRET_KINDS = frozenset({"secrets", "secret", "secrets.v1"})


class LookingScreen(ActingScreen):
    """A screen whose rows can be read more closely; who makes one sets `_clock`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "copy", "Copy name", show=False, id="look.copy"),
        Binding("ctrl+s", "save", "Save", show=False, id="look.save"),
        Binding("x", "decode", "Decode", show=False, id="look.decode"),
        Binding("v", "events", "Events", show=False, id="look.events"),
        Binding("u", "uses", "Used by", show=False, id="look.uses"),
        Binding("n", "copy_namespace", "Copy namespace", show=False, id="look.copy_namespace"),
        Binding("w", "namespace", "To the namespace", show=False, id="look.namespace"),
        Binding("o", "node", "To the node", show=False, id="look.node"),
        Binding("z", "replica_sets", "ReplicaSets", show=False, id="look.replica_sets"),
    ]

    class _SaidOf(Message):
        def __init__(self, title: str, told: str, *, failed: bool = False) -> None:
            super().__init__()
            self.title = title
            self.told = told
            self.failed = failed

    def on_looking_screen__said_of(self, message: _SaidOf) -> None:
        """Say what was done, for a moment."""
        severity = "warning" if message.failed else "information"
        self.notify(message.told, title=message.title, severity=severity, markup=False)  # type: ignore[arg-type]

    def action_copy(self) -> None:
        """Copy the names of the marked rows, else of the one under the cursor (OSC 52)."""
        rows = self.chosen().rows
        if not rows:
            raise SkipAction
        self.app.copy_to_clipboard("\n".join(row.name for row in rows))
        told = rows[0].name if len(rows) == 1 else counted(len(rows), "name")
        self.notify(told, title="Copied", markup=False)

    def action_copy_namespace(self) -> None:
        """Copy the namespace of the row under the cursor."""
        row = self._one_row()
        if not row.namespace:
            raise SkipAction
        self.app.copy_to_clipboard(row.namespace)
        self.notify(row.namespace, title="Copied", markup=False)

    def action_namespace(self) -> None:
        """Show the same kind in the namespace of the row under the cursor alone."""
        kind, row = self.chosen().kind, self._one_row()
        if not row.namespace:
            raise SkipAction
        self._go_on_to(row, Place(query=TableQuery(kind=kind, namespace=row.namespace), seek=row.uid))

    def action_node(self) -> None:
        """Show the node that the pod under the cursor is on."""
        row, found = self._one_row(), self.query(LiveTable)
        column = next((one for table in found for one in table.every_column if one.title == "NODE"), None)
        if known_plural(self.chosen().kind) != "pods" or column is None:
            raise SkipAction
        node = shown_cell(row, column, self._clock.now())
        if node in {"", "<none>"}:
            self.notify(f"{row.name} is on no node yet", severity="warning", markup=False)
            return
        self._go_on_to(row, Place(query=TableQuery(kind="nodes", field_selector=f"metadata.name={node}")))

    def action_replica_sets(self) -> None:
        """Show the ReplicaSets of the Deployment under the cursor."""
        row = self._one_row()
        if known_plural(self.chosen().kind) != "deployments":
            raise SkipAction
        query = TableQuery(kind="replicasets", namespace=row.namespace)
        self._go_on_to(row, Place(query=query, owner=row.uid))

    def action_save(self) -> None:
        """Save the rows as they are shown, with a header, as CSV."""
        import csv  # noqa: PLC0415 - loaded when needed
        import io  # noqa: PLC0415 - as above

        found = self.query(LiveTable)
        if not found:
            raise SkipAction
        table, now, text = found.first(), self._clock.now(), io.StringIO()
        writer = csv.writer(text)
        writer.writerow(column.title for column in table.columns)
        writer.writerows([shown_cell(row, column, now) for column in table.columns] for row in table.shown)
        self.run_worker(self._save(self.chosen().kind or "rows", text.getvalue()), group="save")

    def action_decode(self) -> None:
        """Show the values of the Secret under the cursor, which goes on record."""
        from k8sops.tui.detail import DetailScreen  # noqa: PLC0415 - loaded when opened

        target = self._looked_at()
        if target.kind.lower() not in SECRET_KINDS:
            raise SkipAction
        self.app.push_screen(DetailScreen(target, self.connection, self._clock, reveal=True))

    def action_uses(self) -> None:
        """Show who uses the object under the cursor; of a namespace, what is in it."""
        from k8sops.tui.document.uses_screen import UsesScreen  # noqa: PLC0415 - loaded when opened

        if known_plural(self.chosen().kind) == "namespaces":
            row = self._one_row()
            if inside := place_in("namespaces", row):
                self._go_on_to(row, inside)
            return
        self.app.push_screen(UsesScreen(self._looked_at(), self.connection, self._clock))

    def action_events(self) -> None:
        """Show what happened to the object under the cursor, as it happens."""
        target = self._looked_at()
        selector = f"involvedObject.name={target.name}"
        if target.uid and known_plural(target.kind) != "nodes":
            # The kubelet gives its node's name in place of its uid.
            selector = f"involvedObject.uid={target.uid}"
        place = Place(query=TableQuery(kind="events", namespace=target.namespace, field_selector=selector))
        self._go_on_to(self.chosen().rows[0], place)

    def _go_on_to(self, row: Row, place: Place) -> None:
        """Show another table, a step deeper where this is the screen of tables."""
        del row
        jump(self.app, place)

    def _one_row(self) -> Row:
        rows = self.chosen().rows
        if not rows:
            raise SkipAction
        return rows[0]

    def _looked_at(self) -> Target:
        kind, rows = self.chosen()
        if not rows:
            raise SkipAction
        row = rows[0]
        return Target(kind=kind, name=row.name, namespace=row.namespace, uid=row.uid)

    async def _save(self, label: str, text: str) -> None:
        from k8sops.tui.document.saving import file_name, save  # noqa: PLC0415 - loaded when needed
        from k8sops.tui.document.screen import SAVED_IN  # noqa: PLC0415 - as above

        name = file_name(label, "csv", self._clock.now())
        try:
            path = await asyncio.to_thread(save, data_folder() / SAVED_IN, name, text)
            self.post_message(self._SaidOf("Saved", str(path)))
        except K8sOpsError as error:
            self.post_message(self._SaidOf("Not saved", error.message, failed=True))
