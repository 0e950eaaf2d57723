"""What a bot says of itself to a supervisor: whether it reaches its store and its chat, and its figures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import distinct, func, select

from k8sops import __version__
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.core.errors import K8sOpsError
from k8sops.engine.health import Check, Figures, HealthServer
from k8sops.service.chat.doors import CARDS, INBOX
from k8sops.service.config import Config
from k8sops.service.storing import Storage
from k8sops.service.worker_health import figures
from k8sops.store.database import Database, Tx
from k8sops.store.schema import door_state

_RUN: Final = 26
"""The length of a run's id, with which the keys of cards begin."""
_UNKNOWN: Final = float("nan")


@asynccontextmanager
async def told_health(
    config: Config, connected: Check, families: CollectorRegistry, port: int, say: Callable[[str], None]
) -> AsyncIterator[HealthServer]:
    """Answer a supervisor until the block ends; `families` are shown with the store's figures.

    Raises UsageError where the port cannot be had, and what opening the store raises.
    """
    storage = Storage(config, SystemClock(), UlidSource())
    try:
        database = await storage.database()

        async def store() -> None:
            await database.read(lambda tx: tx.now())

        shown = _Shown(database, connected, families)
        checks = {"store": store, "slack": connected}
        server = HealthServer(checks, shown.figures, version=__version__, registry=families)
        host, taken = await server.start(port=port)
        say(f"health on http://{host}:{taken}/healthz, /readyz and /metrics")
        try:
            yield server
        finally:
            await server.aclose()
    finally:
        await storage.aclose()


class _Shown:
    """What the chat adds to a worker's figures."""

    def __init__(self, database: Database, connected: Check, families: CollectorRegistry) -> None:
        self._database = database
        self._connected = connected

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"k8sops_slack_{name}", text, registry=families)

        self._up = gauge("connected", "Whether Slack reaches this bot.")
        self._runs = gauge("runs_shown", "Runs of which a message stands in Slack.")
        self._asked = gauge("asked_open", "What was asked for and is not done yet, by any bot.")

    async def figures(self) -> Figures:
        """Of the store, read once; runs that this process carries are its workers' to know."""
        try:
            await self._connected()
        except K8sOpsError:
            self._up.set(0)
        else:
            self._up.set(1)
        runs = asked = _UNKNOWN
        try:
            runs, asked, known = await self._database.read(_counted)
        finally:
            self._runs.set(runs)
            self._asked.set(asked)
        return known


def _counted(tx: Tx) -> tuple[float, float, Figures]:
    run = func.substr(door_state.c.key, 1, _RUN)
    runs = select(func.count(distinct(run))).where(door_state.c.door == CARDS)
    # What is done leaves its key alone.
    asked = select(func.count()).where(door_state.c.door == INBOX, door_state.c.value != "")
    return tx.execute(runs).scalar_one(), tx.execute(asked).scalar_one(), figures(tx, None)
