"""What every screen with rows offers beyond looking: actions on the rows that are marked or under the cursor.

A key that the kind has no action for goes on to whoever else wants it. While something is typed no key acts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar, NamedTuple

from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from k8sops.core.clock import Clock
from k8sops.core.plan import Target
from k8sops.core.tables import Row
from k8sops.core.text import counted
from k8sops.tui.acting.about_rows import doing
from k8sops.tui.acting.key_bindings import SharedKeys, bound_to_act, in_force
from k8sops.tui.acting.offers import Offer, offer_by_key, offers_for
from k8sops.tui.kind_names import known_kind
from k8sops.tui.left_once import LeftOnce
from k8sops.tui.session import Session


class Chosen(NamedTuple):
    """Rows that are meant, all of one kind (as the table was asked for)."""

    kind: str
    rows: tuple[Row, ...]


async def refusals_of(connection: Session, chosen: Chosen, actions: Sequence[str]) -> dict[str, str]:
    """Why some of these actions would be refused on the chosen rows. Raises what asking raises.

    Of rows in several namespaces it is the first that is refused: one plan is about all of them.
    """
    from k8sops.tui.running.actor import actor_at_screen  # noqa: PLC0415 - loaded when needed

    names: dict[str, list[str]] = {}
    for row in chosen.rows:
        names.setdefault(row.namespace, []).append(row.name)
    ops, kind, found = connection.ops, known_kind(chosen.kind), dict[str, str]()
    actor = await actor_at_screen(ops)
    for namespace, several in names.items():
        if left := [action for action in actions if action not in found]:
            told = await ops.refusals(kind, namespace, left, names=several, actor=actor)
            where = namespace if len(names) > 1 else ""
            found |= {action: _where_refused(why, where) for action, why in told.items()}
    return found


def _where_refused(why: str, namespace: str) -> str:
    """With the namespace that it is about, unless that is said."""
    return f"in {namespace}: {why}" if namespace and namespace not in why.split() else why


class InTurn(Message):
    """What a key does once the keys before it are done: it takes the way that they take through the widgets."""

    def __init__(self, do: Callable[[], None]) -> None:
        super().__init__()
        self.do = do


class ActingScreen(LeftOnce[None]):
    """A screen whose rows can be acted on; who makes one sets `_clock`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "menu", "Actions", priority=True, id="act.menu"),
    ]

    _clock: Clock

    def __init__(self) -> None:
        super().__init__()
        self._bindings = SharedKeys.in_front(bound_to_act(), self._bindings)

    @property
    def connection(self) -> Session:
        """The connection that everything goes through."""
        raise NotImplementedError

    def chosen(self) -> Chosen:
        """What an action would be about: the marked rows, else the one under the cursor."""
        raise NotImplementedError

    def action_act(self, key: str) -> None:
        """Open the dialog of the kind's action behind a key."""
        chosen = self._acted_on()
        if offer_by_key(chosen.kind, key, chosen.rows) is None:
            raise SkipAction
        self._in_turn(partial(self._act, key))

    def action_menu(self) -> None:
        """Show what can be done."""
        if not self._acted_on().rows:
            raise SkipAction
        self._in_turn(self._open_menu)

    def on_in_turn(self, message: InTurn) -> None:
        """Do it behind the keys that are on their way to the app, where keys become actions."""
        message.stop()
        self.app.call_later(message.do)

    def _in_turn(self, do: Callable[[], None]) -> None:
        """Do something that came by priority, ahead of keys that move the cursor: it is meant for where they lead."""

        def still() -> None:
            if self.app.screen is self:
                do()

        (self.focused or self).post_message(InTurn(still))

    def _act(self, key: str) -> None:
        chosen = self.chosen()
        offer = offer_by_key(chosen.kind, key, chosen.rows)
        if offer is not None:
            self._open_dialog(offer, chosen)

    def _open_menu(self) -> None:
        from k8sops.tui.acting.menu import ActionMenu  # noqa: PLC0415 - loaded when opened

        chosen = self.chosen()
        if not chosen.rows:
            return

        def opened(offer: Offer | None) -> None:
            # A key typed right behind the menu's may have opened something by now.
            if offer is not None and self.app.screen is self:
                self._open_dialog(offer, chosen)

        first, many = chosen.rows[0], len(chosen.rows)
        name = f"{known_kind(chosen.kind)}/{first.name}" if many == 1 else counted(many, "marked row")
        offers = in_force(self, offers_for(chosen.kind, chosen.rows))
        asked = [offer.action for offer in offers]

        async def refusals() -> Mapping[str, str]:
            return await refusals_of(self.connection, chosen, asked)

        self.app.push_screen(ActionMenu(f"Actions on {name}", offers, refusals), opened)

    def _acted_on(self) -> Chosen:
        if isinstance(self.focused, Input) or self.app.screen is not self:
            raise SkipAction
        return self.chosen()

    def _open_dialog(self, offer: Offer, chosen: Chosen) -> None:
        from k8sops.tui.acting.dialog import ActionDialog  # noqa: PLC0415 - loaded when opened

        if not chosen.rows:
            return
        if offer.on.opens == "editor":
            self._open_editor(chosen)
            return
        wanted = doing(offer, chosen.kind, chosen.rows)
        self.app.push_screen(ActionDialog(self.connection, self._clock, wanted))

    def _open_editor(self, chosen: Chosen) -> None:
        from k8sops.tui.acting.edit_screen import EditScreen  # noqa: PLC0415 - loaded when opened

        if len(chosen.rows) > 1:
            self.notify("One object is edited at a time: unmark the others.", title="Edit", markup=False)
            return
        row = chosen.rows[0]
        target = Target(kind=chosen.kind, name=row.name, namespace=row.namespace, uid=row.uid)
        self.app.push_screen(EditScreen(self.connection, self._clock, target))
