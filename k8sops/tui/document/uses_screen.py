"""Who uses an object, and how; Enter goes to the user in its own table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from k8sops.core.clock import Clock
from k8sops.core.ops import Ops
from k8sops.core.plan import Target
from k8sops.core.tables import Column, Row, TableQuery
from k8sops.core.uses import Use, Uses
from k8sops.tui.describe_screen import DescribeScreen
from k8sops.tui.desk.list_screen import ListScreen, row_of
from k8sops.tui.jumping import jump
from k8sops.tui.places import Place
from k8sops.tui.session import Session


class UsesScreen(ListScreen):
    """The users of one object."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # By priority: the footer says what it does here, and not what it does in tables.
        Binding("enter", "choose", "Go to", key_display="⏎", priority=True, id="uses.go"),
        Binding("d", "describe", "Describe", id="uses.describe"),
    ]
    WORD: ClassVar[str] = "user"
    EMPTY: ClassVar[str] = "Nothing that can be seen here uses it."
    COLUMNS: ClassVar[tuple[Column, ...]] = (Column(name="Kind"), Column(name="Name"), Column(name="How"))

    def __init__(self, target: Target, connection: Session, clock: Clock) -> None:
        super().__init__(connection, clock)
        self._target = target
        self._users: dict[str, Use] = {}
        self._unread: tuple[str, ...] = ()

    async def fetch(self, ops: Ops) -> Any:
        """Look for them."""
        one = self._target
        return await (await ops.reading()).used_by(one.kind, one.name, one.namespace)

    def show(self, found: Any) -> None:
        """Show them."""
        uses: Uses = found
        self._unread = uses.unread
        self._users = {f"{use.by.kind}/{use.by.namespace}/{use.by.name}": use for use in uses.found}
        rows = [
            row_of(key, (use.by.kind, use.by.name, use.how), name=use.by.name, namespace=use.by.namespace)
            for key, use in self._users.items()
        ]
        self.put(rows, with_namespace=any(row.namespace for row in rows))

    def notes(self) -> Iterator[str]:
        """Whose users these are, and where it could not be looked."""
        yield from (f"{self._target.label} › used by", *super().notes())
        if self._unread:
            kinds = ", ".join(kind.partition(".")[0] for kind in self._unread)
            yield f"! not permitted: list {kinds}"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a filter is typed, every key is text."""
        return super().check_action("filter" if action == "choose" else action, parameters)

    def action_choose(self) -> None:
        """Go to the user under the cursor, in the table of its kind."""
        if (use := self._users.get(self.selected)) is not None:
            query = TableQuery(kind=use.by.kind, namespace=use.by.namespace)
            jump(self.app, Place(query=query, seek=use.by.uid))

    def action_describe(self) -> None:
        """Show the user under the cursor in words."""
        if (use := self._users.get(self.selected)) is not None:
            self.app.push_screen(DescribeScreen(use.by, self._connection, self._clock))

    def opened(self, row: Row) -> None:
        """A second click on a row."""
        self.action_choose()
