"""From suspicious rows to troubles: the objects are read, few at a time, and what they say is kept while they stand.

An object whose row has not changed is not read again, so a cluster in steady trouble costs nothing; at most so many
are looked into, the rest are told by what their row says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from k8sops.core.clock import Clock
from k8sops.core.errors import ForbiddenError, NotFoundError
from k8sops.core.overview import Gauge, Trouble
from k8sops.core.plan import JsonObject
from k8sops.core.ports import ClusterReader
from k8sops.core.tables import Row
from k8sops.core.why import Why, why_of_pod
from k8sops.core.why_owners import why_of_job, why_of_node, why_of_workload
from k8sops.service.overview_suspects import JOBS, NODES, PODS, Suspect

MOST_LOOKED_INTO: Final = 60
AT_ONCE: Final = 4
PODS_LOOKED_INTO: Final = 2


class Looker:
    """Reads what is suspicious, and keeps it."""

    def __init__(self, reader: ClusterReader, clock: Clock) -> None:
        self._reader: Final = reader
        self._clock: Final = clock
        self._kept: dict[tuple[str, str, str], tuple[Row, JsonObject | None]] = {}
        self._wanted: set[tuple[str, str, str]] = set()
        self._slots: Final = asyncio.Semaphore(AT_ONCE)

    async def troubles(self, suspects: Sequence[Suspect]) -> tuple[Trouble, ...]:
        """What is in trouble, in the order given. Raises what the cluster answers, but not that it may not be read."""
        self._wanted = set()
        looked = await asyncio.gather(*(self._trouble(one) for one in suspects[:MOST_LOOKED_INTO]))
        self._kept = {key: kept for key, kept in self._kept.items() if key in self._wanted}
        rest = [by_row(one) for one in suspects[MOST_LOOKED_INTO:]]
        found = [one for one in (*looked, *rest) if one is not None]
        # By how bad it is; among equals the order of the rows.
        return tuple(sorted(found, key=lambda trouble: trouble.gauge is not Gauge.BAD))

    async def _trouble(self, suspect: Suspect) -> Trouble | None:
        now = self._clock.now()
        pod: Why | None = None
        for row in suspect.pods[:PODS_LOOKED_INTO]:
            body = await self._object(PODS, row)
            pod = why_of_pod(body, now) if body is not None else None
            if pod is not None:
                break
        body = await self._object(suspect.kind, suspect.row)
        if body is None:
            return by_row(suspect)
        if suspect.kind == NODES:
            why = why_of_node(body)
        elif suspect.kind == PODS:
            why = why_of_pod(body, now)
        elif suspect.kind == JOBS:
            why = why_of_job(body, pod) or pod
        else:
            why = why_of_workload(body, suspect.ready, pod)
        return _told(suspect, why) if why is not None else None

    async def _object(self, kind: str, row: Row) -> JsonObject | None:
        """The object of a row; None where it may not be read, or is gone by now."""
        key = (kind, row.namespace, row.name)
        self._wanted.add(key)
        kept = self._kept.get(key)
        if kept is not None and kept[0] is row:
            return kept[1]
        body: JsonObject | None = None
        async with self._slots:
            try:
                body = await self._reader.get(await self._reader.resource(kind), row.name, row.namespace)
            except (ForbiddenError, NotFoundError):
                body = None
        self._kept[key] = (row, body)
        return body


def by_row(suspect: Suspect) -> Trouble:
    """A trouble as far as its row tells it."""
    word = suspect.word
    if suspect.pods:
        word = next((cell for cell in suspect.pods[0].cells[2:3]), word)
    said = f"{word}, as far as its row tells" if word else "it is not ready, as far as its row tells"
    return _told(suspect, Why(word=word, clause=said, gauge=_gauge(suspect)))


def _gauge(suspect: Suspect) -> Gauge:
    return Gauge.BAD if suspect.ready.startswith("0/") or suspect.kind in {NODES, JOBS} else Gauge.WARN


def _told(suspect: Suspect, why: Why) -> Trouble:
    row = suspect.row
    return Trouble(
        kind=suspect.kind,
        name=row.name,
        namespace=row.namespace,
        uid=row.uid,
        gauge=why.gauge,
        ready=suspect.ready,
        word=why.word,
        why=sentence(why.clause),
        since=why.since,
    )


def sentence(clause: str) -> str:
    """A clause as a sentence."""
    return f"{clause[:1].upper()}{clause[1:]}{'' if clause.endswith(('.', '…')) else '.'}" if clause else ""
