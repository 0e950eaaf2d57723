"""Known statements on one PostgreSQL connection, handed to libpq itself: prepared once, then only values are sent.

psycopg's cursors look at every value's type and every answer's state in Python, which takes longer than the server
takes to answer. Here the types are known beforehand. Rows are read by psycopg all the same, and errors are its own.
What a statement or a value needs beyond that is left to the longer way.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import Buffer, PGresult

from k8sops.store.hot import HotStatement, Rows

PREPARED_AT_MOST: Final = 500
"""On one connection: what is prepared stays in the server's memory as long as the connection lasts."""
_TEXT: Final = 0
_BINARY: Final = 1
_GOOD: Final = frozenset({ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK})


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

    def script(self, text: bytes) -> PGresult:
        """Run statements that take no values; the answer is the last one's. Raises psycopg.Error."""
        return self._good(self._server.exec_(text))

    def run(self, hot: HotStatement, given: Mapping[str, Any] | None) -> Rows | Changed | None:
        """Run a statement; None where it cannot be run here, and nothing was sent. Raises psycopg.Error."""
        sent = _as_sent(hot.ordered(given), self._encoding)
        if sent is None:
            return None
        name = self._names.get(hot) or self._prepared(hot)
        if not name:
            return None
        values, forms = sent
        result = self._good(self._server.exec_prepared(name, values, forms))
        if hot.metadata is None:
            return Changed(result.command_tuples or 0)
        reader = Transformer(self._connection)
        reader.set_pgresult(result)
        return hot.rows(reader.load_rows(0, result.ntuples, tuple))

    def _prepared(self, hot: HotStatement) -> bytes:
        if self._made >= self._at_most:
            return b""
        name = b"k8sops_%d" % self._made
        self._good(self._server.prepare(name, hot.text.encode(self._encoding), hot.oids))
        self._made += 1
        self._names[hot] = name
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
