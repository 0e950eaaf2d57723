"""The terminal door: screens that show what the service knows and send Params in. It holds no logic.

Importing this package loads nothing; `run_tui` loads Textual.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from k8sops.core.contexts import Contexts
    from k8sops.core.ops import Ops
    from k8sops.core.screen import ScreenChoice, ScreenMemory, TryThis
    from k8sops.core.tables import TableQuery


def run_tui(
    open_ops: Callable[[], AbstractAsyncContextManager[Ops]],
    start: TableQuery,
    *,
    all_namespaces: bool = False,
    contexts: Contexts | None = None,
    choice: ScreenChoice | None = None,
    tries: Sequence[TryThis] = (),
    memory: ScreenMemory | None = None,
) -> int:
    """Open the terminal UI on a table and stay until the user quits; returns the exit code.

    Without a namespace in `start` the cluster's default namespace is shown, or all with `all_namespaces`.
    `contexts` lets another cluster be chosen, and `choice` is how the screen looks and which keys it has; `tries` are
    suggested below the first table, and `memory` keeps namespaces and columns from one start to the next. `open_ops`
    is entered on the screen's own event loop and left before this returns. A failure to connect is shown, with a key
    to try again, not raised.
    """
    from k8sops.tui.app import run  # noqa: PLC0415 - Textual is loaded only by who opens a screen

    return run(
        open_ops,
        start,
        all_namespaces=all_namespaces,
        contexts=contexts,
        choice=choice,
        tries=tries,
        memory=memory,
    )
