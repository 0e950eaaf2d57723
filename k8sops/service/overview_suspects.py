"""Which rows of the live tables are worth a closer look: the pure, cheap half of finding what is in trouble.

Ten thousand pods are looked through with every change, so a row that is plainly well costs two comparisons. What is
found here is only a suspicion: whether and why something is in trouble, its object says (`core.why`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from k8sops.core.tables import Column, Row

PODS: Final = "pods"
DEPLOYMENTS: Final = "deployments.apps"
STATEFUL_SETS: Final = "statefulsets.apps"
DAEMON_SETS: Final = "daemonsets.apps"
JOBS: Final = "jobs.batch"
NODES: Final = "nodes"
WORKLOADS: Final = (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS)

STARTING: Final = timedelta(seconds=60)
_TEMPLATE_HASH: Final = "pod-template-hash"
_OWNERS: Final = {"StatefulSet": STATEFUL_SETS, "DaemonSet": DAEMON_SETS, "Job": JOBS}
_RESTARTS: Final = re.compile(r"(\d+) \((\d+)([smh])")
_MANY: Final = 3


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """A row to be looked into, and the rows of its pods that do not look well, the worst first."""

    kind: str
    row: Row
    ready: str = ""
    pods: tuple[Row, ...] = ()
    word: str = ""
    """What a status column says, for where the object may not be read."""


class Tables(msgspec.Struct, frozen=True):
    """Columns and rows by kind; a kind that may not be listed is not in it."""

    found: Mapping[str, tuple[Sequence[Column], Sequence[Row]]]

    def rows(self, kind: str) -> Sequence[Row]:
        """All rows of a kind."""
        return self.found.get(kind, ((), ()))[1]

    def place(self, kind: str, title: str) -> int:
        """Which cell stands under a title; -1 where there is none."""
        columns = self.found.get(kind, ((), ()))[0]
        return next((place for place, one in enumerate(columns) if one.name.lower() == title), -1)

    def cell(self, kind: str, row: Row, title: str) -> str:
        """What stands there; empty where there is no such cell."""
        place = self.place(kind, title)
        return row.cells[place] if 0 <= place < len(row.cells) else ""


def suspects(tables: Tables, now: datetime) -> list[Suspect]:
    """What to look into, the worst first: nodes, what has no ready pod, what lacks some, the rest."""
    by_owner = _by_owner(tables, now)
    found = [*_nodes(tables), *_workloads(tables, by_owner, now), *_jobs(tables, by_owner)]
    status = tables.place(PODS, "status")
    for pods in by_owner.values():
        # Nobody's pods, and those of owners that cannot be seen here.
        found.extend(
            Suspect(kind=PODS, row=pod, ready=tables.cell(PODS, pod, "ready"), word=pod.cells[status])
            for pod in pods
        )
    return sorted(found, key=_order)


def _order(suspect: Suspect) -> tuple[int, str, str]:
    have = suspect.ready.partition("/")[0]
    lacking = suspect.ready and _lacks(suspect.ready)
    rank = 0 if suspect.kind == NODES else 1 if have == "0" and lacking else 2 if lacking else 3
    return rank, suspect.row.namespace, suspect.row.name


def _nodes(tables: Tables) -> Iterable[Suspect]:
    for row in tables.rows(NODES):
        status = tables.cell(NODES, row, "status")
        if status != "Ready":
            yield Suspect(kind=NODES, row=row, word=status)


def _workloads(
    tables: Tables, by_owner: dict[tuple[str, str, str], list[Row]], now: datetime
) -> Iterable[Suspect]:
    for kind in WORKLOADS:
        for row in tables.rows(kind):
            pods = by_owner.pop((kind, row.namespace, row.name), [])
            ready = _ready_of(tables, kind, row)
            if pods or (_lacks(ready) and not _is_young(row, now)):
                yield Suspect(kind=kind, row=row, ready=ready, pods=tuple(pods), word="NotReady")


def _jobs(tables: Tables, by_owner: dict[tuple[str, str, str], list[Row]]) -> Iterable[Suspect]:
    for row in tables.rows(JOBS):
        pods = by_owner.pop((JOBS, row.namespace, row.name), [])
        status = tables.cell(JOBS, row, "status")
        if status == "Failed" or (pods and status == "Running"):
            yield Suspect(kind=JOBS, row=row, pods=tuple(pods), word=status)


def _ready_of(tables: Tables, kind: str, row: Row) -> str:
    if kind != DAEMON_SETS:
        return tables.cell(kind, row, "ready")
    return f"{tables.cell(kind, row, 'ready')}/{tables.cell(kind, row, 'desired')}"


def _by_owner(tables: Tables, now: datetime) -> dict[tuple[str, str, str], list[Row]]:
    """Pods that do not look well, by whose they are; a pod of nobody's is its own."""
    ready, status = tables.place(PODS, "ready"), tables.place(PODS, "status")
    restarts = tables.place(PODS, "restarts")
    if min(ready, status, restarts) < 0:
        return {}
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in tables.rows(PODS):
        cells = row.cells
        if cells[status] == "Running" and cells[restarts] == "0" and not _lacks(cells[ready]):
            continue
        if _looks_ill(row, cells[ready], cells[status], cells[restarts], now):
            found.setdefault(_owner(row), []).append(row)
    for pods in found.values():
        # A pod whose status is a reason says more than one that only is not ready yet.
        pods.sort(key=lambda pod: (pod.cells[status] in {"Running", "Pending"}, pod.name))
    return found


def _looks_ill(row: Row, ready: str, status: str, restarts: str, now: datetime) -> bool:
    if status in {"Completed", "Succeeded"}:
        return False
    if row.deleting:
        return True
    if status == "Running" and not _lacks(ready):
        match = _RESTARTS.match(restarts)
        # The span was printed when the row was: the object tells whether that was within the hour.
        return match is not None and int(match[1]) >= _MANY and (match[3] in "sm" or match[2] == "1")
    if status in {"Running", "ContainerCreating", "PodInitializing"} or status.startswith("Init:"):
        return not _is_young(row, now)
    return True


def _owner(row: Row) -> tuple[str, str, str]:
    for owner in row.owners:
        if owner.kind in _OWNERS:
            return (_OWNERS[owner.kind], row.namespace, owner.name)
        # A Deployment's ReplicaSet is called after it and the hash of the pod template, which is also a label.
        suffix = f"-{row.labels.get(_TEMPLATE_HASH, '')}"
        if owner.kind == "ReplicaSet" and len(suffix) > 1 and owner.name.endswith(suffix):
            return (DEPLOYMENTS, row.namespace, owner.name.removesuffix(suffix))
    return (PODS, row.namespace, row.name)


def _lacks(ready: str) -> bool:
    have, _, want = ready.partition("/")
    return have != want


def _is_young(row: Row, now: datetime) -> bool:
    return row.created is not None and now - row.created < STARTING
