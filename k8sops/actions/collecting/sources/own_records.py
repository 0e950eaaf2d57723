"""What we did ourselves: audit records of the window, and runs about what is gathered; from our own store.

Audit records are told whole, whatever they are about: a chain with holes proves nothing.
"""

from __future__ import annotations

from k8sops.actions.collecting.gathering import Gathering
from k8sops.actions.collecting.sources.paths import OWN
from k8sops.actions.collecting.sources.reading import Reading, kept, put
from k8sops.actions.collecting.sources.tables import stamp, table_text

SOURCE = "our own store"


async def own_records(gathering: Gathering) -> None:
    """Gather them."""
    records = Reading(gathering.records.audit_lines(gathering.window))
    await kept(gathering, f"{OWN}/audit.jsonl", SOURCE, records, _line)
    # Of pods that were looked for everywhere, everything is told.
    namespaces = gathering.namespaces if gathering.selection.namespaces else ()
    nodes = {name for pod in gathering.pods if (name := pod["spec"].get("nodeName"))}
    reading = Reading(gathering.records.run_moments(gathering.window, namespaces, nodes))
    moments = [one async for one in reading]
    gathering.moments.extend(moments)
    rows = [(stamp(one.at_ns), one.subject, one.text) for one in sorted(moments, key=lambda one: one.at_ns)]
    await put(gathering, f"{OWN}/runs.txt", SOURCE, table_text(("AT", "RUN", "WHAT"), rows), reading.trouble)


def _line(record: bytes) -> bytes:
    return record if record.endswith(b"\n") else record + b"\n"
