"""Where one is and how one came there: places, the trail that Esc walks back, and the commands before.

Pure values: a move makes another trail, and the screen takes it only once the new table has opened, so that a table
that is refused leaves everything as it was.
"""

from __future__ import annotations

import msgspec

from k8sops.core.tables import TableQuery

CRUMB = " › "
_KEPT = 50
_FAVOURITES = 9


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A table, and how it is looked at."""

    query: TableQuery
    filter_text: str = ""
    owner: str = ""
    """Uid of the object that must own the rows; empty: all rows."""
    seek: str = ""
    """The row (`row_view.row_key`) the cursor belongs on."""
    contexts: tuple[str, ...] = ()
    """Several contexts in one table; none: the one in use."""
    into: str = ""
    """The name of the object that was gone into from here."""

    @property
    def title(self) -> str:
        """As a crumb: `deployments/web`, or the bare kind at the end of the trail."""
        named = f"{self.query.kind}/{self.into}" if self.into else self.query.kind
        return f"{named} @{','.join(self.contexts)}" if self.contexts else named


class Trail(msgspec.Struct, frozen=True, kw_only=True):
    """The way from a command into objects, and the commands given before, of which `at` is the present one."""

    stack: tuple[Place, ...]
    past: tuple[Place, ...]
    at: int = 0

    @property
    def here(self) -> Place:
        """The table shown."""
        return self.stack[-1]

    @property
    def crumbs(self) -> str:
        """The way here in words."""
        return CRUMB.join(place.title for place in self.stack)

    def commanded(self, place: Place) -> Trail:
        """A new way begins; what came after the present command is forgotten."""
        past = (*self.past[: self.at + 1], place)[-_KEPT:]
        return Trail(stack=(place,), past=past, at=len(past) - 1)

    def gone_into(self, leaving: Place, place: Place) -> Trail:
        """One step deeper; `leaving` is the present table with what is needed to come back to it."""
        return msgspec.structs.replace(self, stack=(*self.stack[:-1], leaving, place))

    def replaced(self, place: Place) -> Trail:
        """The same step of the way, looked at otherwise."""
        past = (
            (*self.past[: self.at], place, *self.past[self.at + 1 :]) if len(self.stack) == 1 else self.past
        )
        return msgspec.structs.replace(self, stack=(*self.stack[:-1], place), past=past)

    def back(self) -> Trail | None:
        """One step back; None at the beginning of the way."""
        if len(self.stack) == 1:
            return None
        before = msgspec.structs.replace(self.stack[-2], into="")
        return msgspec.structs.replace(self, stack=(*self.stack[:-2], before))

    def step(self, by: int) -> Trail | None:
        """An earlier or later command; None where there is none."""
        if not 0 <= self.at + by < len(self.past):
            return None
        return Trail(stack=(self.past[self.at + by],), past=self.past, at=self.at + by)

    def toggled(self) -> Trail | None:
        """The command before this one, as a new one, so that twice leads back."""
        return self.commanded(self.past[self.at - 1]) if self.at > 0 else None


def begun(place: Place) -> Trail:
    """A trail of one place."""
    return Trail(stack=(place,), past=(place,))


class Favourites:
    """Namespaces by digit: the context's own is 1, then others in the order they were first shown."""

    def __init__(self) -> None:
        self._names: list[str] = []

    def visited(self, namespace: str) -> None:
        """Give a namespace the next free digit."""
        if namespace and namespace not in self._names and len(self._names) < _FAVOURITES:
            self._names.append(namespace)

    def at(self, digit: int) -> str | None:
        """The namespace of a digit; 0 means all."""
        if digit == 0:
            return ""
        return self._names[digit - 1] if digit <= len(self._names) else None

    @property
    def said(self) -> str:
        """All of them in words."""
        return ", ".join(("0 all", *(f"{digit} {name}" for digit, name in enumerate(self._names, 1))))
