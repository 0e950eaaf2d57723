"""All sources of a bundle side by side, until they are done or time is up; and the timeline of what they found.

A source that fails costs the bundle what it would have brought, and the index says so. Only a bundle that cannot be
written, or a cancel, ends the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from k8sops.actions.collecting.gathering import Gathering, Source
from k8sops.bundle.errors import BundleError
from k8sops.bundle.writing import BundleWriter
from k8sops.core.errors import K8sOpsError
from k8sops.core.tasks import all_of
from k8sops.core.timeline import Timeline, Unknown
from k8sops.timeline.as_html import timeline_html
from k8sops.timeline.as_json import timeline_json
from k8sops.timeline.as_text import timeline_lines
from k8sops.timeline.merging import merged

UNKNOWN_NAMED: Final = 20


async def gather_all(gathering: Gathering, sources: Mapping[str, Source], within_s: float) -> bool:
    """Every source; returns whether all came to their end in time. Raises BundleError."""
    unfinished = set(sources)

    async def one(name: str, source: Source) -> None:
        try:
            await source(gathering)
        except BundleError:
            raise
        except K8sOpsError as error:
            gathering.sink.missing(name, source=name, why=error.message)
        except Exception as error:  # noqa: BLE001 - the defect of one source must not cost what the others bring
            why = f"a defect of this program: {type(error).__name__}"
            gathering.sink.missing(name, source=name, why=why)
        unfinished.discard(name)

    try:
        async with asyncio.timeout(within_s):
            await all_of(one(name, source) for name, source in sources.items())
    except TimeoutError:
        for name in sorted(unfinished):
            why = f"time was up after {within_s:g} s: not all of it is here"
            gathering.sink.missing(name, source=name, why=why)
        return False
    return True


async def add_timeline(gathering: Gathering, writer: BundleWriter, title: str) -> None:
    """The first page of a post-mortem, as text, as JSON and as a page to open."""
    files = await asyncio.to_thread(_timeline_files, gathering, writer.lacking(), title)
    for path, data in files.items():
        async with writer.file(path, source="k8sops") as file:
            await file.write(data)


def _timeline_files(gathering: Gathering, lacking: list[tuple[str, str]], title: str) -> dict[str, bytes]:
    unknown = [Unknown(source=source, why=why) for source, why in lacking[:UNKNOWN_NAMED]]
    if len(lacking) > UNKNOWN_NAMED:
        unknown.append(Unknown(source=f"{len(lacking) - UNKNOWN_NAMED} more", why="the index names them"))
    since_ns, until_ns = gathering.window
    found: Timeline = merged(
        gathering.moments, since_ns=since_ns, until_ns=until_ns, unknown=tuple(unknown), title=title
    )
    text = "".join(f"{line}\n" for line in timeline_lines(found))
    return {
        "timeline.html": timeline_html(found),
        "timeline.json": timeline_json(found),
        "timeline.txt": text.encode("utf-8", "replace"),
    }
