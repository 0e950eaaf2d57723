"""What is told of many events in little room: the newest as a table, and moments for the timeline.

Of an event that has been told often the API server keeps one object with its count, so that most are few. Those above
the limit are told by reason, which is what a storm of events has few of.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from k8sops.actions.collecting.gathering import Window
from k8sops.actions.collecting.sources.involved import meta
from k8sops.actions.collecting.sources.tables import cell, stamp, table_text
from k8sops.core.logs import stamp_ns
from k8sops.core.plan import JsonObject
from k8sops.core.text import counted
from k8sops.core.timeline import Moment
from k8sops.timeline.objects import moments_of

_TITLES: Final = ("LAST SEEN", "TYPE", "REASON", "OBJECT", "COUNT", "FROM", "MESSAGE")
WARNING: Final = "Warning"


class _Told(NamedTuple):
    """A row of the table; the first fields are its order."""

    at_ns: int
    uid: str
    cells: tuple[str, ...]


class _Crowd:
    """Events of one reason that are told together."""

    def __init__(self, kind: str) -> None:
        self.bad: Final = kind == WARNING
        self.count = 0
        self.first_ns = 0
        self.last_ns = 0

    def add(self, first_ns: int, last_ns: int, count: int) -> None:
        """One more event."""
        self.count += count
        self.first_ns = min(self.first_ns or first_ns, first_ns)
        self.last_ns = max(self.last_ns, last_ns)


class EventDigest:
    """Takes events one by one, and keeps at most `most` of them for each purpose."""

    def __init__(self, window: Window, most: int) -> None:
        self._window: Final = window
        self._most: Final = most
        self._newest: list[_Told] = []
        self._moments: list[Moment] = []
        self._crowds: dict[tuple[str, str], _Crowd] = {}
        self._seen = 0

    def take(self, event: JsonObject) -> bool:
        """Whether it falls into the window: then it is told."""
        first_ns, last_ns = span_of(event)
        if last_ns < self._window.since_ns or first_ns > self._window.until_ns:
            return False
        self._seen += 1
        self._list(event, last_ns)
        if len(self._moments) < self._most:
            self._moments.extend(moments_of("Event", event))
        else:
            kind, reason = str(event.get("type") or ""), str(event.get("reason") or "")
            self._crowds.setdefault((kind, reason), _Crowd(kind)).add(first_ns, last_ns, _count(event))
        return True

    def _list(self, event: JsonObject, last_ns: int) -> None:
        """Put it into the table, unless that is full of newer ones; of most events of a storm no row is made."""
        uid = str(meta(event).get("uid", ""))
        if len(self._newest) < self._most:
            heapq.heappush(self._newest, _Told(last_ns, uid, _cells(event, last_ns)))
        elif (last_ns, uid) > self._newest[0][:2]:
            heapq.heapreplace(self._newest, _Told(last_ns, uid, _cells(event, last_ns)))

    def text(self) -> str:
        """The table, the oldest first."""
        rows = [row.cells for row in sorted(self._newest)]
        left = self._seen - len(rows)
        head = (
            f"The newest {len(rows)} of {self._seen} events; all are in the JSON lines.\n\n" if left else ""
        )
        return head + table_text(_TITLES, rows)

    def moments(self, whose: str) -> Iterator[Moment]:
        """What happened, for the timeline; `whose` is the subject of what is told together."""
        yield from self._moments
        for (_, reason), crowd in sorted(self._crowds.items()):
            yield Moment(
                at_ns=crowd.first_ns,
                matter="event",
                subject=whose,
                text=f"{reason}: {counted(crowd.count, 'more event')} of this reason",
                bad=crowd.bad,
                count=crowd.count,
                until_ns=crowd.last_ns,
            )


def span_of(event: JsonObject) -> tuple[int, int]:
    """When it was told first and last, in nanoseconds since the epoch; both its forms have their own fields."""
    series: dict[str, Any] = event.get("series") or {}
    made = _ns(meta(event).get("creationTimestamp"))
    occurred = _ns(event.get("eventTime"))
    first = _ns(event.get("firstTimestamp")) or occurred or made
    last = _ns(series.get("lastObservedTime")) or _ns(event.get("lastTimestamp")) or occurred or made
    return first, max(first, last)


def _ns(value: object) -> int:
    return stamp_ns(value) if isinstance(value, str) else 0


def _count(event: JsonObject) -> int:
    series: dict[str, Any] = event.get("series") or {}
    found = series.get("count") or event.get("count")
    return found if isinstance(found, int) and found > 0 else 1


def _cells(event: JsonObject, last_ns: int) -> tuple[str, ...]:
    about: dict[str, Any] = event.get("involvedObject") or {}
    source: dict[str, Any] = event.get("source") or {}
    found = (
        stamp(last_ns),
        event.get("type") or "",
        event.get("reason") or "",
        f"{about.get('kind', '')}/{about.get('name', '')}",
        _count(event),
        event.get("reportingComponent") or source.get("component") or "",
        event.get("message") or "",
    )
    return tuple(cell(one) for one in found)
