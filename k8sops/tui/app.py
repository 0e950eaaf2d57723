"""The application: one screen of live tables over one cluster. Logic lives below the service, looks in the widgets."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, ClassVar

from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen
from textual.widgets import Footer

from k8sops.core.clock import Clock, SystemClock
from k8sops.core.screen import NoMemory, ScreenChoice, ScreenMemory, TryThis
from k8sops.core.tables import TableQuery
from k8sops.tui.browse import BrowseScreen
from k8sops.tui.jumping import come_home
from k8sops.tui.live_table import LiveTable
from k8sops.tui.running.next_request import ApprovingApp
from k8sops.tui.session import FeedOpened, Session
from k8sops.tui.shell.ending import connection_of, ended_by_signals, failure_of
from k8sops.tui.shell.looks import OFFERED, know_themes, theme_named
from k8sops.tui.shell.remembering import Remembered
from k8sops.tui.shell.terminal_driver import TerminalDriver
from k8sops.tui.shell.try_panel import HIDING, KEYS, TryPanel

if TYPE_CHECKING:
    from k8sops.core.contexts import Contexts
    from k8sops.core.ops import Ops


class K8sOpsApp(ApprovingApp):
    """Holds what outlives a screen: the opener of the service, the clock, the theme."""

    TITLE = "k8sops"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "leave", "Quit", show=False, priority=True, id="app.leave"),
        Binding("ctrl+c", "interrupt", "Quit", show=False, priority=True, id="app.interrupt"),
        Binding("ctrl+a", "aliases", "All names", show=False, id="app.aliases"),
        Binding("ctrl+p", "palette", "Palette", show=False, id="app.palette"),
        *(Binding(key, f"try_this('{key}')", "Try this", show=False, id=f"app.try_{key}") for key in KEYS),
        Binding(HIDING, "hide_tries", "Hide", show=False, id="app.hide_tries"),
        Binding("ctrl+l", "sign_in", "Log in", show=False, id="app.sign_in"),
        Binding("question_mark", "help", "Help", key_display="?", show=False, id="app.help"),
        # In tables the key is k9s's "only what is in trouble".
        Binding("ctrl+z", "suspend_process", "Suspend", show=False, id="app.suspend"),
    ]

    def __init__(
        self,
        open_ops: Callable[[], AbstractAsyncContextManager[Ops]],
        start: TableQuery,
        *,
        all_namespaces: bool = False,
        clock: Clock | None = None,
        contexts: Contexts | None = None,
        choice: ScreenChoice | None = None,
        tries: Sequence[TryThis] = (),
        memory: ScreenMemory | None = None,
        shown: Callable[[], None] | None = None,
        screen: str = "",
    ) -> None:
        """`shown` is called once the first table is in sight, or why there is none; `screen` is opened above it."""
        super().__init__(driver_class=TerminalDriver)
        if self.no_color:
            from k8sops.tui.shell.colourless import without_colour  # noqa: PLC0415 - loaded when needed

            without_colour(self)
        self._open_ops = open_ops
        self._start = start
        self._contexts = contexts
        self._all_namespaces = all_namespaces
        self._choice = choice or ScreenChoice()
        self._tries = tries
        self._remembered = Remembered(memory or NoMemory())
        self._shown = shown
        self._first_screen = screen
        self._was_opened = False
        self._clock = clock if clock is not None else SystemClock()
        # Motion costs bytes over SSH and time when a key is held.
        self.animation_level = "none"

    def get_css_variables(self) -> dict[str, str]:
        """The theme's, but for scrollbars: they show no state, so they have no colour."""
        found = super().get_css_variables()
        grey = dict.fromkeys(("scrollbar", "scrollbar-hover", "scrollbar-active"), found["panel-lighten-2"])
        back = ("scrollbar-background", "scrollbar-background-hover", "scrollbar-background-active")
        return found | grey | dict.fromkeys((*back, "scrollbar-corner-color"), found["surface"])

    async def on_mount(self) -> None:
        """Show the first table."""
        self._take(self._choice)
        await self._remembered.recall()
        screen = BrowseScreen(
            self._open,
            self._start,
            self._clock,
            all_namespaces=self._all_namespaces,
            contexts=self._contexts,
        )
        screen.chosen_columns = self._remembered.columns
        screen.remembered = self._remembered
        screen.opens = self._first_screen
        if self._tries:
            self.screen_change_signal.subscribe(self, self._suggest)
        self.push_screen(screen)

    async def on_unmount(self) -> None:
        """Keep what is worth remembering."""
        await self._remembered.keep()

    def on_feed_opened(self, message: FeedOpened) -> None:
        """Note where somebody looks."""
        self._tell_shown()
        connection = connection_of(self)
        if connection is not None and connection.connected:
            self._remembered.visited(connection.ops.cluster_info.context, message.query.namespace)

    def on_feed_refused(self) -> None:
        """Why there is no table is as much to be seen as one."""
        self._tell_shown()

    def _tell_shown(self) -> None:
        shown, self._shown = self._shown, None
        if shown is not None:
            self.call_after_refresh(shown)

    def _suggest(self, screen: Screen[object]) -> None:
        # By the screen itself: it has its widgets by then.
        screen.call_later(self._put_tries, screen)

    def _put_tries(self, screen: Screen[object]) -> None:
        has_rows = bool(screen.query(LiveTable)) and not isinstance(screen, ModalScreen)
        if has_rows and self._tries and not screen.query(TryPanel):
            screen.mount(TryPanel(self._tries), before=screen.query_one(Footer))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Suggestions have keys while they are in sight."""
        if action not in {"try_this", "hide_tries"}:
            return True
        # Asked for each of their keys whenever the focus moves, and the screen is searched for that.
        return bool(self._tries) and bool(self.screen.query(TryPanel))

    def action_try_this(self, key: str) -> None:
        """Go to where a suggestion leads."""
        place = KEYS.index(key)
        if place < len(self._tries) and isinstance(home := come_home(self), BrowseScreen):
            home._obey(self._tries[place].command)

    def action_hide_tries(self) -> None:
        """Put the suggestions away, for good."""
        self._tries = ()
        for screen in self.screen_stack:
            screen.query(TryPanel).remove()

    def action_aliases(self) -> None:
        """List what can be typed after the colon."""
        from k8sops.tui.screens import SCREENS  # noqa: PLC0415 - loaded when opened

        connection = connection_of(self)
        if connection is not None and connection.connected and not isinstance(self.screen, ModalScreen):
            self.push_screen(SCREENS["aliases"](connection, self._clock))

    def action_palette(self) -> None:
        """Find what can be done here by its name."""
        from k8sops.tui.shell.offered import palette  # noqa: PLC0415 - loaded when opened

        if not isinstance(self.screen, ModalScreen):
            self.push_screen(palette())

    def action_sign_in(self) -> None:
        """Run the credential plugin on the bare terminal, where it may ask."""
        if (connection := connection_of(self)) is not None:
            self.run_worker(self._sign_in(connection), group="sign in", exclusive=True)

    async def _sign_in(self, connection: Session) -> None:
        from k8sops.tui.shell.signing_in import sign_in  # noqa: PLC0415 - loaded when needed

        refused = connection.refused is not None
        if await sign_in(self, connection, self._contexts) and not refused:
            for screen in self.screen_stack:
                if isinstance(screen, BrowseScreen):
                    screen.action_retry()

    def action_help(self) -> None:
        """Show the keys of the screen in sight."""
        from k8sops.tui.help import HelpScreen  # noqa: PLC0415 - as above

        self.push_screen(HelpScreen())

    def action_leave(self) -> None:
        """Leave, after asking where a run is carried here."""
        from k8sops.tui.running.leaving import leave  # noqa: PLC0415 - loaded when needed

        connection = connection_of(self)
        if connection is None:
            self.exit(0)
        else:
            leave(self, connection)

    def action_interrupt(self) -> None:
        """Leave by the key every terminal program is left with, unless there it copies, or answers a question."""
        from k8sops.tui.running.asking import AskScreen  # noqa: PLC0415 - loaded when needed

        is_copying = bool(self.screen.selections) or bool(getattr(self.focused, "selected_text", ""))
        if is_copying or isinstance(self.screen, AskScreen):
            raise SkipAction
        self.action_leave()

    def _fatal_error(self) -> None:
        """End without printing a trace: it shows the values of variables, and those may be secret."""
        self._close_messages_no_wait()

    def _take(self, choice: ScreenChoice) -> None:
        know_themes(self)
        if theme := theme_named(self, choice.theme or "default"):
            self.theme = theme
        else:
            self.notify(
                f"There is no theme {choice.theme}: {', '.join(OFFERED)}.", title="Theme", markup=False
            )
        self.set_keymap(dict(choice.keys))
        if choice.keys:
            self.run_worker(self._check_keys(choice.keys), group="keys")

    async def _check_keys(self, keys: Mapping[str, str]) -> None:
        module = await asyncio.to_thread(importlib.import_module, "k8sops.tui.shell.key_choice")
        for problem in await asyncio.to_thread(module.problems_of, keys):
            self.notify(problem, title="Keys", severity="warning", markup=False, timeout=15)

    def _open(self, context: str) -> AbstractAsyncContextManager[Ops]:
        return self._contexts.open(context) if context and self._contexts is not None else self._open_first()

    def _open_first(self) -> AbstractAsyncContextManager[Ops]:
        # Who logged in by hand comes back with credentials that only the contexts know.
        opened, self._was_opened = self._was_opened, True
        return self._contexts.open("") if opened and self._contexts is not None else self._open_ops()


async def run(
    open_ops: Callable[[], AbstractAsyncContextManager[Ops]],
    start: TableQuery,
    *,
    all_namespaces: bool,
    contexts: Contexts | None,
    choice: ScreenChoice | None,
    tries: Sequence[TryThis] = (),
    memory: ScreenMemory | None = None,
    shown: Callable[[], None] | None = None,
    screen: str = "",
) -> int:
    """Run the application until it is left; returns the exit code. Raises what ended it."""
    app = K8sOpsApp(
        open_ops,
        start,
        all_namespaces=all_namespaces,
        contexts=contexts,
        choice=choice,
        tries=tries,
        memory=memory,
        shown=shown,
        screen=screen,
    )
    with ended_by_signals(app):
        await app.run_async()
    if failure := failure_of(app):
        raise failure
    return app.return_value if app.return_value is not None else app.return_code or 0
