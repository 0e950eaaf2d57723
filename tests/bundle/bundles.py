"""Bundles made of a mapping, for tests: what goes in, and what is on disk afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from k8sops.bundle.index import About
from k8sops.bundle.port import Redacting
from k8sops.bundle.writing import Form, Written, a_bundle

NAME = "logs-desk-20261122T170000Z-ABC123"
ABOUT = About(
    made_by="k8sops test",
    made_at="2026-11-22T17:00:00.000Z",
    run="01JABC",
    actor="alice",
    cluster={"name": "desk"},
    selection={"namespaces": ["shop"]},
    since="2026-11-22T16:00:00.000Z",
    until="2026-11-22T17:00:00.000Z",
)


async def make(
    target: Path,
    files: Mapping[str, bytes],
    redacting: Redacting | None = None,
    *,
    piece: int = 0,
    **form: Any,
) -> Written:
    """A bundle with these files, each written in pieces of so many bytes."""
    async with a_bundle(Form(target, NAME, **form), redacting) as writer:
        for path, data in files.items():
            async with writer.file(path, source=f"/made/up/{path}") as file:
                step = piece or len(data) or 1
                for at in range(0, len(data), step):
                    await file.write(data[at : at + step])
        return await writer.finish(ABOUT)


def files_in(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def names_in(folder: Path) -> list[str]:
    """What stands in a folder."""
    return sorted(path.name for path in folder.iterdir())
