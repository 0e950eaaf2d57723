"""What the actions on a repository share: its step's target, and progress told while work goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec

from k8sops.actions.backups.ports import OpenRepository
from k8sops.backup.signed import Signer
from k8sops.core.errors import ReadOnlyError
from k8sops.core.events import Emission, Progress
from k8sops.core.journal import Journal
from k8sops.core.plan import Target

EVERY_S: Final = 1.0

T = TypeVar("T")
Told = Callable[[], tuple[str, Progress]]


def repository_target(found: OpenRepository) -> Target:
    """The repository as what a step is on; two runs on one repository wait for each other."""
    return Target(kind="repositories", name=found.vault.id)


def signer_of(found: OpenRepository) -> Signer:
    """Who signs what is written. Raises ReadOnlyError where only reading was asked for."""
    if found.signer is None:
        raise ReadOnlyError(f"{found.location} was opened for reading only")
    return found.signer


async def told_while(journal: Journal, step: str, work: Awaitable[T], told: Told) -> T:
    """Await the work, telling about once a second how far it is; what cannot be told any more ends the work.

    Raises what the work raises, and what the journal does where the run is another carrier's by now: whoever lost its
    lease must not go on deleting or writing.
    """

    async def tell() -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            text, progress = told()
            data = msgspec.to_builtins(progress)
            await journal.tell(Emission(kind="progress", step=step, text=text, data=data))

    teller, worker = asyncio.ensure_future(tell()), asyncio.ensure_future(work)
    try:
        await asyncio.wait((teller, worker), return_when=asyncio.FIRST_COMPLETED)
        if not worker.done():
            teller.result()
        return await worker
    finally:
        for task in (teller, worker):
            task.cancel()
        await asyncio.gather(teller, worker, return_exceptions=True)
