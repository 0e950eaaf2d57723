"""What was seen of backup repositories, as rows that only ever rise, unless a person accepts a rollback.

Two processes tell in any order, so a greater number stays whoever comes last.
"""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from k8sops.store.database import Tx
from k8sops.store.schema import door_state, repository_epochs, repository_marks

_MARKS: Final = repository_marks.c
_EPOCHS: Final = repository_epochs.c


DOOR: Final = "repository"
EPOCH_DOOR: Final = "repository epoch"
LONGEST: Final = 253
PLACE_SHOWN: Final = LONGEST - 27
"""Of a place, behind a repository's id and a space."""


class MarkRow(msgspec.Struct, frozen=True):
    """The newest manifest seen of a cluster in a repository."""

    seq: int
    sha256: str


class Spot(msgspec.Struct, frozen=True):
    """Of what: a cluster in a repository; `place` is empty but for a copy, for which alone it then counts."""

    repository: str
    cluster: str
    place: str = ""

    @property
    def columns(self) -> dict[str, str]:
        """As the table has it."""
        return {"repository": self.repository, "cluster": self.cluster, "place": self.place[-LONGEST:]}


_KEY: Final = (_MARKS.repository, _MARKS.place, _MARKS.cluster)


def mark_of(tx: Tx, spot: Spot) -> MarkRow | None:
    """The newest that was seen, or None."""
    statement = select(_MARKS.seq, _MARKS.sha256).filter_by(**spot.columns)
    found = tx.execute(statement).first()
    return None if found is None else MarkRow(int(found.seq), str(found.sha256))


def marked_clusters(tx: Tx, repository: str, place: str = "") -> tuple[str, ...]:
    """The clusters of which a manifest was seen, sorted."""
    statement = select(_MARKS.cluster).where(
        _MARKS.repository == repository, _MARKS.place == place[-LONGEST:]
    )
    return tuple(str(cluster) for cluster in tx.execute(statement.order_by(_MARKS.cluster)).scalars())


def raise_mark(tx: Tx, spot: Spot, mark: MarkRow) -> bool:
    """Keep it, unless this number or a greater one is kept; whether it was."""
    dialect = postgresql if tx.dialect == "postgresql" else sqlite
    values = {"seq": mark.seq, "sha256": mark.sha256, "at": tx.now_ms()}
    added = dialect.insert(repository_marks).values(**spot.columns, **values)
    kept = added.on_conflict_do_update(index_elements=_KEY, set_=values, where=_MARKS.seq < mark.seq)
    return tx.execute(kept.returning(_MARKS.seq)).first() is not None


def put_mark(tx: Tx, spot: Spot, mark: MarkRow) -> None:
    """Keep it, whatever was kept: a person accepted what the repository shows."""
    dialect = postgresql if tx.dialect == "postgresql" else sqlite
    values = {"seq": mark.seq, "sha256": mark.sha256, "at": tx.now_ms()}
    added = dialect.insert(repository_marks).values(**spot.columns, **values)
    tx.execute(added.on_conflict_do_update(index_elements=_KEY, set_=values))


def forget_mark(tx: Tx, spot: Spot) -> None:
    """As if no manifest had been seen there: a person accepted that there is none."""
    tx.execute(delete(repository_marks).filter_by(**spot.columns))


def epoch_of(tx: Tx, repository: str, place: str = "") -> int:
    """The greatest epoch that was seen, of a copy the greatest in that `place`; 0 if none was."""
    if place:
        statement = select(door_state.c.cursor).filter_by(**_epoch_at(repository, place))
    else:
        statement = select(_EPOCHS.epoch).where(_EPOCHS.repository == repository)
    return int(tx.execute(statement).scalar_one_or_none() or 0)


def raise_epoch(tx: Tx, repository: str, epoch: int, place: str = "") -> bool:
    """Keep it, unless this or a greater one is kept; whether it was."""
    dialect = postgresql if tx.dialect == "postgresql" else sqlite
    if place:
        seen = dialect.insert(door_state).values(cursor=epoch, **_epoch_at(repository, place), value="")
        raised = seen.on_conflict_do_update(
            index_elements=[door_state.c.door, door_state.c.key],
            set_={"cursor": seen.excluded.cursor},
            where=door_state.c.cursor < seen.excluded.cursor,
        )
        return tx.execute(raised.returning(door_state.c.cursor)).first() is not None
    added = dialect.insert(repository_epochs).values(repository=repository, epoch=epoch, at=tx.now_ms())
    kept = added.on_conflict_do_update(
        index_elements=[_EPOCHS.repository],
        set_={"epoch": added.excluded.epoch, "at": added.excluded.at},
        where=_EPOCHS.epoch < added.excluded.epoch,
    )
    return tx.execute(kept.returning(_EPOCHS.epoch)).first() is not None


def forget_epoch(tx: Tx, repository: str, place: str = "") -> None:
    """As if no epoch had been seen: a person accepted that its keys are lost."""
    if place:
        tx.execute(delete(door_state).filter_by(**_epoch_at(repository, place)))
    else:
        tx.execute(delete(repository_epochs).where(_EPOCHS.repository == repository))


def _epoch_at(repository: str, place: str) -> dict[str, str]:
    """The row of a copy: it lags behind, and is held to what was seen there alone."""
    return {"door": EPOCH_DOOR, "key": f"{repository} {place[-PLACE_SHOWN:]}"}


def repository_at(tx: Tx, place: str) -> str:
    """The id of the repository that was seen at a place; empty if none was."""
    statement = select(door_state.c.value).where(
        door_state.c.door == DOOR, door_state.c.key == place[-LONGEST:]
    )
    return str(tx.execute(statement).scalar_one_or_none() or "")


def keep_repository_at(tx: Tx, place: str, repository: str) -> None:
    """The repository that is there now; empty forgets what was."""
    key = place[-LONGEST:]
    tx.execute(delete(door_state).where(door_state.c.door == DOOR, door_state.c.key == key))
    if repository:
        dialect = postgresql if tx.dialect == "postgresql" else sqlite
        added = dialect.insert(door_state).values(door=DOOR, key=key, cursor=tx.now_ms(), value=repository)
        tx.execute(added.on_conflict_do_nothing())
