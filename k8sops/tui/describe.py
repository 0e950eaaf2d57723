"""An object in words with its events, as `kubectl describe` tells it: `service.describing`, and then what happened.

Pure: from the object and the table of its events to lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from k8sops.core.fact_lines import aligned
from k8sops.core.plan import JsonObject
from k8sops.core.tables import Table
from k8sops.core.text import printable
from k8sops.service.describing import described
from k8sops.tui.columns import width_of

_EVENT_TITLES: Final = ("Last Seen", "Type", "Reason", "Message")


def describe_lines(found: JsonObject, events: Table | None, now: datetime) -> list[str]:
    """The description; `events` is None where they may not be listed."""
    told = described(found, now, width=width_of)
    return [*told, "", *(printable(line) for line in _events(events))]


def _events(events: Table | None) -> Iterator[str]:
    if events is None:
        yield "Events           not permitted to list them"
        return
    names = [column.name for column in events.columns]
    wanted = [names.index(title) for title in _EVENT_TITLES if title in names]
    if not events.rows or not wanted:
        yield "Events           none"
        return
    yield "Events"
    titles = tuple(names[index].upper() for index in wanted)
    rows = (tuple(row.cells[index] for index in wanted) for row in events.rows)
    yield from aligned([titles, *rows], width=width_of)
