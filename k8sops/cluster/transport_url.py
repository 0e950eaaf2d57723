"""From server, path and query to the exact URL on the wire, and whether compression pays there."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode, urlsplit

Query = Mapping[str, str] | Sequence[tuple[str, str]]
Headers = Sequence[tuple[str, str]]


def pairs_of(query: Query) -> list[tuple[str, str]]:
    """The query as pairs, so that a parameter may come more than once."""
    return list(query.items()) if isinstance(query, Mapping) else list(query)


def selectors_of(query: Query) -> tuple[str, ...]:
    """The selectors that a query has, as they were typed."""
    return tuple(value for key, value in pairs_of(query) if key in {"labelSelector", "fieldSelector"})


def url_of(server: str, path: str, pairs: Sequence[tuple[str, str]]) -> str:
    """The URL; `path` is taken as already escaped (see `paths`), the query is escaped here."""
    return f"{server}{path}?{urlencode(pairs)}" if pairs else f"{server}{path}"


def is_loopback(server: str) -> bool:
    """Whether the server is on this machine."""
    host = urlsplit(server).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def accept_encoding(server: str) -> str:
    """`identity` on this machine, where gzip only costs time; `gzip` elsewhere."""
    return "identity" if is_loopback(server) else "gzip"
