"""Continues a stopped process when its time is up, or when the one that stopped it has gone: whichever comes first.

Started before the process is stopped, with a pipe whose other end only the stopper holds; the kernel closes that end
however the stopper dies. The standard library and psutil alone, so that it stays small.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from typing import Final

import psutil

SAME_SECONDS: Final = 2.0


def main() -> None:
    """Wait, then send SIGCONT to `PID` if it still is the process that started at `STARTED`."""
    pid, started, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    # A Ctrl-C or a `down` that ends the stopper must reach the stopped one through here, not end this first.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    select.select([sys.stdin], [], [], seconds)
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        if abs(psutil.Process(pid).create_time() - started) <= SAME_SECONDS:
            os.kill(pid, signal.SIGCONT)


if __name__ == "__main__":
    main()
