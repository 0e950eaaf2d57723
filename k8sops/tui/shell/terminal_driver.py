"""The terminal driver: Textual's own, made to stop, come back and lose its terminal without harm.

Stop and continue are handled by the event loop instead of inside a signal handler, which could interrupt the very
code it calls. A terminal that is gone takes no more output and gives no more input, and neither is an error: the
hang-up signal that comes with it ends the program.
"""

from __future__ import annotations

import os
import signal
import termios
from collections.abc import Callable
from typing import IO, Any, Final, cast

from textual.drivers.linux_driver import LinuxDriver

# Out of bracketed paste, line wrap on, mouse off, resize reports off, kitty keys off, main screen, cursor shown, no
# focus reports.
LEAVE: Final = (
    b"\x1b[?2004l\x1b[?7h\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?2048l"
    b"\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"
)


class _Forgiving:
    """A file whose reader may be gone: what cannot be written is dropped."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        try:
            return self._file.write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        try:
            self._file.flush()
        except OSError:
            return

    def fileno(self) -> int:
        return self._file.fileno()


class TerminalDriver(LinuxDriver):
    """Owns the terminal while the application is in the foreground."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._file = cast("Any", _Forgiving(cast("IO[str]", self._file)))
        self._is_silent = False
        self.is_lent = False
        """Whether another program has the terminal at present."""

    def restore_at_once(self) -> None:
        """Give the terminal back as it was, from anywhere, waiting for nobody."""
        try:
            os.write(cast("Any", self._file).fileno(), LEAVE)
            if self.attrs_before is not None:
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)
        except (OSError, termios.error):
            return

    def write(self, data: str) -> None:
        """Write to the terminal; while it is lent nothing is, for it is drawn anew when it comes back."""
        if not self._is_silent:
            super().write(data)

    def suspend_application_mode(self) -> None:
        """Give the terminal away."""
        self.is_lent = True
        super().suspend_application_mode()
        self._is_silent = True

    def resume_application_mode(self) -> None:
        """Take it back, and draw everything anew: whoever had it has written over it."""
        self._is_silent = False
        super().resume_application_mode()
        # Continued in the background, the terminal is not to be had yet; the next continue tries again.
        self.is_lent = self._key_thread is None or not self._key_thread.is_alive()
        if not self.is_lent:
            self._app.call_later(self._app.refresh, layout=True)

    def _sigtstp_application(self, *_: object) -> None:
        self._on_loop(self._stop)

    def _sigcont_application(self, *_: object) -> None:
        self._on_loop(self._come_back)

    def _on_loop(self, work: Callable[[], object]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work)

    def _stop(self) -> None:
        if os.getsid(0) == os.getpgrp():
            self._app.notify("No shell started this program, so there is none to go back to.", markup=False)
            return
        if self._auto_restart and not self.is_lent:
            self.suspend_application_mode()
            self._must_signal_resume = True
        # The whole job, as the terminal's own Ctrl-Z does: a `make` that started us would else wait on.
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.killpg(os.getpgrp(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._sigtstp_application)

    def _come_back(self) -> None:
        if not self._auto_restart or not self._app.is_running:
            return
        if not self.is_lent:
            # Stopped by a signal that cannot be answered: whoever had the terminal since may have set it otherwise.
            self.suspend_application_mode()
        self.resume_application_mode()

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except (OSError, ValueError):
            self._on_loop(lambda: os.kill(os.getpid(), signal.SIGHUP))
