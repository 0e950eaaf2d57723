"""Known statements on one PostgreSQL connection, handed to libpq itself: prepared once, then only values are sent.

psycopg's cursors look at every value's type and every answer's state in Python, which takes longer than the server
takes to answer. Here the types are known beforehand. Rows are read by psycopg all the same, and errors are its own.
What a statement or a value needs beyond that is left to the longer way. Statements whose answers nobody wants go
together with the next one, in one round trip (libpq's pipeline mode).
"""

from __future__ import annotations

import select
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import Buffer, PGresult

from k8sops.store.hot import HotStatement, Rows

PREPARED_AT_MOST: Final = 500
"""On one connection: what is prepared stays in the server's memory as long as the connection lasts."""
LATER_AT_MOST: Final = 64
"""Statements in one round trip: few enough that what is sent and what is answered fit the buffers between."""
_COMMIT: Final = b"COMMIT"
_TEXT: Final = 0
_BINARY: Final = 1
_BOTH: Final = select.POLLIN | select.POLLOUT
_GOOD: Final = frozenset({ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK})


class _Call(NamedTuple):
    """A statement as it is sent, and who wants its answer besides."""

    name: bytes
    values: Sequence[Buffer] | None = None
    forms: Sequence[int] | None = None
    heard: Callable[[PGresult], None] | None = None


class Changed:
    """What a statement without rows did."""

    __slots__ = ("rowcount",)

    def __init__(self, rowcount: int) -> None:
        self.rowcount: Final = rowcount


class PreparedStatements:
    """Of one connection."""

    def __init__(self, connection: psycopg.Connection[Any], *, at_most: int = PREPARED_AT_MOST) -> None:
        self._connection: Final = connection
        self._server: Final = connection.pgconn
        self._encoding: Final = connection.info.encoding
        self._names: Final[weakref.WeakKeyDictionary[HotStatement, bytes]] = weakref.WeakKeyDictionary()
        self._at_most: Final = at_most
        self._made = 0
        self._kept: list[_Call] = []
        self._unopened = False
        self._own: Final[dict[bytes, bytes]] = {}

    def begin(self, text: bytes, clock: bytes, heard: Callable[[PGresult], None]) -> None:
        """Have a transaction opened with its first statement; `heard` gets the answer to `clock`.

        Raises psycopg.Error.
        """
        self._known(_COMMIT)
        self._kept = [_Call(self._known(text)), _Call(self._known(clock), heard=heard)]
        self._unopened = True

    def commit(self) -> bytes:
        """Make it last, after what was kept; the server's word for what it did. Raises psycopg.Error.

        A transaction in which nothing was asked for was never opened.
        """
        if self._unopened:
            self.forget()
            return _COMMIT
        return self._all_at_once(_Call(self._known(_COMMIT))).command_status or b""

    def run(self, hot: HotStatement, given: Mapping[str, Any] | None) -> Rows | Changed | None:
        """Run a statement; None where it cannot be run here, and nothing was sent. Raises psycopg.Error."""
        call = self._call(hot, given)
        if call is None:
            return None
        result = self._all_at_once(call)
        if hot.metadata is None:
            return Changed(result.command_tuples or 0)
        reader = Transformer(self._connection)
        reader.set_pgresult(result)
        return hot.rows(reader.load_rows(0, result.ntuples, tuple))

    def later(self, hot: HotStatement, given: Mapping[str, Any] | None) -> bool:
        """Keep a statement for the next round trip; False where it cannot be run here. Raises psycopg.Error."""
        call = self._call(hot, given)
        if call is None:
            return False
        self._kept.append(call)
        # Whether the connection still stands has to show before there is anything to commit.
        if self._unopened or len(self._kept) >= LATER_AT_MOST:
            self.flush()
        return True

    def flush(self) -> None:
        """Run what was kept. Raises psycopg.Error."""
        if self._kept:
            self._all_at_once(self._kept.pop())

    def forget(self) -> None:
        """Leave what was kept: its transaction is undone."""
        self._kept.clear()
        self._unopened = False

    def _all_at_once(self, last: _Call) -> PGresult:
        """What was kept and one more, in one round trip; the answer to that one. Raises the first error there was."""
        calls, self._kept, self._unopened = [*self._kept, last], [], False
        if len(calls) == 1:
            return self._good(self._server.exec_prepared(last.name, last.values, last.forms))
        self._server.enter_pipeline_mode()
        try:
            for call in calls:
                self._server.send_query_prepared(call.name, call.values, call.forms)
            self._server.pipeline_sync()
            self._push()
            results = [self._answer() for _ in calls]
            self._synced()
        finally:
            # Where the connection broke, it is left as it is and replaced.
            if self._server.status == ConnStatus.OK:
                self._server.exit_pipeline_mode()
        for call, result in zip(calls, results, strict=True):
            self._good(result)
            if call.heard is not None:
                call.heard(result)
        return results[-1]

    def _push(self) -> None:
        """Send what libpq could not send at once."""
        while self._server.flush():
            self._wait(_BOTH)

    def _answer(self) -> PGresult:
        """The answer to one statement: libpq gives it, then nothing, then that of the next."""
        result = self._next_result()
        if result is None:
            raise psycopg.OperationalError(self._server.get_error_message(self._encoding))
        while self._next_result() is not None:
            pass
        return result

    def _synced(self) -> None:
        result = self._next_result()
        if result is None or result.status != ExecStatus.PIPELINE_SYNC:
            raise psycopg.OperationalError(self._server.get_error_message(self._encoding))

    def _next_result(self) -> PGresult | None:
        # libpq would wait as well, but psycopg keeps the interpreter locked meanwhile: whoever holds the row that is
        # waited for, in another thread, could not go on.
        while self._server.is_busy():
            self._wait(select.POLLIN)
        return self._server.get_result()

    def _wait(self, events: int) -> None:
        poll = select.poll()
        poll.register(self._server.socket, events)
        if any(event & ~select.POLLOUT for _, event in poll.poll()):
            self._server.consume_input()

    def _call(self, hot: HotStatement, given: Mapping[str, Any] | None) -> _Call | None:
        sent = _as_sent(hot.ordered(given), self._encoding)
        name = (self._names.get(hot) or self._prepared(hot)) if sent else b""
        return _Call(name, *sent) if sent and name else None

    def _prepared(self, hot: HotStatement) -> bytes:
        if self._made >= self._at_most:
            return b""
        self.flush()
        name = b"k8sops_%d" % self._made
        self._good(self._server.prepare(name, hot.text.encode(self._encoding), hot.oids))
        self._made += 1
        self._names[hot] = name
        return name

    def _known(self, text: bytes) -> bytes:
        """The name of one of the few statements that make a transaction; prepared before there is one."""
        name = self._own.get(text)
        if name is None:
            name = self._own[text] = b"k8sops_tx_%d" % len(self._own)
            self._good(self._server.prepare(name, text))
        return name

    def _good(self, result: PGresult) -> PGresult:
        if result.status in _GOOD:
            return result
        error = error_from_result(result, self._encoding)
        if error.sqlstate:
            raise error
        # What has no code was not said by the server: libpq says that it is gone.
        raise psycopg.OperationalError(str(error))


_WRITERS: Final[dict[type, Callable[[Any, str], Any]]] = {
    type(None): lambda _value, _encoding: None,
    str: lambda value, encoding: value.encode(encoding),
    int: lambda value, _encoding: b"%d" % value,
    bool: lambda value, _encoding: b"t" if value else b"f",
    float: lambda value, _encoding: repr(value).encode(),
    bytes: lambda value, _encoding: value,
}


def _as_sent(values: Sequence[Any], encoding: str) -> tuple[list[Buffer], list[int]] | None:
    """The values as libpq takes them, and the form of each; None where psycopg must see to one of them."""
    sent: list[Buffer] = []
    forms: list[int] = []
    for value in values:
        kind = type(value)
        write = _WRITERS.get(kind)
        # libpq takes a NUL for the end of a text, and would store what stands before it.
        if write is None or (kind is str and "\0" in value):
            return None
        sent.append(write(value, encoding))
        forms.append(_BINARY if kind is bytes else _TEXT)
    return sent, forms
