"""The tiles of an overview that are asked for every so often: control plane, certificates, runs, backups.

Each is one question and one sentence. What a tile may not read it raises, and is told by itself; none waits for
another, nor for the store where it asks the cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from k8sops.cluster.certificates import server_certificate_ends, tls_secrets_end
from k8sops.cluster.health import SILENT, ask_ready, leaders
from k8sops.core.clock import Clock
from k8sops.core.errors import ForbiddenError, K8sOpsError
from k8sops.core.moments import in_words
from k8sops.core.overview import Fact, Gauge, Tile
from k8sops.core.run import RunFilter, RunState, RunSummary
from k8sops.core.text import counted

if TYPE_CHECKING:
    from k8sops.cluster.client import KubeCluster
    from k8sops.cluster.readonly import ReadOnlyCluster
    from k8sops.service.config import Config
    from k8sops.service.records import Records
    from k8sops.service.rpo import Objective, Standing
    from k8sops.service.storing import Storage

CONTROL_PLANE: Final = "control plane"
CERTIFICATES: Final = "certificates"
APPROVALS: Final = "approvals"
RUNS: Final = "runs"
BACKUPS: Final = "backups"

SOON: Final = timedelta(days=30)
"""A certificate that ends within this is told."""
LATE: Final = timedelta(days=7)
MOST_RUNS: Final = 200


async def control_plane(reader: ReadOnlyCluster, clock: Clock) -> Tile:
    """Version, readiness, and who of the control plane is silent. Raises what the cluster answers."""
    version = await reader.server_version()
    try:
        await ask_ready(reader.transport)
    except ForbiddenError:
        ready = "answers; whether it is ready may not be asked"
    else:
        ready = "ready"
    now, elected = clock.now(), await leaders(reader)
    silent = [(name, at) for name, _, at in elected if now - at > SILENT]
    parts = [version, ready]
    parts += [f"{name} has been silent since {at:%H:%M:%S} UTC" for name, at in silent]
    gauge = Gauge.BAD if silent else Gauge.OK
    api = (Fact(label="version", text=version), Fact(label="server", text=reader.info.server))
    told = tuple(
        Fact(
            label=name,
            text=f"led by {holder}, who renewed the lease then",
            gauge=Gauge.BAD if now - at > SILENT else Gauge.OK,
            at=at,
        )
        for name, holder, at in elected
    ) or (
        Fact(
            label="",
            text="no leases can be seen: it is run elsewhere, or as one replica",
            gauge=Gauge.UNKNOWN,
        ),
    )
    facts = (("API server", (*api, Fact(label="readiness", text=ready))), ("elected leaders", told))
    return Tile(name=CONTROL_PLANE, gauge=gauge, text=", ".join(parts), facts=facts)


async def certificates(cluster: KubeCluster, reader: ReadOnlyCluster, now: datetime) -> Tile:
    """The certificates that can be seen and end soonest. Raises UnreachableError, CredentialsError."""
    credentials = cluster.transport.credentials
    seen: list[tuple[datetime, str]] = []
    hidden = ""
    if ends := await server_certificate_ends(credentials):
        seen.append((ends, "the API server's"))
    if ends := await credentials.client_certificate_ends():
        seen.append((ends, "yours"))
    try:
        async with aclosing(tls_secrets_end(reader)) as secrets:
            async for namespace, name, ends in secrets:
                seen.append((ends, f"Secret {namespace}/{name}"))
    except ForbiddenError:
        hidden = "those in Secrets: not permitted"
    return certificates_tile(seen, now, hidden=hidden)


def certificates_tile(seen: Iterable[tuple[datetime, str]], now: datetime, *, hidden: str = "") -> Tile:
    """What to say of certificates, each by its end and whose it is."""
    ordered = sorted(seen)
    if not ordered:
        text = "none can be seen from here"
        return Tile(
            name=CERTIFICATES, gauge=Gauge.UNKNOWN, text="; ".join(part for part in (text, hidden) if part)
        )
    ends, whose = ordered[0]
    soon = sum(1 for end, _ in ordered if end - now < SOON)
    gauge = Gauge.BAD if ends - now < LATE else Gauge.WARN if soon else Gauge.OK
    first = f"{whose} {_in_days(ends, now)}"
    rest = [f"{counted(soon - 1, 'more', 'more')} within 30 days"] if soon > 1 else []
    if not soon:
        first = f"{counted(len(ordered), 'seen', 'seen')}, the next to end: {first}"
    text = "; ".join([first, *rest, *([hidden] if hidden else [])])
    facts = (("certificates, the next to end first", tuple(_certificate(*one, now) for one in ordered)),)
    return Tile(name=CERTIFICATES, gauge=gauge, text=text, facts=facts)


def _certificate(ends: datetime, whose: str, now: datetime) -> Fact:
    left = ends - now
    gauge = Gauge.BAD if left < LATE else Gauge.WARN if left < SOON else Gauge.OK
    return Fact(label=whose, text=_in_days(ends, now), gauge=gauge)


def _in_days(ends: datetime, now: datetime) -> str:
    left = ends - now
    if left <= timedelta():
        return f"ended on {ends:%Y-%m-%d %H:%M} UTC"
    if left < timedelta(days=2):
        return f"ends in {in_words(left.total_seconds())}"
    return f"ends in {left.days} days, {ends:%Y-%m-%d}"


async def run_tiles(records: Records, cluster_uid: str) -> tuple[Tile, Tile]:
    """What waits for a yes, and what runs, on this cluster. Raises what the store raises."""
    states = (RunState.AWAITING_APPROVAL, RunState.QUEUED, RunState.RUNNING, RunState.NEEDS_REVIEW)
    found = await records.runs(RunFilter(states=states, cluster_uid=cluster_uid, limit=MOST_RUNS))
    return runs_said(found)


def runs_said(found: Sequence[RunSummary]) -> tuple[Tile, Tile]:
    """The same from the runs."""
    waiting = [run for run in found if run.state is RunState.AWAITING_APPROVAL]
    doubtful = [run for run in found if run.state is RunState.NEEDS_REVIEW]
    moving = [run for run in found if run.state in {RunState.QUEUED, RunState.RUNNING}]
    approvals = Tile(name=APPROVALS, gauge=Gauge.OK, text="nothing waits for a yes")
    if waiting:
        verb = "waits" if len(waiting) == 1 else "wait"
        text = f"{len(waiting)} {verb} for a yes: {_named(waiting[0])}{_more(waiting)}"
        approvals = Tile(name=APPROVALS, gauge=Gauge.WARN, text=text)
    parts = []
    if doubtful:
        verb = "needs" if len(doubtful) == 1 else "need"
        parts.append(f"{len(doubtful)} {verb} review: {_named(doubtful[0])}{_more(doubtful)}")
    if moving:
        parts.append(f"{len(moving)} under way: {_named(moving[0])}{_more(moving)}")
    gauge = Gauge.WARN if doubtful else Gauge.OK
    return approvals, Tile(name=RUNS, gauge=gauge, text="; ".join(parts) or "nothing is being carried out")


def _named(run: RunSummary) -> str:
    return f"{run.action} by {run.who}, {run.headline}"


def _more(runs: Sequence[RunSummary]) -> str:
    return f", and {len(runs) - 1} more" if len(runs) > 1 else ""


async def backups(config: Config, storage: Storage, cluster_uid: str, clock: Clock) -> Tile:
    """The newest complete backups against what is allowed. Writes nothing. Raises UsageError."""
    from k8sops.core.clock import UlidSource
    from k8sops.service.repositories import ConfiguredRepositories
    from k8sops.service.rpo import configured_objectives, scheduled_objectives, standing
    from k8sops.service.seen import SeenOnlyRead

    objectives = configured_objectives(config)
    unread = ""
    database = None
    try:
        database = await storage.database()
        objectives += await database.read(lambda tx: scheduled_objectives(tx, cluster_uid))
    except K8sOpsError as error:
        unread = f"schedules cannot be read: {error.message}"
    if not objectives and not (config.repository or config.repositories):
        return Tile(name=BACKUPS, gauge=Gauge.WARN, text=unread or "no repository is configured")
    repositories = ConfiguredRepositories(config, storage, clock, UlidSource(), seen=SeenOnlyRead(database))
    wanted: list[Objective] = objectives or [_any_age()]
    stands = [await standing(repositories, one, cluster_uid, clock.now()) for one in wanted]
    return backups_said(stands, clock.now(), unread=unread)


def _any_age() -> Objective:
    from k8sops.service.rpo import Objective

    return Objective(repository="", span=timedelta.max, said="")


def backups_said(stands: Sequence[Standing], now: datetime, *, unread: str = "") -> Tile:
    """What to say of how repositories stand: the overdue ones, else the oldest of the newest."""
    tile = _backups_tile(stands, now, unread=unread)
    return msgspec.structs.replace(tile, facts=(("repositories", tuple(_stand(one, now) for one in stands)),))


def _stand(one: Standing, now: datetime) -> Fact:
    label, has_span = one.objective.repository or "default repository", one.objective.span != timedelta.max
    if overdue := one.overdue(now) if has_span else "":
        return Fact(label=label, text=overdue, gauge=Gauge.BAD, at=one.newest)
    if one.newest is None:
        return Fact(label=label, text=one.trouble or "there is no complete backup yet", gauge=Gauge.WARN)
    allowed = in_words(one.objective.span.total_seconds()) if has_span else ""
    said = f"; {one.objective.said} allows {allowed}" if allowed else "; no objective says how old it may be"
    return Fact(label=label, text=f"the newest complete backup was begun then{said}", at=one.newest)


def _backups_tile(stands: Sequence[Standing], now: datetime, *, unread: str) -> Tile:
    overdue = [text for one in stands if (text := one.overdue(now))] if _has_span(stands) else []
    if overdue:
        more = f"; and {len(overdue) - 1} more" if len(overdue) > 1 else ""
        return Tile(name=BACKUPS, gauge=Gauge.BAD, text=f"{overdue[0]}{more}")
    known = [(one.newest, one) for one in stands if one.newest is not None]
    if not known:
        trouble = next((one.trouble for one in stands if one.trouble), "there is no complete backup yet")
        return Tile(name=BACKUPS, gauge=Gauge.WARN, text=trouble)
    newest, one = min(known, key=lambda pair: pair[0])
    age = in_words((now - newest).total_seconds())
    text = f"the newest complete backup is {age} old"
    if _has_span(stands):
        text = f"{text}; {one.objective.said} allows {in_words(one.objective.span.total_seconds())}"
    else:
        text = f"{text}; no objective says how old it may be"
    return Tile(name=BACKUPS, gauge=Gauge.OK, text=f"{text}; {unread}" if unread else text)


def _has_span(stands: Sequence[Standing]) -> bool:
    return any(one.objective.span != timedelta.max for one in stands)
