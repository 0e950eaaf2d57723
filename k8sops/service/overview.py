"""A cluster at a glance, kept true: live tables of the few kinds that tell trouble, and tiles asked for by the way.

What is shown is put together at most every two seconds, from rows that are there anyway; ten thousand pods cost one
watch and a look through their rows. Every part stands by itself: what may not be read, or does not answer, is told in
its own place.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.readonly import ReadOnlyCluster
from k8sops.core.clock import Clock
from k8sops.core.errors import ForbiddenError, K8sOpsError
from k8sops.core.overview import Fact, Gauge, Overview, Tile, Trouble
from k8sops.core.text import counted
from k8sops.service import overview_tiles as tiles
from k8sops.service.overview_feeds import KindFeed, KindTable, ended
from k8sops.service.overview_history import LAST_HOUR, Restarts, Warnings, last_hour
from k8sops.service.overview_looking import Looker
from k8sops.service.overview_suspects import (
    DAEMON_SETS,
    DEPLOYMENTS,
    JOBS,
    NODES,
    PODS,
    STATEFUL_SETS,
    WORKLOADS,
    Tables,
    suspects,
)

if TYPE_CHECKING:
    from k8sops.service.changing import Changing
    from k8sops.service.config import Config

ROUND_S: Final = 2.0
ANYWAY_S: Final = 10.0
"""So often it is put together though no row changed: what only starts becomes a trouble by time alone."""
CONTROL_PLANE_S: Final = 10.0
RUNS_S: Final = 3.0
BACKUPS_S: Final = 120.0
CERTIFICATES_S: Final = 600.0
WORKLOADS_TILE: Final = "workloads"
NODES_TILE: Final = "nodes"
EVENTS: Final = "events"
ORDER: Final = (
    tiles.CONTROL_PLANE,
    NODES_TILE,
    WORKLOADS_TILE,
    LAST_HOUR,
    tiles.APPROVALS,
    tiles.RUNS,
    tiles.BACKUPS,
    tiles.CERTIFICATES,
)
KINDS: Final = (PODS, *WORKLOADS, JOBS, NODES)

Ask = Callable[[], Awaitable[tuple[Tile, ...]]]


class OverviewWatch:
    """One look at one cluster, until `overviews` is closed."""

    def __init__(
        self,
        cluster: KubeCluster,
        changing: Callable[[], Changing],
        *,
        config: Config,
        namespace: str,
        clock: Clock,
        round_s: float = ROUND_S,
    ) -> None:
        """`namespace` is looked at where all may not be; `changing` opens the store when it is first asked for."""
        self._cluster = cluster
        self._reader = ReadOnlyCluster(cluster)
        self._changing = changing
        self._config = config
        self._clock = clock
        self._round_s = round_s
        self._changed = asyncio.Event()
        self._looker = Looker(self._reader, clock)
        self._tiles = {name: Tile(name=name) for name in ORDER}
        self._troubles: tuple[Trouble, ...] = ()
        self._feeds = {
            kind: KindFeed(self._reader, kind, namespace, clock, self._changed.set, namespaced=kind != NODES)
            for kind in KINDS
        }
        self._events = KindFeed(
            self._reader, EVENTS, namespace, clock, self._changed.set, field_selector="type=Warning"
        )
        self._restarts, self._warnings = Restarts(), Warnings()

    async def overviews(self) -> AsyncGenerator[Overview, None]:
        """The overview, at once with what is not known yet, then whenever it may have changed."""
        tasks = {
            asyncio.create_task(work, name=f"overview {name}")
            for name, work in (
                *((kind, feed.run()) for kind, feed in self._feeds.items()),
                (EVENTS, self._events.run()),
                ("control plane", self._asking((tiles.CONTROL_PLANE,), CONTROL_PLANE_S, self._control_plane)),
                ("certificates", self._asking((tiles.CERTIFICATES,), CERTIFICATES_S, self._certificates)),
                ("runs", self._asking((tiles.APPROVALS, tiles.RUNS), RUNS_S, self._runs)),
                ("backups", self._asking((tiles.BACKUPS,), BACKUPS_S, self._backups)),
                ("time", self._time()),
            )
        }
        try:
            yield self._overview()
            while True:
                await self._changed.wait()
                self._changed.clear()
                async with aclosing(self._looking()) as looking:
                    async for overview in looking:
                        yield overview
                await self._clock.sleep(self._round_s)
        finally:
            await ended(tasks)

    async def _looking(self) -> AsyncGenerator[Overview, None]:
        """What a look comes to; before, whatever is lost or found again while its questions are not answered.

        A connection that is swallowed leaves each of them open to its deadline, long after the feeds have noticed.
        """
        look = asyncio.create_task(self._look(), name="overview look")
        try:
            told = self._lost
            while not look.done():
                pause = asyncio.ensure_future(self._clock.sleep(self._round_s))
                await asyncio.wait({look, pause}, return_when=asyncio.FIRST_COMPLETED)
                await ended({pause})
                if not look.done() and self._lost != told:
                    told = self._lost
                    yield self._overview()
            await look
            yield self._overview()
        finally:
            await ended({look})

    # What is asked for every so often

    async def _asking(self, names: tuple[str, ...], every_s: float, ask: Ask) -> None:
        while True:
            try:
                told = await ask()
            except ForbiddenError as error:
                told = tuple(
                    Tile(name=name, gauge=Gauge.DENIED, text=f"not permitted: {error.message}")
                    for name in names
                )
            except K8sOpsError as error:
                told = tuple(Tile(name=name, gauge=Gauge.UNKNOWN, text=error.message) for name in names)
            except Exception as error:  # noqa: BLE001 - worker boundary: one tile's defect must not hide the others
                text = f"failed unexpectedly: {type(error).__name__}: {error}"
                told = tuple(Tile(name=name, gauge=Gauge.UNKNOWN, text=text) for name in names)
            for tile in told:
                self._set(tile)
            await self._clock.sleep(every_s)

    async def _control_plane(self) -> tuple[Tile, ...]:
        return (await tiles.control_plane(self._reader, self._clock),)

    async def _certificates(self) -> tuple[Tile, ...]:
        return (await tiles.certificates(self._cluster, self._reader, self._clock.now()),)

    async def _runs(self) -> tuple[Tile, ...]:
        changing = await self._opened()
        return await tiles.run_tiles(changing.records, self._cluster.info.uid)

    async def _backups(self) -> tuple[Tile, ...]:
        storage = (await self._opened()).storage
        return (await tiles.backups(self._config, storage, self._cluster.info.uid, self._clock),)

    async def _opened(self) -> Changing:
        # Loading an engine takes a second of a core: rows and keys must not wait for it.
        await asyncio.to_thread(importlib.import_module, "k8sops.service.changing")
        return self._changing()

    async def _time(self) -> None:
        while True:
            await self._clock.sleep(ANYWAY_S)
            self._changed.set()

    def _set(self, tile: Tile) -> None:
        if self._tiles[tile.name] != tile:
            self._tiles[tile.name] = tile
            self._changed.set()

    # What the rows tell

    async def _look(self) -> None:
        found = {kind: table for kind, feed in self._feeds.items() if (table := feed.table) is not None}
        tables = Tables(found)
        self._tiles[LAST_HOUR] = self._last_hour_tile(found.get(PODS))
        try:
            self._troubles = await self._looker.troubles(suspects(tables, self._clock.now()))
        except K8sOpsError as error:
            text = f"what is in trouble cannot be looked into: {error.message}"
            self._tiles[WORKLOADS_TILE] = Tile(name=WORKLOADS_TILE, gauge=Gauge.UNKNOWN, text=text)
            return
        nodes = tuple(one for one in self._troubles if one.kind == NODES)
        self._tiles[NODES_TILE] = self._nodes_tile(tables, nodes)
        tile = self._workloads_tile(tables, len(self._troubles) - len(nodes))
        self._tiles[WORKLOADS_TILE] = msgspec.structs.replace(tile, facts=self._by_kind(tables))

    def _nodes_tile(self, tables: Tables, troubled: tuple[Trouble, ...]) -> Tile:
        feed = self._feeds[NODES]
        if feed.gauge is not Gauge.OK:
            return Tile(name=NODES_TILE, gauge=feed.gauge, text=feed.why)
        total, down = len(tables.rows(NODES)), [one for one in troubled if one.gauge is Gauge.BAD]
        words = [counted(total, "node")]
        words.append(f"{len(down)} not ready" if down else "all ready")
        if other := len(troubled) - len(down):
            words.append(f"{other} cordoned or under pressure")
        gauge = Gauge.BAD if down else Gauge.WARN if troubled else Gauge.OK
        return Tile(name=NODES_TILE, gauge=gauge, text=", ".join(words))

    def _workloads_tile(self, tables: Tables, troubled: int) -> Tile:
        kinds = (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, JOBS, PODS)
        unread = [(kind, self._feeds[kind]) for kind in kinds if self._feeds[kind].gauge is not Gauge.OK]
        if any(feed.gauge is Gauge.WAITING for _, feed in unread):
            why = next((feed.why for _, feed in unread if feed.why), "")
            return Tile(name=WORKLOADS_TILE, text=why)
        if len(unread) == len(kinds):
            return Tile(name=WORKLOADS_TILE, gauge=unread[0][1].gauge, text=unread[0][1].why)
        total = sum(len(tables.rows(kind)) for kind in WORKLOADS)
        words = [f"{counted(total, 'workload')}, {counted(len(tables.rows(PODS)), 'pod')}"]
        words.append(f"{troubled} in trouble" if troubled else "none in trouble")
        words += dict.fromkeys(
            feed.why for feed in self._feeds.values() if feed.gauge is Gauge.OK and feed.why
        )
        words += [feed.why for _, feed in unread]
        gauge = Gauge.OK if not troubled and not unread else Gauge.WARN
        if any(one.gauge is Gauge.BAD and one.kind != NODES for one in self._troubles):
            gauge = Gauge.BAD
        return Tile(name=WORKLOADS_TILE, gauge=gauge, text="; ".join(words))

    def _by_kind(self, tables: Tables) -> tuple[tuple[str, tuple[Fact, ...]], ...]:
        facts = []
        for kind in (*WORKLOADS, JOBS, PODS):
            feed, label = self._feeds[kind], kind.partition(".")[0]
            if feed.gauge is not Gauge.OK:
                facts.append(Fact(label=label, text=feed.why or "loading …", gauge=feed.gauge))
                continue
            ill = [one.gauge for one in self._troubles if one.kind == kind]
            gauge = Gauge.BAD if Gauge.BAD in ill else Gauge.WARN if ill else Gauge.OK
            words = f"{len(tables.rows(kind)):,}, {f'{len(ill)} in trouble' if ill else 'none in trouble'}"
            facts.append(Fact(label=label, text=f"{words}; {feed.why}" if feed.why else words, gauge=gauge))
        # A pod that is a controller's counts as its controller's trouble.
        return (("by kind", tuple(facts)),)

    def _last_hour_tile(self, pods: KindTable | None) -> Tile:
        now, feeds = self._clock.now(), (self._feeds[PODS], self._events)
        if all(feed.gauge is Gauge.WAITING for feed in feeds):
            return Tile(name=LAST_HOUR)
        if pods is not None:
            self._restarts.see(*pods, now)
        if self._events.table is not None:
            self._warnings.see(*self._events.table, now)
        return last_hour(
            self._restarts.hour.counts(now) if feeds[0].gauge is Gauge.OK else None,
            self._warnings.hour.counts(now) if feeds[1].gauge is Gauge.OK else None,
            [feed.why for feed in feeds if feed.why],
        )

    @property
    def _lost(self) -> tuple[str, datetime | None]:
        return next((feed.lost for feed in self._feeds.values() if feed.lost[0]), ("", None))

    def _overview(self) -> Overview:
        why, since = self._lost
        return Overview(
            at=self._clock.now(),
            tiles=tuple(self._tiles[name] for name in ORDER),
            troubles=self._troubles,
            lost=why,
            lost_since=since,
        )
