"""Whether an API server still answers, asked once for everybody who has not heard from it for a while.

A connection that is swallowed on its way (a VPN gone, a firewall's state lost) says nothing for ever, and a quiet watch
says nothing for a minute either. Any answer is one, a refusal too: it is the way there that is in doubt.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Final

from k8sops.core.clock import Clock
from k8sops.core.errors import K8sOpsError, UnreachableError

if TYPE_CHECKING:
    from k8sops.cluster.transport import Transport

DEADLINE_S: Final = 4.0
"""An API server that has not sent headers to a request as cheap as this is of no use to whoever looks on."""


class Pulse:
    """Of one API server, for all views of its transport."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._asking: asyncio.Task[None] | None = None
        self._asked_at = float("-inf")
        self.answered_at: datetime | None = None
        """When it last answered a question of ours."""

    async def ask(self, every_s: float) -> float:
        """When it was asked, on the loop's clock: now, or less than `every_s` ago. Raises UnreachableError."""
        now = asyncio.get_running_loop().time()
        if self._asking is None or (self._asking.done() and now - self._asked_at >= every_s):
            self._asked_at = now
            self._asking = asyncio.create_task(self._ask(), name="whether the API server answers")
            # Whoever asked may have gone before there was an answer.
            self._asking.add_done_callback(lambda task: task.cancelled() or task.exception())
        asked_at = self._asked_at
        await asyncio.shield(self._asking)
        return asked_at

    async def _ask(self) -> None:
        try:
            async with self._transport.stream(
                "/readyz",
                accept="*/*",
                connect_deadline_s=DEADLINE_S,
                counted=False,
                subject="asking for a sign of life",
            ):
                pass
        except UnreachableError:
            raise
        except K8sOpsError:
            # It was refused, so somebody is there.
            pass
        self.answered_at = self._clock.now()

    async def aclose(self) -> None:
        """Ask no more. Idempotent."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
