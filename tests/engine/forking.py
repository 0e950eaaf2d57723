"""What it costs to start a process is paid once: one imports everything, then forks another for each order it reads.

`python -m tests.engine.forking MODULE…` takes a line of JSON for each order, naming the module whose `work` carries it
out, and answers the new process's pid; for a pid it answers whether and how that process has ended.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import traceback
from importlib import import_module
from typing import Any, Final

import msgspec

FIRST_USED: Final = (
    "concurrent.futures.thread",
    "encodings.idna",
    "k8sops.store.lanes",
    "k8sops.store.migrate",
    "k8sops.store.opening",
    "k8sops.store.postgresql",
    "k8sops.store.sqlite",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "tenacity",
)
"""What a store imports when it is opened, which is in every process."""


class Wanted(msgspec.Struct, kw_only=True):
    """An order and where it goes."""

    module: str
    order: msgspec.Raw
    said: str
    """The file for what the process says."""


def _child(wanted: Wanted) -> int:
    said = os.open(wanted.said, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    # Standard output is the answers' pipe, standard input the orders'.
    for standard in (1, 2):
        os.dup2(said, standard)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    module: Any = sys.modules[wanted.module]
    try:
        asyncio.run(module.work(msgspec.json.decode(wanted.order, type=module.Order)))
    except BaseException:  # noqa: BLE001 - the end of a process: all there is to do is to say it
        sys.stderr.write(f"{bytes(wanted.order).decode()}:\n")
        traceback.print_exc()
        sys.stderr.flush()
        return 1
    return 0


def main() -> None:
    """Fork until there are no more orders."""
    for module in (*FIRST_USED, *sys.argv[1:]):
        import_module(module)
    gc.collect()
    gc.freeze()  # else each child's first collection copies all that it shares with this process
    for line in sys.stdin.buffer:
        asked = msgspec.json.decode(line, type=int | Wanted)
        answer: int | None
        if isinstance(asked, int):
            pid, status = os.waitpid(asked, os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                os._exit(_child(asked))
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
