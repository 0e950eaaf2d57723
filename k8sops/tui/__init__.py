"""The terminal door: screens that show what the service knows and send Params in. It holds no logic.

Importing this package loads no Textual; `run_tui` does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import TYPE_CHECKING, Final

from k8sops.core.collector import collect_again, put_off_collecting
from k8sops.tui.opening import EarlyOpening, FirstTable

if TYPE_CHECKING:
    from k8sops.core.contexts import Contexts
    from k8sops.core.ops import Ops
    from k8sops.core.screen import ScreenChoice, ScreenMemory, TryThis
    from k8sops.core.tables import TableQuery

STARTING_S: Final = 3.0
"""By then there are rows, or it is known why there are none."""


def run_tui(
    open_ops: Callable[[], AbstractAsyncContextManager[Ops]],
    start: TableQuery,
    *,
    all_namespaces: bool = False,
    contexts: Contexts | None = None,
    choice: ScreenChoice | None = None,
    tries: Sequence[TryThis] = (),
    memory: ScreenMemory | None = None,
    first: FirstTable | None = None,
    screen: str = "",
) -> int:
    """Open the terminal UI on a table and stay until the user quits; returns the exit code.

    Without a namespace in `start` the cluster's default namespace is shown, or all with `all_namespaces`.
    `contexts` lets another cluster be chosen, and `choice` is how the screen looks and which keys it has; `tries` are
    suggested below the first table, and `memory` keeps namespaces and columns from one start to the next. `open_ops`
    is entered on the screen's own event loop, while the screen is still being loaded, and left before this returns. A
    failure to connect is shown, with a key to try again, not raised. `first` is told when the table is in sight.
    `screen` names one of our own screens, which is opened above it.
    """

    async def opened() -> int:
        asyncio.get_running_loop().call_later(STARTING_S, collect_again)
        early = EarlyOpening(open_ops)
        try:
            # The cluster is asked first, and what asking takes is loaded by then: two threads that load at once take
            # a third longer than one after the other.
            await asyncio.sleep(0)
            # In a thread, so that the cluster is asked and answers meanwhile. Only who opens a screen loads Textual.
            module = await asyncio.to_thread(import_module, "k8sops.tui.app")
            code: int = await module.run(
                early.open,
                start,
                all_namespaces=all_namespaces,
                contexts=contexts,
                choice=choice,
                tries=tries,
                memory=memory,
                shown=first.shown if first is not None else None,
                screen=screen,
            )
        finally:
            await early.aclose()
        return code

    put_off_collecting()
    return asyncio.run(opened())
