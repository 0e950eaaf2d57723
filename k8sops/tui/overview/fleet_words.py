"""A cluster in one line of a table, and the sentence that is worst on it. Pure."""

from __future__ import annotations

from typing import Final

from k8sops.core.errors import K8sOpsError
from k8sops.core.overview import Gauge, Overview, Tile
from k8sops.core.plan import ClusterInfo
from k8sops.tui.overview.words import GLYPHS

STATUS: Final[dict[Gauge, str]] = {
    Gauge.BAD: "Unhealthy",
    Gauge.WARN: "Degraded",
    Gauge.UNKNOWN: "Unknown",
    Gauge.OK: "Healthy",
}
"""The word of a cluster's worst tile, as status columns have it."""
_WORST_FIRST: Final = (Gauge.BAD, Gauge.WARN, Gauge.UNKNOWN)


def cells_of(
    name: str, told: tuple[ClusterInfo, Overview] | None, lost: K8sOpsError | None, is_followed: bool
) -> tuple[str, ...]:
    """Context, environment, status, troubles, nodes, approvals, backups."""
    if told is None:
        status = "Lost" if lost is not None else "Progressing" if is_followed else ""
        return (name, "", status, "", "", "", "")
    cluster, overview = told
    status = "Lost" if lost is not None or overview.lost else _status(overview)
    tiles = {tile.name: tile for tile in overview.tiles}
    nodes, approvals, backups = (tiles.get(name) for name in ("nodes", "approvals", "backups"))
    return (
        name,
        cluster.environment,
        status,
        "" if _waits(overview) else str(len(overview.troubles)),
        _short(nodes, nodes.text if nodes is not None else ""),
        _short(approvals, approvals.text.partition(":")[0] if approvals is not None else ""),
        _short(backups, backups.text if backups is not None else ""),
    )


def worst_of(overview: Overview) -> str:
    """What is worst on a cluster, in a sentence."""
    if overview.lost:
        return f"{overview.lost.rstrip('.')}: what is shown may be out of date."
    for gauge in _WORST_FIRST:
        for trouble in overview.troubles:
            if trouble.gauge is gauge:
                where = f"{trouble.namespace}/" if trouble.namespace else ""
                return f"{where}{trouble.name}: {trouble.why}"
        for tile in overview.tiles:
            if tile.gauge is gauge:
                return f"{tile.name}: {tile.text}"
    return "loading …" if _waits(overview) else "nothing is in trouble."


def _status(overview: Overview) -> str:
    gauges = {tile.gauge for tile in overview.tiles} | {one.gauge for one in overview.troubles}
    found = next((gauge for gauge in _WORST_FIRST if gauge in gauges), None)
    if found is not None:
        return STATUS[found]
    return "Progressing" if _waits(overview) else STATUS[Gauge.OK]


def _waits(overview: Overview) -> bool:
    return any(tile.gauge is Gauge.WAITING for tile in overview.tiles[:3])


def _short(tile: Tile | None, text: str) -> str:
    if tile is None or tile.gauge is Gauge.WAITING:
        return ""
    if tile.gauge is Gauge.DENIED:
        return f"{GLYPHS[tile.gauge]} not permitted"
    return f"{GLYPHS[tile.gauge]} {text}".rstrip()
