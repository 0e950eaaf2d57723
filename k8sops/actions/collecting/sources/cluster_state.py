"""The cluster itself: which version, how it says it is, what it serves and who runs it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from k8sops.actions.collecting.gathering import Gathering
from k8sops.actions.collecting.sources.involved import meta
from k8sops.actions.collecting.sources.paths import CLUSTER
from k8sops.actions.collecting.sources.reading import Reading, Trouble, absent, each, kept, put, read
from k8sops.actions.collecting.sources.tables import printed, table_text
from k8sops.cluster.paths import collection_path
from k8sops.core.plan import JsonObject
from k8sops.core.tables import TableQuery

PROBE_S: Final = 30.0
_PROBES: Final = (
    ("version.json", "/version", ()),
    ("livez.txt", "/livez", (("verbose", ""),)),
    ("readyz.txt", "/readyz", (("verbose", ""),)),
)
_SYSTEM: Final = "kube-system"
_TABLES: Final = (
    ("nodes.txt", TableQuery(kind="nodes")),
    ("kube-system-pods.txt", TableQuery(kind="pods", namespace=_SYSTEM)),
)


async def cluster_state(gathering: Gathering) -> None:
    """Gather it, each part by itself."""
    works: list[Callable[[], Awaitable[None]]] = [
        *(lambda probe=probe: _probed(gathering, *probe) for probe in _PROBES),
        *(lambda named=named: _printed(gathering, *named) for named in _TABLES),
        lambda: _kinds(gathering),
        lambda: _listed(
            gathering, "apiservices.txt", "apiservices.apiregistration.k8s.io", "", _API_TITLES, _api
        ),
        lambda: _listed(
            gathering, "leases.txt", "leases.coordination.k8s.io", _SYSTEM, _LEASE_TITLES, _lease
        ),
    ]
    await each(works, lambda work: work())


async def _probed(gathering: Gathering, name: str, path: str, query: Sequence[tuple[str, str]]) -> None:
    """An answer as it is; one that says that something is not well comes as an error, which is told."""
    found = gathering.cluster.bytes_at(path, query, read_timeout_s=PROBE_S)
    reading = Reading(found, seconds=PROBE_S, spare=True)
    await kept(gathering, f"{CLUSTER}/{name}", path, reading, bytes)


async def _printed(gathering: Gathering, name: str, query: TableQuery) -> None:
    path, source = f"{CLUSTER}/{name}", f"{query.kind} in {query.namespace or 'the cluster'}"
    table = await read(gathering.cluster.table(query), spare=True)
    if isinstance(table, Trouble):
        absent(gathering, path, source, table)
        return
    await put(gathering, path, source, printed(table))


async def _kinds(gathering: Gathering) -> None:
    """All kinds that are served, and the groups that do not answer."""
    path, source = f"{CLUSTER}/api-resources.txt", "discovery"
    served = await read(gathering.cluster.served())
    if isinstance(served, Trouble):
        absent(gathering, path, source, served)
        return
    gaps = await gathering.cluster.discovery_gaps()
    titles = ("NAME", "KIND", "VERSION", "NAMESPACED", "VERBS")
    rows = [
        (one.qualified, one.kind, one.version, "yes" if one.namespaced else "no", ",".join(one.verbs))
        for one in served
    ]
    missing = "".join(f"{gap.group_version}: {gap.message}; " for gap in gaps).removesuffix("; ")
    trouble = Trouble(f"not answering: {missing}") if missing else None
    await put(gathering, path, source, table_text(titles, sorted(rows)), trouble)


Row = Callable[[JsonObject], tuple[object, ...]]

_API_TITLES: Final = ("NAME", "SERVED BY", "AVAILABLE", "REASON", "MESSAGE")
_LEASE_TITLES: Final = ("NAME", "HELD BY", "RENEWED", "FOR SECONDS", "CHANGED HANDS")


async def _listed(
    gathering: Gathering, name: str, kind: str, namespace: str, titles: Sequence[str], row: Row
) -> None:
    path = f"{CLUSTER}/{name}"
    resource = await read(gathering.cluster.resource(kind))
    if isinstance(resource, Trouble):
        absent(gathering, path, "discovery", resource)
        return
    source = collection_path(resource, namespace)
    reading = Reading(gathering.cluster.list(resource, namespace), spare=True)
    rows = sorted([row(one) async for one in reading], key=str)
    if reading.trouble and not rows:
        absent(gathering, path, source, reading.trouble)
        return
    await put(gathering, path, source, table_text(titles, rows), reading.trouble)


def _api(found: JsonObject) -> tuple[object, ...]:
    service: dict[str, Any] = _spec(found).get("service") or {}
    conditions = (found.get("status") or {}).get("conditions") or ()
    available: dict[str, Any] = next((one for one in conditions if one.get("type") == "Available"), {})
    served_by = f"{service.get('namespace')}/{service.get('name')}" if service else "the API server"
    said = (available.get(field, "") for field in ("status", "reason", "message"))
    return (meta(found).get("name"), served_by, *said)


def _lease(found: JsonObject) -> tuple[object, ...]:
    fields = ("holderIdentity", "renewTime", "leaseDurationSeconds", "leaseTransitions")
    return (meta(found).get("name"), *(_spec(found).get(field, "") for field in fields))


def _spec(found: JsonObject) -> dict[str, Any]:
    spec = found.get("spec")
    return spec if isinstance(spec, dict) else {}
