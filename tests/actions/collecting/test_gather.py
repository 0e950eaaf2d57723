"""Sources side by side: none costs another what it brings, and time is up for all at once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from k8sops.actions.collecting.gather import add_timeline, gather_all
from k8sops.actions.collecting.gathering import Gathering
from k8sops.bundle.errors import BundleError
from k8sops.bundle.opening import open_bundle
from k8sops.bundle.writing import Form, a_bundle
from k8sops.core.errors import UnreachableError
from k8sops.core.timeline import Moment
from tests.actions.collecting.kubelet import START_NS, Kubelet, gathering_from
from tests.bundle.bundles import ABOUT, NAME
from tests.support.bundle_sink import MemorySink


async def brings(gathering: Gathering) -> None:
    """A source that does what it should."""
    async with gathering.sink.file("good.txt", source="good") as file:
        await file.write(b"here")


async def test_a_source_that_fails_or_is_defective_costs_no_other_anything() -> None:
    """In an incident the half of a bundle is worth having; and a defect is called one, without what it held."""

    async def fails(_: Any) -> None:
        raise UnreachableError("the server is away")

    async def is_defective(_: Any) -> None:
        raise KeyError("token=hunter2")

    sink = MemorySink()
    gathering = gathering_from(Kubelet({}), sink)
    assert await gather_all(gathering, {"a": fails, "b": is_defective, "c": brings}, 60)
    assert sink.files["good.txt"].data == b"here"
    assert sink.absent == {"a": "the server is away", "b": "a defect of this program: KeyError"}


async def test_when_time_is_up_what_is_not_done_is_named() -> None:
    """And what was done is kept."""

    async def hangs(gathering: Gathering) -> None:
        await asyncio.Event().wait()

    sink = MemorySink()
    done = await gather_all(gathering_from(Kubelet({}), sink), {"slow": hangs, "quick": brings}, 0.05)
    assert not done
    assert sink.files["good.txt"].data == b"here"
    assert sink.absent == {"slow": "time was up after 0.05 s: not all of it is here"}


async def test_a_bundle_that_cannot_be_written_ends_them_all() -> None:
    """Reading on would be for nothing."""

    async def full(_: Any) -> None:
        raise BundleError("no room")

    async def hangs(_: Any) -> None:
        await asyncio.Event().wait()

    with pytest.raises(BundleError, match="no room"):
        await gather_all(gathering_from(Kubelet({}), MemorySink()), {"full": full, "other": hangs}, 60)


async def test_the_timeline_is_in_the_bundle_three_ways_and_names_what_it_lacks(tmp_path: Path) -> None:
    """A first page that leaves out the namespace that failed would mislead."""
    async with a_bundle(Form(tmp_path, NAME), None) as writer:
        gathering = gathering_from(Kubelet({}), writer)
        gathering.moments.append(
            Moment(at_ns=START_NS + 1, matter="event", subject="Pod shop/web-1", text="Killing <script>")
        )
        writer.missing("namespaces/data", source="events of data", why="not allowed")
        writer.missing("metrics", source="metrics.k8s.io", why="not served", note=True)
        await add_timeline(gathering, writer, "desk: all pods")
        (part,) = (await writer.finish(ABOUT)).made.parts
    bundle = open_bundle(part.path)
    text = bundle.read("timeline.txt").decode()
    assert "Pod shop/web-1" in text
    assert "events of data" in text
    assert "metrics.k8s.io" not in text
    assert b"<script>" not in bundle.read("timeline.html")
    assert b"Killing" in bundle.read("timeline.json")
