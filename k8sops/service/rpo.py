"""Recovery point objectives: how old the newest complete backup may be, and telling everybody when it is older.

An objective stands with a repository in the configuration, or on a schedule that makes backups. What is looked at is
the repository itself, not what a run said of it: a backup that was removed or cannot be read protects nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from k8sops.actions.backups.ports import OpenRepository, Repositories
from k8sops.backup.selection import choice_key, selection_json
from k8sops.backup.vault.manifests import body_of, load_chain
from k8sops.core.actor import Actor
from k8sops.core.audit import AuditEntry
from k8sops.core.clock import Clock, IdSource, parse_rfc3339
from k8sops.core.errors import K8sOpsError
from k8sops.core.moments import in_words
from k8sops.engine.books import Books
from k8sops.engine.schedules import table
from k8sops.store.database import Database, Tx
from k8sops.store.outbox import put_out
from k8sops.store.told_rows import take_back, tell_once, was_told

if TYPE_CHECKING:
    from k8sops.service.config import Config

EVERY_S: Final = 300.0
SLACK: Final = timedelta(minutes=5)
"""By so much two machines' clocks may differ."""
DOOR: Final = "rpo"
BACKUP: Final = "backup"


class Objective(msgspec.Struct, frozen=True, kw_only=True):
    """How old the newest complete backup in a repository may be; `said` is where that stands."""

    repository: str
    span: timedelta
    said: str
    selection: bytes = b""
    """Of a schedule what its backups are of, as canonical JSON: a smaller one does not stand in; empty for any."""


class Newest(msgspec.Struct, frozen=True):
    """When the newest complete backup that counts began to be read, if there is one; `doubt` tells of a newer one."""

    at: datetime | None
    doubt: str = ""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a repository stands: when its newest complete backup began to be read, or why that is not known."""

    objective: Objective
    newest: datetime | None = None
    trouble: str = ""
    doubt: str = ""
    """What does not count, and why."""

    def overdue(self, now: datetime) -> str:
        """What everybody is told; empty where all is well."""
        span = in_words(self.objective.span.total_seconds())
        if self.newest is not None and now - self.newest <= self.objective.span:
            return ""
        where = f"in {self.objective.repository}; {self.objective.said} allows {span}"
        if self.doubt:
            where = f"{where}; {self.doubt} and does not count: a clock was wrong"
        if self.newest is None and not self.trouble:
            return f"there is no complete backup {where}"
        if self.newest is None:
            return f"it is not known how old the newest complete backup is {where}: {self.trouble}"
        age = in_words((now - self.newest).total_seconds())
        unread = f" (it cannot be looked at now: {self.trouble})" if self.trouble else ""
        return f"the newest complete backup is {age} old {where}{unread}"


def configured_objectives(config: Config) -> list[Objective]:
    """Those that stand with a repository in the configuration."""
    return [
        Objective(repository=one.name, span=one.rpo_span, said="the configuration")
        for one in config.repositories
        if one.rpo_span is not None
    ]


def scheduled_objectives(tx: Tx, cluster: str) -> list[Objective]:
    """Those of this cluster's schedules that make backups, paused ones too: nobody is safer for a pause."""
    return [
        Objective(
            repository=str(one.spec.params.get("repo") or ""),
            span=timedelta(seconds=one.spec.rpo_s),
            said=f"schedule {one.name}",
            selection=_selected(one.spec.params),
        )
        for one in table.every(tx)
        if one.spec.action == BACKUP and one.spec.rpo_s and one.cluster_uid == cluster
    ]


def _selected(params: Mapping[str, Any]) -> bytes:
    """What a schedule's backups are of; empty where its params are none any more, which its firings tell."""
    from k8sops.actions.backups.backup_params import BackupParams

    try:
        return choice_key(selection_json(BackupParams.model_validate(params).selected))
    except (ValueError, K8sOpsError):
        return b""


async def newest_complete(
    opened: OpenRepository, cluster: str, now: datetime, *, selection: bytes = b""
) -> Newest:
    """The newest complete backup of a cluster, or of this selection of it. Raises what cannot be believed or opened.

    One that says it was read after now does not count: it would hide for as long that none is made.
    """
    chain = await load_chain(opened.vault, cluster)
    doubt = ""
    for seq in reversed(chain.live):
        body = await body_of(opened.vault, chain, seq)
        if body.complete and not body.selection.get("imported"):
            if selection and choice_key(body.selection) != selection:
                continue
            read_at = parse_rfc3339(body.cut.first_at)
            if read_at <= now + SLACK:
                return Newest(min(read_at, now), doubt)
            doubt = (
                doubt or f"backup {seq} says it was read at {read_at:%Y-%m-%d %H:%M} UTC, which is to come"
            )
    return Newest(None, doubt)


async def standing(repositories: Repositories, objective: Objective, cluster: str, now: datetime) -> Standing:
    """How a repository stands now; trouble in reading it is told, not raised."""
    try:
        opened = await repositories.find(objective.repository)
        found = Newest(None)
        if opened:
            found = await newest_complete(opened, cluster, now, selection=objective.selection)
    except K8sOpsError as error:
        return Standing(objective=objective, trouble=error.message)
    return Standing(objective=objective, newest=found.at, doubt=found.doubt)


class RpoWatch:
    """A worker's rounds: each objective is looked at every few minutes, and told again after as long as it allows."""

    def __init__(
        self,
        database: Database,
        books: Books,
        repositories: Callable[[], Repositories],
        config: Config,
        cluster: str,
        *,
        clock: Clock,
        ids: IdSource,
        every_s: float = EVERY_S,
    ) -> None:
        self._database: Final = database
        self._books: Final = books
        self._repositories: Final = repositories
        self._configured: Final = configured_objectives(config)
        self._cluster: Final = cluster
        self._clock: Final = clock
        self._ids: Final = ids
        self._every_s: Final = every_s
        self._looked_at = float("-inf")
        self._known: Final[dict[Objective, datetime]] = {}

    async def round(self, actor: Actor) -> Sequence[str]:
        """Look, if it is time, and tell what is overdue; what was told. Raises what the store raises."""
        if self._clock.monotonic() - self._looked_at < self._every_s:
            return ()
        self._looked_at = self._clock.monotonic()
        scheduled = await self._database.read(lambda tx: scheduled_objectives(tx, self._cluster))
        told: list[str] = []
        for objective in (*self._configured, *scheduled):
            found = await standing(self._repositories(), objective, self._cluster, self._clock.now())
            if found.newest is not None:
                self._known[objective] = found.newest
            elif found.trouble and objective in self._known:
                found = msgspec.structs.replace(found, newest=self._known[objective])
            text = found.overdue(self._clock.now())
            if text and await self._tell(objective, text, actor):
                told.append(text)
            elif not text:
                await self._quiet(objective)
        return told

    async def _tell(self, objective: Objective, text: str, actor: Actor) -> bool:
        """Once for each length of the objective, whoever of several workers comes first."""
        key, again_ms = _key(objective, self._cluster), int(objective.span.total_seconds() * 1000)

        def work(tx: Tx) -> bool:
            if not tell_once(tx, DOOR, key, text, again_ms=again_ms):
                return False
            data = {"repository": objective.repository, "text": text}
            entry = AuditEntry(
                code="backup.overdue",
                at=tx.now(),
                actor=actor,
                cluster_uid=self._cluster,
                reason=text,
                outcome="overdue",
                data=data,
            )
            put_out(tx, self._ids.new(), "backup.overdue", "", {**data, "cluster": self._cluster})
            self._books.chain(tx, [entry])
            return True

        return await self._database.write(work, name="backup.overdue")

    async def _quiet(self, objective: Objective) -> None:
        """All is well: what comes next is told at once."""
        key = _key(objective, self._cluster)
        if await self._database.read(lambda tx: was_told(tx, DOOR, key)):
            await self._database.write(lambda tx: take_back(tx, DOOR, key), name="backup.in_time")


def _key(objective: Objective, cluster: str) -> str:
    return f"{cluster} {objective.said} {objective.repository}"[:253]
