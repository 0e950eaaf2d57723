"""The action menu: what can be done to what was marked, each with its key; the keys work here as in the table.

What the cluster or the configuration would refuse says why in its line, and is not chosen.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from k8sops.core.errors import K8sOpsError
from k8sops.core.text import printable
from k8sops.tui.acting.offers import Offer
from k8sops.tui.left_once import LeftOnce

_LABEL_WIDTH = 18
_KEY_WIDTH = 8


class ActionMenu(ModalScreen[Offer | None], LeftOnce[Offer | None]):
    """Answers with what was chosen; None where nothing was."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,a", "leave", "Back", id="menu.back"),
        Binding("j", "move(1)", "Down", show=False, id="menu.down"),
        Binding("k", "move(-1)", "Up", show=False, id="menu.up"),
    ]
    DEFAULT_CSS = """
    ActionMenu { align: center middle; }
    ActionMenu > OptionList {
        width: 100%; max-width: 100; height: auto; max-height: 100%;
        border: round $accent; background: $surface; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis;
    }
    ActionMenu > OptionList:focus { border: round $accent; }
    """

    class Refused(Message):
        """Why some of them would be refused."""

        def __init__(self, why: Mapping[str, str]) -> None:
            super().__init__()
            self.why = why

    def __init__(
        self, title: str, offers: Sequence[Offer], refusals: Callable[[], Awaitable[Mapping[str, str]]]
    ) -> None:
        """`refusals` is asked once the menu stands: nobody waits for it."""
        super().__init__()
        self._title = title
        self._offers = offers
        self._refusals = refusals
        self._why: Mapping[str, str] = {}

    def compose(self) -> ComposeResult:
        """The list."""
        found = OptionList(*(Option(_line(offer)) for offer in self._offers))
        found.border_title = Content(printable(self._title))
        found.border_subtitle = "Enter or its key chooses, Esc goes back"
        yield found

    def on_mount(self) -> None:
        """Find out what would be in vain."""
        self.run_worker(self._ask(), group="refusals")

    def on_action_menu_refused(self, message: Refused) -> None:
        """Say so in their lines."""
        self._why = message.why
        found = self.query_one(OptionList)
        for place, offer in enumerate(self._offers):
            if offer.action in self._why:
                found.replace_option_prompt_at_index(place, _line(offer, self._why[offer.action]))

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """Take the one under the cursor."""
        self._take(self._offers[message.option_index])

    def on_key(self, event: events.Key) -> None:
        """Take the one behind its own key."""
        chosen = next((offer for offer in self._offers if event.key in offer.on.keys), None)
        if chosen is not None:
            event.stop()
            self._take(chosen)

    def action_move(self, step: int) -> None:
        """Move the cursor by the hands' own keys."""
        found = self.query_one(OptionList)
        if step > 0:
            found.action_cursor_down()
        else:
            found.action_cursor_up()

    def action_leave(self) -> None:
        """Choose nothing."""
        self.dismiss(None)

    def _take(self, offer: Offer) -> None:
        why = self._why.get(offer.action)
        if why:
            self.query_one(OptionList).border_subtitle = Content(printable(f"✗ {offer.label}: {why}"))
            self.app.bell()
            return
        self.dismiss(offer)

    async def _ask(self) -> None:
        try:
            self.post_message(self.Refused(await self._refusals()))
        except K8sOpsError:
            # What cannot be asked is told by the plan.
            return


def _line(offer: Offer, why: str = "") -> Content:
    key = offer.key.replace("ctrl+", "ctrl-")
    if why:
        return Content.assemble(
            (f"{key:<{_KEY_WIDTH}}{offer.label:<{_LABEL_WIDTH}}", "$foreground-muted"),
            (f"✗ {printable(why)}", "$text-warning"),
        )
    return Content.assemble(
        (f"{key:<{_KEY_WIDTH}}", "bold $text-accent"),
        (f"{offer.label:<{_LABEL_WIDTH}}", "bold"),
        (offer.summary, "$foreground-muted"),
    )
