"""A cluster at a glance: its tiles, and what is in trouble, worst first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from k8sops.core.overview import Gauge, Overview, Tile, Trouble
from k8sops.core.plan import ClusterInfo
from k8sops_slack.blocks.building import actions, button, context, section
from k8sops_slack.blocks.markup import Mrkdwn, bold, code, escaped, joined, moment, written
from k8sops_slack.blocks.sending import Message, message
from k8sops_slack.cards.words import where
from k8sops_slack.reads.table import ROWS, SHARE

GLYPHS: Final = {
    Gauge.WAITING: "⏳",
    Gauge.OK: "✅",
    Gauge.WARN: "⚠️",
    Gauge.BAD: "⛔",
    Gauge.UNKNOWN: "❔",
    Gauge.DENIED: "🔒",
}
_WORST: Final = [Gauge.BAD, Gauge.WARN, Gauge.UNKNOWN, Gauge.DENIED, Gauge.WAITING, Gauge.OK]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How one cluster is, in a sentence."""

    cluster: ClusterInfo
    gauge: Gauge
    text: str


def health_lines(clusters: Sequence[Health], most: int) -> list[Mrkdwn]:
    """A line each, the worst first."""
    ordered = sorted(clusters, key=lambda one: (_WORST.index(one.gauge), one.cluster.name))
    lines = [
        joined(" ", [written(GLYPHS[one.gauge]), escaped(f"{where(one.cluster)}: {one.text}", 180)])
        for one in ordered[:most]
    ]
    if len(ordered) > most:
        lines.append(written(f"and {len(ordered) - most} more"))
    return lines


def healths_message(clusters: Sequence[Health], now: datetime, program: str, *, line: str) -> Message:
    """All clusters, where none was named."""
    found = health_lines(clusters, ROWS)
    hint = joined(
        " ", [code(f"{program} status --cluster NAME"), written("tells more of one · as of"), moment(now)]
    )
    blocks = [section(joined("\n", found)), context(hint), *actions([button("Share", SHARE, line)])]
    return message(found[0], blocks)


def status_message(found: Overview, cluster: ClusterInfo, *, line: str) -> Message:
    """Tiles, troubles, and whether what is shown may be out of date."""
    tiles = sorted(found.tiles, key=lambda tile: _WORST.index(tile.gauge))
    troubles = sorted(found.troubles, key=lambda one: _WORST.index(one.gauge))
    title = escaped(where(cluster), 120)
    blocks = [section(joined("\n", [bold(title), *map(tile_line, tiles)]))]
    if troubles:
        lines = [trouble_line(one) for one in troubles[:ROWS]]
        if len(troubles) > ROWS:
            lines.append(written(f"and {len(troubles) - ROWS} more"))
        blocks.append(section(joined("\n", lines)))
    if found.lost:
        since = [written("since"), moment(found.lost_since)] if found.lost_since else []
        blocks.append(
            context(joined(" ", [written("⚠️ may be out of date:"), escaped(found.lost, 300), *since]))
        )
    blocks.append(context(joined(" ", [written("as of"), moment(found.at)])))
    told = joined(" ", [title, written("·"), escaped(verdict(found), 200)])
    return message(told, [*blocks, *actions([button("Share", SHARE, line)])])


def verdict(found: Overview) -> str:
    """One sentence: the worst there is."""
    bad = [one.name for one in found.troubles if one.gauge is Gauge.BAD]
    if bad:
        return f"{len(bad)} in trouble: {bad[0]}" + (" and others." if len(bad) > 1 else ".")
    if found.troubles:
        return f"{len(found.troubles)} to look at."
    if any(tile.gauge in {Gauge.BAD, Gauge.WARN} for tile in found.tiles):
        return next(tile.text for tile in found.tiles if tile.gauge in {Gauge.BAD, Gauge.WARN})
    return "All well, as far as can be seen."


def worst(found: Overview) -> Gauge:
    """The worst there is."""
    gauges = [*(one.gauge for one in found.troubles), *(one.gauge for one in found.tiles)]
    return min(gauges, key=_WORST.index, default=Gauge.UNKNOWN)


def tile_line(tile: Tile) -> Mrkdwn:
    """`✅ nodes: all 5 are ready`."""
    return joined(" ", [written(GLYPHS[tile.gauge]), escaped(f"{tile.name}: {tile.text}", 200)])


def trouble_line(one: Trouble) -> Mrkdwn:
    """`⛔ shop/web 1/3 CrashLoopBackOff: why`."""
    name = f"{one.namespace}/{one.name}" if one.namespace else one.name
    told = " ".join(part for part in (name, one.ready, one.word) if part)
    return joined(" ", [written(GLYPHS[one.gauge]), escaped(f"{told}: {one.why}" if one.why else told, 220)])
