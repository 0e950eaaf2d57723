"""Sessions at the seam: a `core.sessions.Sessions` that begins nothing and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from k8sops.core.actor import Actor
from k8sops.core.errors import DeniedError, K8sOpsError
from k8sops.core.sessions import Consent, Copied, SessionWanted, Terminal

SINCE = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


class Forwarded:
    """A `core.sessions.Forwarding`."""

    def __init__(self, number: str, wanted: SessionWanted, since: datetime = SINCE) -> None:
        self.id, self.wanted, self.since = number, wanted, since
        self.local_port = wanted.local_port or 40_001
        self.pod = wanted.name
        self.connections = 0
        self.trouble = ""


class FakeSessions:
    """A `core.sessions.Sessions` that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[SessionWanted, Consent]] = []
        self.refusals: list[K8sOpsError] = []
        """Raised one after another before anything is begun."""
        self.running: tuple[str, ...] = ("app",)
        self.open: list[Forwarded] = []
        self.before: Callable[[], Awaitable[object]] | None = None
        """Waited for before a terminal is had."""
        self.given_up = 0
        self.stopped: list[str] = []

    def _begin(self, wanted: SessionWanted, consent: Consent) -> None:
        self.asked.append((wanted, consent))
        if self.refusals:
            raise self.refusals.pop(0)

    @asynccontextmanager
    async def terminal(
        self, wanted: SessionWanted, actor: Actor, consent: Consent
    ) -> AsyncIterator[Terminal]:
        if self.before is None:
            self._begin(wanted, consent)
        else:
            self.asked.append((wanted, consent))
            try:
                await self.before()
            except asyncio.CancelledError:
                self.given_up += 1
                raise
            if self.refusals:
                raise self.refusals.pop(0)
        yield _none()

    async def forward(self, wanted: SessionWanted, actor: Actor, consent: Consent) -> Forwarded:
        self._begin(wanted, consent)
        self.open.append(Forwarded(f"session-{len(self.open)}", wanted))
        return self.open[-1]

    @property
    def forwardings(self) -> tuple[Forwarded, ...]:
        return tuple(self.open)

    async def stop(self, forwarding: str) -> None:
        self.stopped.append(forwarding)
        self.open = [one for one in self.open if one.id != forwarding]

    async def copy(self, wanted: SessionWanted, actor: Actor, consent: Consent) -> Copied:
        self._begin(wanted, consent)
        return Copied(files=2, bytes=1_234, where=str(wanted.local))

    async def ports(self, wanted: SessionWanted) -> tuple[int, ...]:
        return (80, 9_090)

    async def containers(self, wanted: SessionWanted) -> tuple[str, ...]:
        return self.running


def _none() -> Terminal:
    raise DeniedError("policy refuses it")
