"""Ending on a signal: what is carried here is cancelled safely, the terminal is given back, then the program ends.

Textual answers neither SIGTERM nor SIGHUP. A second signal does not wait: the terminal is restored and the process
dies of it, as it would have without us.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from textual.app import App
from textual.worker import WorkerFailed

from k8sops.core.errors import ExitCode, K8sOpsError
from k8sops.tui.session import Session
from k8sops.tui.shell.terminal_driver import TerminalDriver

ENDING: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
AGAIN_S: Final = 0.05


@contextmanager
def ended_by_signals(app: App[int]) -> Iterator[None]:
    """Within the block these signals end the application; what they meant before is restored. Main thread only."""
    seen: list[int] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        driver = app._driver
        if number == signal.SIGINT and isinstance(driver, TerminalDriver) and driver.is_lent:
            # Ctrl-C was meant for the program that has the terminal now.
            return
        seen.append(number)
        loop = app._loop
        if len(seen) > 1 or loop is None:
            if isinstance(driver, TerminalDriver):
                driver.restore_at_once()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        loop.call_soon_threadsafe(_end, app, number)

    before = {number: signal.signal(number, on_signal) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if signal.SIGHUP in seen:
            _let_go_of_the_terminal()


def failure_of(app: App[int]) -> Exception | None:
    """What ended the application unasked; None where nothing did."""
    failure = app._exception
    return (
        failure.error
        if isinstance(failure, WorkerFailed) and isinstance(failure.error, Exception)
        else failure
    )


def connection_of(app: App[Any]) -> Session | None:
    """The connection of the screens that are open, once there is one."""
    found = (getattr(screen, "connection", None) for screen in app.screen_stack)
    return next((each for each in found if isinstance(each, Session)), None)


def _end(app: App[int], number: int) -> None:
    if app.is_running:
        app.run_worker(_ended(app, number), group="ending", exclusive=True)
    elif app._loop is not None:
        # Between its loop and its first screen; once it has ended, the loop ends before this comes again.
        app._loop.call_later(AGAIN_S, _end, app, number)


async def _ended(app: App[int], number: int) -> None:
    from k8sops.tui.running.leaving import cancel_carried  # noqa: PLC0415 - loaded when needed

    connection = connection_of(app)
    try:
        said = await cancel_carried(connection) if connection is not None else ""
    except K8sOpsError as error:
        # The program ends all the same; the lease on what is left runs out, and another carrier takes it.
        said = error.message
    name = signal.Signals(number).name
    # After a hang-up nobody is there to read it.
    message = "" if number == signal.SIGHUP else "\n".join(filter(None, (f"ended by {name}", said)))
    app.exit(ExitCode.INTERRUPTED, message=message or None)


def _let_go_of_the_terminal() -> None:
    """Nobody reads any more; what is said at the end must not become an error."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
