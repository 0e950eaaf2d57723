"""Which of the requests that wait are for the person at this screen to decide, and which for others.

Policy is asked run by run. A refusal stands for as long as the request waits; a yes is asked again, since a vote ends
it. Only so many are asked about at a time, those longest ago first: a long queue must not hold up the screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from k8sops.core.actor import Actor
from k8sops.core.errors import NoSuchRunError

if TYPE_CHECKING:
    from k8sops.core.ops import Ops
    from k8sops.core.run import RunId, RunSummary

MOST_ASKED: Final = 20


class OwnVotes:
    """What was found out about the requests that wait on the cluster looked at."""

    def __init__(self) -> None:
        self._counts: dict[tuple[Actor, RunId], bool] = {}

    async def among(self, ops: Ops, actor: Actor, waiting: Sequence[RunSummary]) -> tuple[RunSummary, ...]:
        """Those on which the actor's approval would count, as far as was asked by now. Raises what the store does."""
        wanted = {(actor, run.id): run for run in waiting}
        counts = {key: found for key, found in self._counts.items() if key in wanted}
        new = [key for key in wanted if key not in counts]
        again = [key for key, found in counts.items() if found]
        for key in (*new, *again)[:MOST_ASKED]:
            counts.pop(key, None)
            counts[key] = await _would_count(ops, key[1], actor)
        self._counts = counts
        return tuple(run for key, run in wanted.items() if counts.get(key))


async def _would_count(ops: Ops, run: RunId, actor: Actor) -> bool:
    try:
        return not await ops.approval_refused(run, actor)
    except NoSuchRunError:
        return False
