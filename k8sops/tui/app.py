"""The application: one screen of live tables over one cluster. Logic lives below the service, looks in the widgets."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from textual.app import App

from k8sops.core.clock import Clock, SystemClock
from k8sops.core.ops import Ops
from k8sops.core.tables import TableQuery
from k8sops.tui.browse import BrowseScreen


class K8sOpsApp(App[int]):
    """Holds what outlives a screen: the opener of the service, the clock, the theme."""

    TITLE = "k8sops"
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        open_ops: Callable[[], AbstractAsyncContextManager[Ops]],
        start: TableQuery,
        *,
        all_namespaces: bool = False,
        clock: Clock | None = None,
    ) -> None:
        super().__init__()
        self._open_ops = open_ops
        self._start = start
        self._all_namespaces = all_namespaces
        self._clock = clock if clock is not None else SystemClock()
        # Motion costs bytes over SSH and time when a key is held.
        self.animation_level = "none"

    def on_mount(self) -> None:
        """Show the first table."""
        screen = BrowseScreen(self._open_ops, self._start, self._clock, all_namespaces=self._all_namespaces)
        self.push_screen(screen)


def run(
    open_ops: Callable[[], AbstractAsyncContextManager[Ops]], start: TableQuery, *, all_namespaces: bool
) -> int:
    """Run the application on its own event loop until it is left; returns the exit code."""
    app = K8sOpsApp(open_ops, start, all_namespaces=all_namespaces)
    app.run()
    return app.return_value if app.return_value is not None else app.return_code or 0
