"""Statements that are run over and over, compiled once and handed to the driver directly.

SQLAlchemy's own execution costs several times what SQLite takes to answer. A statement object that comes a second time
(a constant of its module) is compiled here, with its parameters' conversions; one made for the occasion goes
SQLAlchemy's way. Rows and errors are SQLAlchemy's in both cases.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Boolean, Delete, Float, Insert, IteratorResult, LargeBinary, Select, Update
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

Convert = Callable[[Any], Any] | None
KINDS: Final = (Select, Insert, Update, Delete)
_NEVER: Final = object()


_BOOL: Final = 16
_BYTEA: Final = 17
_FLOAT8: Final = 701
"""PostgreSQL's numbers for types that do not follow from where a parameter stands (pg_type.dat)."""


def _oid(kind: TypeEngine[Any]) -> int:
    if isinstance(kind, Boolean):
        return _BOOL
    if isinstance(kind, LargeBinary):
        return _BYTEA
    return _FLOAT8 if isinstance(kind, Float) else 0


def _driver_type(kind: TypeEngine[Any]) -> int | None:
    """Converting a number depends on how the server sends it."""
    return _FLOAT8 if isinstance(kind, Float) else None


class Rows(IteratorResult[Any]):
    """The rows a hot statement gave."""

    def __init__(self, metadata: SimpleResultMetaData, rows: Sequence[Any]) -> None:
        super().__init__(metadata, iter(rows))
        self.rowcount: Final = len(rows)


class HotStatement:
    """One statement for one set of parameter names."""

    def __init__(self, statement: Any, compiled: SQLCompiler, dialect: Dialect) -> None:
        self.text: Final = compiled.string
        self._fixed: Final = dict(compiled.construct_params(_check=False))
        self._order: Final = tuple(compiled.positiontup or ())
        self.oids: Final = [_oid(compiled.binds[name].type) for name in self._order]
        """The types of the parameters in the statement's order; 0 where the server finds out by itself."""
        self._converters: Final[list[tuple[str, Callable[[Any], Any]]]] = [
            (name, convert)
            for name, convert in compiled._bind_processors.items()  # the compiler's own; it has no public name
            if callable(convert)
        ]
        answers = isinstance(statement, Select) or bool(statement._returning)
        columns = compiled._result_columns if answers else []
        self.metadata: Final = (
            SimpleResultMetaData(
                [column.keyname for column in columns], extra=[tuple(column.objects) for column in columns]
            )
            if columns
            else None
        )
        results: list[Convert] = [
            column.type._cached_result_processor(dialect, _driver_type(column.type)) for column in columns
        ]
        self._results: Final = results if any(results) else None

    def named(self, given: Mapping[str, Any] | None) -> dict[str, Any]:
        """All parameters by name, as the driver takes them."""
        values = {**self._fixed, **given} if given else dict(self._fixed)
        for name, convert in self._converters:
            values[name] = convert(values[name])
        return values

    def ordered(self, given: Mapping[str, Any] | None) -> tuple[Any, ...]:
        """All parameters in the statement's order."""
        values = self.named(given)
        return tuple([values[name] for name in self._order])

    def rows(self, found: Sequence[Any]) -> Rows:
        """The driver's rows as SQLAlchemy's."""
        assert self.metadata is not None  # noqa: S101 - callers ask for rows of statements that have some
        if self._results is not None:
            found = [
                tuple(
                    [
                        value if convert is None else convert(value)
                        for value, convert in zip(row, self._results, strict=True)
                    ]
                )
                for row in found
            ]
        return Rows(self.metadata, found)


class HotStatements:
    """The statements one engine has seen; `single` writes those that are run once at a time, where that differs."""

    def __init__(self, dialect: Dialect, single: Dialect | None = None) -> None:
        self._dialect = dialect
        self._single = single or dialect
        self._seen: weakref.WeakKeyDictionary[Any, dict[Any, HotStatement | None]] = (
            weakref.WeakKeyDictionary()
        )

    def find(self, statement: Any, parameters: Any) -> HotStatement | None:
        """The compiled form, from the second time on; None where SQLAlchemy must run it."""
        forms = self._seen.get(statement) if isinstance(statement, KINDS) else None
        if forms is None:
            if isinstance(statement, KINDS):
                self._seen[statement] = {}
            return None
        if parameters is None:
            key: Any = ()
        elif isinstance(parameters, dict):
            key = tuple(parameters)
        else:
            key = (len(parameters) > 1, *parameters[0]) if parameters else _NEVER
        found = forms.get(key, _NEVER)
        if found is _NEVER:
            found = forms[key] = None if key is _NEVER else self._compiled(statement, parameters)
        return found  # type: ignore[return-value]

    def wrapped(self, error: BaseException, text: str = "") -> BaseException:
        """A driver's error as SQLAlchemy raises it."""
        base = self._dialect.loaded_dbapi.Error
        return DBAPIError.instance(text, None, error, base, hide_parameters=True, dialect=self._dialect)

    def _compiled(self, statement: Any, parameters: Any) -> HotStatement | None:
        listed = not isinstance(parameters, dict) and parameters is not None
        names = list(parameters[0] if listed else parameters or ())
        many = listed and len(parameters) > 1
        compiled = statement.compile(
            dialect=self._dialect if many else self._single, column_keys=sorted(names), for_executemany=many
        )
        if _needs_sqlalchemy(compiled, statement, names):
            return None
        return HotStatement(statement, compiled, self._dialect)


def _needs_sqlalchemy(compiled: SQLCompiler, statement: Any, names: Sequence[str]) -> bool:
    """Whether running it takes more than text and parameters: defaults, lists, keys the server made."""
    return bool(
        compiled.insert_prefetch
        or compiled.update_prefetch
        or compiled.literal_execute_params
        or compiled.post_compile_params
        or compiled.escaped_bind_names
        or (compiled.effective_returning and not getattr(statement, "_returning", ()))
        or any(_unknown(bind, names) for bind in compiled.binds.values())
    )


def _unknown(bind: Any, names: Sequence[str]) -> bool:
    return bind.callable is not None or (bind.required and bind.key not in names)
