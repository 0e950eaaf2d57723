"""The process's stdout, whose failures are told from those of any other file: a disk that is full is no defect.

Nobody can tell by an OSError alone whose it was, nor does what is printed everywhere pass through one function.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from k8sops.core.errors import K8sOpsError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class OutputError(K8sOpsError):
    """Stdout does not take what is printed."""

    code = "output"


@contextmanager
def writing() -> Iterator[None]:
    """Around what writes to stdout. Raises OutputError, or BrokenPipeError where nobody reads any more."""
    try:
        yield
    except (BrokenPipeError, BlockingIOError):
        raise
    except OSError as error:
        raise OutputError(f"what was printed could not be written: {error.strerror}") from error


class _File(io.FileIO):
    def write(self, data: ReadableBuffer, /) -> int:
        with writing():
            return super().write(data)


def checked_stdout() -> TextIO:
    """Stdout as it is, but that it raises OutputError."""
    now = sys.stdout
    if now is not sys.__stdout__ or not isinstance(now, io.TextIOWrapper):
        # The program runs within another, which has its own.
        return now
    file = io.BufferedWriter(_File(now.fileno(), "w", closefd=False))
    return io.TextIOWrapper(file, encoding=now.encoding, errors=now.errors, line_buffering=now.line_buffering)


def let_go(stream: TextIO) -> None:
    """Nobody gets what is written from now on, nor what is still held; nothing complains of it, at exit neither."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
