"""How the overview is written: glyphs, colours and lines of tiles, troubles and facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from rich.cells import chop_cells
from textual.content import Content

from k8sops.core.durations import human_duration
from k8sops.core.overview import Fact, Gauge, Tile, Trouble
from k8sops.core.tables import Column, Row
from k8sops.core.text import printable
from k8sops.tui.columns import width_of
from k8sops.tui.row_painter import fit

GLYPHS: Final[dict[Gauge, str]] = {
    Gauge.WAITING: "~",
    Gauge.OK: "✓",
    Gauge.WARN: "!",
    Gauge.BAD: "✗",
    Gauge.UNKNOWN: "?",
    Gauge.DENIED: "-",
}
STYLES: Final[dict[Gauge, str]] = {
    Gauge.WAITING: "$text-muted",
    Gauge.OK: "$text-success",
    Gauge.WARN: "$text-warning bold",
    Gauge.BAD: "$text-error bold",
    Gauge.UNKNOWN: "$text-warning",
    Gauge.DENIED: "$text-muted",
}
SHORT: Final = {
    "deployments.apps": "deploy",
    "statefulsets.apps": "sts",
    "daemonsets.apps": "ds",
    "jobs.batch": "job",
    "pods": "pod",
    "nodes": "node",
}
COLUMNS: Final = tuple(Column(name=name) for name in ("Name", "Kind", "Ready", "Status", "Since", "Why"))
TILE_NAME: Final = 14
_AGE: Final = 7
_BARS: Final = "▁▂▃▄▅▆▇█"
_WIDEST_LABEL: Final = 30


def tile_line(tile: Tile, width: int) -> Content:
    """A tile in one line of `width` cells."""
    text = printable(tile.text) or ("loading …" if tile.gauge is Gauge.WAITING else "")
    room = max(10, width - TILE_NAME - 3)
    named = "".join(f"  {spark(one.counts)} {one.name}" for one in tile.series)
    # Where there is no room for their names, the order is the text's.
    bare = "".join(f"  {spark(one.counts)}" for one in tile.series)
    text += next((sparks for sparks in (named, bare) if width_of(text + sparks) <= room), "")
    return Content.assemble(
        (f"{GLYPHS[tile.gauge]} ", STYLES[tile.gauge]),
        (fit(tile.name, TILE_NAME) + " ", "bold"),
        fit(text, room).rstrip() if width_of(text) > room else text,
    )


def spark(counts: Sequence[int]) -> str:
    """Counts as one line of bars, the highest as high as the line; nothing is a dot."""
    highest = max(counts, default=0)
    return "".join(_BARS[-(-many * len(_BARS) // highest) - 1] if many > 0 else "·" for many in counts)


def trouble_row(trouble: Trouble, now: datetime) -> Row:
    """A trouble as a row of the table."""
    return Row(
        uid=trouble.uid or f"{trouble.kind}/{trouble.namespace}/{trouble.name}",
        name=trouble.name,
        namespace=trouble.namespace,
        cells=(
            trouble.name,
            SHORT.get(trouble.kind, trouble.kind),
            trouble.ready,
            trouble.word,
            age_text(trouble.since, now),
            trouble.why,
        ),
        created=None,
        labels={},
    )


def age_text(at: datetime | None, now: datetime) -> str:
    """How long ago, as kubectl writes ages; empty where that is not known."""
    return human_duration(max(0.0, (now - at).total_seconds())) if at is not None else ""


def label_of(kind: str, name: str, namespace: str) -> str:
    """`shop/deploy/checkout`."""
    short = SHORT.get(kind, kind.partition(".")[0])
    return f"{namespace}/{short}/{name}" if namespace else f"{short}/{name}"


def fact_lines(
    sections: Sequence[tuple[str, Sequence[Fact]]], width: int, now: datetime
) -> Iterator[Content]:
    """Facts, heading by heading; a long text goes on below where it began."""
    labels = [width_of(printable(fact.label)) for _, facts in sections for fact in facts]
    label_width = min(_WIDEST_LABEL, max(labels, default=0))
    for title, facts in sections:
        yield Content("")
        yield Content.styled(printable(title), "bold")
        for fact in facts:
            yield from _fact(fact, label_width, width, now)


def _fact(fact: Fact, label_width: int, width: int, now: datetime) -> Iterator[Content]:
    indent = 2 + _AGE + 1 + label_width + 2
    first, *rest = wrapped(printable(fact.text), max(20, width - indent)) or [""]
    yield Content.assemble(
        (f"{GLYPHS[fact.gauge]} ", STYLES[fact.gauge]),
        (age_text(fact.at, now).rjust(_AGE) + " ", "$text-muted"),
        fit(printable(fact.label), label_width, middle=True) + "  ",
        first,
    )
    for line in rest:
        yield Content(" " * indent + line)


def wrapped(text: str, width: int) -> list[str]:
    """A text broken into lines of so many cells, between words where there is room."""
    lines: list[str] = []
    for word in text.split(" "):
        for part in chop_cells(word, width) or [""]:
            joined = f"{lines[-1]} {part}" if lines else part
            if lines and width_of(joined) <= width:
                lines[-1] = joined
            else:
                lines.append(part)
    return lines
