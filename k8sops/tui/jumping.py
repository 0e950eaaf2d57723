"""From a screen above the tables back to them, at another place: what a list, a tile or a reference leads to."""

from __future__ import annotations

from typing import Any

from textual.app import App
from textual.screen import Screen

from k8sops.tui.places import Place


class TableHome(Screen[None]):
    """The screen of tables, as others know it."""

    def open_place(self, place: Place) -> None:
        """Show another table, as if it had been typed."""
        raise NotImplementedError

    def open_context(self, context: str) -> None:
        """Use another context, which was reached before."""
        raise NotImplementedError

    async def context_names(self) -> tuple[str, ...]:
        """The contexts there are. Raises UsageError where a kubeconfig cannot be read."""
        raise NotImplementedError


def home_of(app: App[Any]) -> TableHome | None:
    """The screen of tables that lies below whatever is open."""
    return next((screen for screen in reversed(app.screen_stack) if isinstance(screen, TableHome)), None)


def come_home(app: App[Any]) -> TableHome | None:
    """Close what lies above the tables; None where there are none below."""
    home = home_of(app)
    while home is not None and app.screen is not home:
        app.pop_screen()
    return home


def jump(app: App[Any], place: Place) -> bool:
    """Close what lies above the tables and show another one; false where there are none below."""
    home = come_home(app)
    if home is None:
        return False
    home.open_place(place)
    return True
