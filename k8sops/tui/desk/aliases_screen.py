"""What can be typed after the colon: every kind that the cluster serves, with its short names, and our own screens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import ClassVar, Final

from textual.binding import Binding, BindingType

from k8sops.core.ops import Ops
from k8sops.core.ports import Resource
from k8sops.core.tables import Column, Row
from k8sops.tui.desk.list_screen import ListScreen, row_of
from k8sops.tui.navigating import NavigatingScreen
from k8sops.tui.screens import SCREENS

LIST: Final = "list"


class AliasesScreen(ListScreen):
    """The names; Enter goes there, in the namespace that is in use."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # By priority: the footer says what it does here, and not what it does in tables.
        Binding("enter", "choose", "Go to", key_display="⏎", priority=True, id="aliases.go"),
    ]
    WORD: ClassVar[str] = "name"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        # Not called NAME: of those the middle gives way, and it is to be typed.
        Column(name="Typed"),
        Column(name="Short"),
        Column(name="Kind"),
        Column(name="Version"),
        Column(name="Namespaced"),
    )

    async def fetch(self, ops: Ops) -> Sequence[Resource]:
        """Ask the cluster what it serves."""
        return [kind for kind in await ops.kinds() if LIST in kind.verbs or not kind.verbs]

    def show(self, found: Sequence[Resource]) -> None:
        """A row each; screens of ours first."""
        ours = [row_of(name, (name, "", "a screen", "", "")) for name in SCREENS]
        named = Counter([*SCREENS, *(kind.plural for kind in found)])
        kinds = sorted(found, key=lambda each: each.qualified)
        self.put([*ours, *(_row(kind, shorter=named[kind.plural] == 1) for kind in kinds)])

    def notes(self) -> Iterator[str]:
        """What these are."""
        yield from ("typed after :", *super().notes())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a filter is typed, every key is text."""
        return super().check_action("filter" if action == "choose" else action, parameters)

    def action_choose(self) -> None:
        """Go to the one under the cursor."""
        if not (name := self.selected):
            return
        app = self.app
        home = next(screen for screen in app.screen_stack if isinstance(screen, NavigatingScreen))
        while app.screen is not home:
            app.pop_screen()
        home._obey(name)

    def opened(self, row: Row) -> None:
        """A second click on a row."""
        self.action_choose()


def _row(kind: Resource, *, shorter: bool) -> Row:
    """A kind by the least that means it; its group stands before its version, too."""
    scope = "yes" if kind.namespaced else "no"
    typed = kind.plural if shorter else kind.qualified
    cells = (typed, ", ".join(kind.short_names), kind.kind, kind.api_version, scope)
    return row_of(kind.qualified, cells)
