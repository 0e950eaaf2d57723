"""Which adapter serves a URL."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from k8sops.core.clock import Clock
from k8sops.core.errors import StorePlaceError
from k8sops.store.lanes import Adapter
from k8sops.store.sqlite import SqliteStore

FORMS = "sqlite:////folder/k8sops.db, or postgresql://user@host/database"


def parse_url(url: str) -> URL:
    """The URL in parts. Raises StorePlaceError, which never shows a URL it could not take apart."""
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise StorePlaceError("the store's URL cannot be read", hint=f"write {FORMS}") from None


def adapter_for(url: str, *, clock: Clock, busy_timeout_s: float) -> Adapter:
    """The adapter for a URL, with nothing opened yet. Raises StorePlaceError for another database."""
    parts = parse_url(url)
    if parts.drivername in {"sqlite", "sqlite+pysqlite"}:
        return SqliteStore(parts, clock=clock, busy_timeout_s=busy_timeout_s)
    if parts.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        from k8sops.store.postgresql import PostgresStore  # noqa: PLC0415 - psycopg is slow to load

        return PostgresStore(parts, busy_timeout_s=busy_timeout_s)
    raise StorePlaceError(f"{parts.drivername} is no store k8sops knows", hint=f"write {FORMS}")
