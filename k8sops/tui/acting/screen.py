"""What every screen with rows offers beyond looking: actions on the rows that are marked or under the cursor."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from textual.binding import BindingType
from textual.screen import Screen

from k8sops.core.tables import Row
from k8sops.tui.session import Session


class Chosen(NamedTuple):
    """Rows that are meant, all of one kind (as the table was asked for)."""

    kind: str
    rows: tuple[Row, ...]


class ActingScreen(Screen[None]):
    """A screen whose rows can be acted on."""

    BINDINGS: ClassVar[list[BindingType]] = []

    @property
    def connection(self) -> Session:
        """The connection that everything goes through."""
        raise NotImplementedError

    def chosen(self) -> Chosen:
        """What an action would be about: the marked rows, else the one under the cursor."""
        raise NotImplementedError
