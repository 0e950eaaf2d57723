"""Two sandboxes with a company and its history each; the second one's was interrupted half-way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.sandbox.people import kubeconfigs
from k8sops.sandbox.pytest_plugin import in_thread
from k8sops.sandbox.seed import seed
from k8sops.service.history import HistoryReport, Place, make_history

INTERRUPTED_AT = "cart-down"
"""By then gateway is at its older release and cart has a pod more than the company wants."""


class Acme(msgspec.Struct, frozen=True):
    """A sandbox with its history."""

    handle: SandboxHandle
    place: Place
    people: dict[str, Path]
    report: HistoryReport

    @property
    def kubeconfigs(self) -> dict[str, Path]:
        """Of all who take part."""
        return {"admin": self.handle.kubeconfig, **self.people}


class Two(msgspec.Struct, frozen=True):
    """Both, and where the user's own files would be."""

    whole: Acme
    resumed: Acme
    own_folder: Path


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """Of their own: a history of nodes and people must not meet other tests."""
    manager = SandboxManager(tmp_path_factory.mktemp("acme"))
    own = tmp_path_factory.mktemp("own") / "data"
    now = datetime.now(UTC)
    try:
        with pytest.MonkeyPatch.context() as environ:
            environ.setenv("XDG_DATA_HOME", str(own))
            whole, resumed = in_thread(lambda: _both(manager, now))
        yield Two(whole, resumed, own)
    finally:
        for name in ("whole", "resumed"):
            in_thread(lambda name=name: manager.down(name))  # type: ignore[misc]


async def _both(manager: SandboxManager, now: datetime) -> tuple[Acme, Acme]:
    """Side by side: each waits for pods of its own."""
    async with asyncio.TaskGroup() as group:
        whole = group.create_task(_acme(manager, "whole", now, interrupt=False))
        resumed = group.create_task(_acme(manager, "resumed", now, interrupt=True))
    return whole.result(), resumed.result()


async def _acme(manager: SandboxManager, name: str, now: datetime, *, interrupt: bool) -> Acme:
    handle = await manager.up(name)
    await seed(handle.kubeconfig, progress=lambda _: None)
    people = kubeconfigs(manager, name)
    place = Place(handle.folder / "k8sops")
    everybody = {"admin": handle.kubeconfig, **people}
    if interrupt:
        await _interrupted(place, everybody, now)
        assert not place.exists
        await seed(handle.kubeconfig, progress=lambda _: None)
    report = await make_history(place, everybody, now=now)
    return Acme(handle, place, people, report)


async def _interrupted(place: Place, everybody: dict[str, Path], now: datetime) -> None:
    task: asyncio.Task[HistoryReport]

    def say(line: str) -> None:
        if line.endswith(INTERRUPTED_AT):
            task.cancel()

    task = asyncio.create_task(make_history(place, everybody, now=now, say=say))
    with pytest.raises(asyncio.CancelledError):
        await task
