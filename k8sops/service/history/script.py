"""What happened at Acme: one day and one night, moment by moment. The cluster looks afterwards as it did before.

Moments that run are chosen to be quick: each waits for real pods. The nightly backup began two nights earlier. Between
two of them something always changes: what a backup has to store decides how many commits it makes, and so its times.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from k8sops.core.run import RunState
from k8sops.service.history.moments import (
    Asked,
    Done,
    Drained,
    GrantAsked,
    GrantVoted,
    Lapsed,
    Moment,
    NightShift,
    Paused,
    Scheduled,
    Undone,
    Voted,
)


def _today(clock: str) -> timedelta:
    hours, minutes = clock.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _yesterday(clock: str) -> timedelta:
    return _before(1, clock)


def _before(days: int, clock: str) -> timedelta:
    return _today(clock) - timedelta(days=days)


def _backed_up(name: str, days: int) -> NightShift:
    """A night's backup, by a worker that comes up for it."""
    return NightShift(
        name=name, at=_before(days, "04:15"), who="alice", schedule="nightly-backup",
        takes=_seconds(0), until=_before(days, "04:20"),
    )  # fmt: skip


def _seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


PULL_PATIENCE_S: Final = 5
"""How long the failed rollout waits for an image that never comes; real seconds, each of them the seed's."""

SCRIPT: Final[tuple[Moment, ...]] = (
    Scheduled(
        name="nightly-backup", at=_before(3, "16:00"), who="alice", reason="everything, every night",
        action="backup", params={
            "name": "nightly", "exclude_kinds": ["*.metrics.k8s.io"], "keep_daily": 14, "keep_weekly": 8,
        },
        cron="15 4 * * *", alert_after=timedelta(hours=26),
    ),
    _backed_up("first-backup", 2),
    Done(
        name="memory-out", at=_before(2, "21:10"), who="alice", reason="a memory module fails",
        action="cordon", params={"nodes": ["node-4"]}, takes=_seconds(0),
    ),
    _backed_up("second-backup", 1),
    Done(
        name="memory-in", at=_yesterday("06:20"), who="alice", reason="the module is replaced",
        action="uncordon", params={"nodes": ["node-4"]}, takes=_seconds(0),
    ),
    Drained(
        name="disk-full", at=_yesterday("07:30"), who="alice", reason="the page cache fills this node's disk",
        namespace="shop", app="web", takes=_seconds(2),
    ),
    Undone(name="disk-cleared", at=_yesterday("07:50"), who="alice", run="disk-full", takes=_seconds(0)),
    Scheduled(
        name="grafana-restart", at=_yesterday("08:55"), who="alice", reason="Grafana leaks memory",
        action="restart", params={"targets": ["deployment/grafana"], "namespace": "monitoring"},
        cron="0 3 * * *",
    ),
    Scheduled(
        name="web-at-night", at=_yesterday("09:02"), who="alice", reason="two web servers do at night",
        action="scale", params={"targets": ["deployment/web"], "replicas": 2, "namespace": "shop"},
        cron="0 22 * * *",
    ),
    Scheduled(
        name="report-builder-restart", at=_yesterday("09:10"), who="alice",
        reason="it runs out of memory; a fresh one gets a report done now and then",
        action="restart", params={"targets": ["deployment/report-builder"], "namespace": "legacy"},
        cron="0 5,17 * * *", alert_after=timedelta(hours=12),
    ),
    GrantAsked(
        name="scale-in-shop", at=_yesterday("09:30"), who="bob", reason="spring sale: traffic comes in waves",
        actions=("scale",), namespaces=("shop",), lasts=timedelta(days=7),
    ),
    GrantVoted(name="scale-in-shop-granted", at=_yesterday("09:41"), who="alice", grant="scale-in-shop"),
    Done(
        name="cart-up", at=_yesterday("10:05"), who="bob", reason="newsletter goes out at 10:15",
        action="scale", params={"targets": ["deployment/cart"], "replicas": 4, "namespace": "shop"},
        takes=_seconds(4),
    ),
    Asked(
        name="gateway-restart", at=_yesterday("11:20"), who="bob", reason="gateway answers slowly",
        action="restart", params={"targets": ["deployment/gateway"], "namespace": "payments"},
        comes_to=RunState.DENIED,
    ),
    Done(
        name="node-closed", at=_yesterday("13:10"), who="alice", reason="new disk firmware",
        action="cordon", params={"nodes": ["node-3"]}, takes=_seconds(0),
    ),
    Done(
        name="node-opened", at=_yesterday("13:52"), who="alice", reason="firmware is in",
        action="uncordon", params={"nodes": ["node-3"]}, takes=_seconds(0),
    ),
    Asked(
        name="catalog-restart", at=_yesterday("14:00"), who="bob", reason="new price list",
        action="restart", params={"targets": ["deployment/catalog"], "namespace": "shop"},
    ),
    Voted(
        name="carol-tries", at=_yesterday("14:30"), who="carol", reason="looks fine to me",
        run="catalog-restart", verdict="approve", refused=True,
    ),
    Asked(
        name="web-restart", at=_yesterday("15:15"), who="bob", reason="clears the page cache",
        action="restart", params={"targets": ["deployment/web"], "namespace": "shop"},
    ),
    Voted(
        name="web-restart-denied", at=_yesterday("15:31"), who="alice", reason="not before the evening peak",
        run="web-restart", verdict="deny",
    ),
    Done(
        name="evening-peak", at=_yesterday("17:45"), who="alice", reason="evening peak",
        action="scale", params={"targets": ["deployment/web"], "replicas": 5, "namespace": "shop"},
        takes=_seconds(5),
    ),
    Lapsed(name="nobody-answered", at=_yesterday("18:01"), who="bob", run="catalog-restart"),
    Paused(
        name="web-stays", at=_yesterday("18:30"), who="alice", schedule="web-at-night",
        reason="checkout is down; the web servers stay until it is back",
    ),
    Done(
        name="gateway-back", at=_yesterday("20:20"), who="alice", reason="2.4.0 cannot be pulled",
        action="rollback", params={"targets": ["deployment/gateway"], "namespace": "payments"},
        takes=_seconds(3),
    ),
    Done(
        name="cart-down", at=_yesterday("21:00"), who="bob", reason="the wave is over",
        action="scale", params={"targets": ["deployment/cart"], "replicas": 3, "namespace": "shop"},
        takes=_seconds(2),
    ),
    Undone(name="peak-over", at=_yesterday("22:10"), who="alice", run="evening-peak", takes=_seconds(2)),
    Done(
        name="gateway-again", at=_today("02:00"), who="alice",
        reason="payments says that 2.4.0 is in the registry now",
        action="rollback",
        params={
            "targets": ["deployment/gateway"], "namespace": "payments", "timeout": f"{PULL_PATIENCE_S}s",
        },
        takes=_seconds(PULL_PATIENCE_S), comes_to=RunState.FAILED,
    ),
    NightShift(
        name="night-shift", at=_today("03:00"), who="alice", schedule="grafana-restart",
        takes=_seconds(3), until=_today("04:00"),
    ),
    _backed_up("last-backup", 0),
    Asked(
        name="checkout-back", at=_today("05:40"), who="bob",
        reason="3.0.4 does without PAYMENTS_DSN, which only gateway 2.4.0 brings",
        action="rollback", params={"targets": ["deployment/checkout"], "namespace": "shop"},
    ),
)  # fmt: skip
