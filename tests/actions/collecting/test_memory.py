"""However much there is to collect, it costs the memory of what is on its way."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from k8sops.actions.collecting.sources.container_logs import container_logs
from k8sops.bundle.writing import Form, a_bundle
from tests.actions.collecting.kubelet import START_NS, Kubelet, gathering_from, stamped
from tests.bundle.bundles import ABOUT, NAME

PIECE = b"".join(
    stamped(START_NS + number, f"GET /{number} 200 password=p{number % 7}xyz") for number in range(1500)
)
PIECES = 30
PODS = 25


class Endless(Kubelet):
    """Every pod has logged a few megabytes."""

    async def bytes_at(self, path: str, query: Any = (), **_: Any) -> AsyncGenerator[bytes, None]:
        for _piece in range(PIECES):
            yield PIECE


async def test_logs_of_many_pods_are_never_held_whole(tmp_path: Path) -> None:
    """A laptop collects from a cluster a thousand times its size."""
    whole = len(PIECE) * PIECES * PODS
    assert whole > 50_000_000
    async with a_bundle(Form(tmp_path, NAME), None) as writer:
        gathering = gathering_from(Endless({f"web-{number}": b"" for number in range(PODS)}), writer)
        tracemalloc.start()
        await container_logs(gathering)
        written = await writer.finish(ABOUT)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert sum(file.bytes for file in written.index.files) == whole
    assert most < 25_000_000
