"""A statement that is run again takes a shorter way; nobody may notice but by the clock."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import bindparam, delete, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from k8sops.store.database import Database, Tx
from k8sops.store.schema import attachments, audit_head, carriers, door_state, runs
from tests.store.rows import COUNT, KEYS, PUT, SET, keys, row, run

RUN = {
    "id": "01JD0000000000000000000000",
    "action": "scale",
    "action_version": 1,
    "plan_format": 1,
    "cluster_uid": "c-1",
    "state": "proposed",
    "risk": "low",
    "digest": "d" * 64,
    "plan": '{"summary": "größer: 50 % {more} %s :x"}',
    "actor": "{}",
    "execute_as": "",
    "hold": True,
    "emergency": False,
    "proposed_at": 2**40,
    "expires_at": 2**40,
    "locks_held": False,
    "wake_at": None,
    "lease_until": 12.75,
}
PUT_RUN = insert(runs)
RUN_BACK = select(runs).where(runs.c.id == bindparam("run_id"))
DROP_RUN = delete(runs).where(runs.c.id == bindparam("run_id"))
HEAD = (
    update(audit_head)
    .where(audit_head.c.id == 1)
    .values(seq=audit_head.c.seq + 1)
    .returning(audit_head.c.seq)
)
PUT_BYTES = insert(attachments)
BYTES = select(attachments.c.body, literal("x").label("word")).order_by(attachments.c.sha256)
DROP = delete(door_state).where(door_state.c.key == bindparam("which"))
SOME = select(door_state.c.key).where(door_state.c.key.in_(bindparam("which", expanding=True)))
ONE_CARRIER = select(carriers).where(carriers.c.id == bindparam("which"))


async def test_rows_are_the_same_the_first_time_and_after(store: Database) -> None:
    """Booleans, text with every special character, absent values, large and broken numbers, defaults of the server."""

    def work(tx: Tx) -> Any:
        tx.execute(PUT_RUN, RUN)
        found = tx.execute(RUN_BACK, {"run_id": RUN["id"]}).one()
        tx.execute(DROP_RUN, {"run_id": RUN["id"]})
        return found

    first = await store.write(work, name="test")
    for _ in range(3):
        assert await store.write(work, name="test") == first
    again = await store.write(work, name="test")
    assert again.hold is True
    assert again.emergency is False
    assert again.wake_at is None
    assert again.lease_until == 12.75
    assert again.proposed_at == 2**40
    assert again.plan == RUN["plan"]
    assert again.person == ""
    assert again._mapping["last_seq"] == again._mapping[runs.c.last_seq] == 0


async def test_bytes_stay_bytes(store: Database) -> None:
    """Audit records are exact bytes, zeroes included."""

    def work(tx: Tx) -> list[tuple[bytes, str]]:
        tx.execute(PUT_BYTES, {"sha256": str(tx.execute(HEAD).scalar_one()), "body": b"\x00\xff%s"})
        return [(row.body, row.word) for row in tx.execute(BYTES)]

    for times in range(1, 4):
        found = await store.write(work, name="test")
        assert found == [(b"\x00\xff%s", "x")] * times


async def test_every_way_to_read_rows_works_on_known_statements(store: Database) -> None:
    """What engine and service use of a result."""

    def work(tx: Tx) -> None:
        tx.execute(KEYS).all()
        assert tx.execute(KEYS).first() is None
        assert tx.execute(KEYS).one_or_none() is None
        assert tx.execute(COUNT).scalar_one() == 0
        assert tx.execute(ONE_CARRIER, {"which": "x"}).scalar_one_or_none() is None
        tx.execute(PUT, [row("a"), row("b")])
        assert tx.execute(KEYS).scalars().all() == ["a", "b"]
        assert [key for (key,) in tx.execute(KEYS)] == ["a", "b"]
        assert [dict(one) for one in tx.execute(KEYS).mappings()] == [{"key": "a"}, {"key": "b"}]
        assert tx.execute(KEYS).first() == ("a",)

    def clean(tx: Tx) -> None:
        for key in "ab":
            tx.execute(DROP, {"which": key})

    for _ in range(3):
        await store.write(work, name="test")
        await store.write(clean, name="test")


async def test_the_number_of_rows_changed_is_true_whenever_it_is_asked_for(store: Database) -> None:
    """Compare-and-set rests on it: 0 means somebody else was first."""

    def work(tx: Tx) -> list[int]:
        tx.execute(PUT, [row("a"), row("b"), row("c")])
        hit = tx.execute(SET, {"which": "a", "now_cursor": 1})
        miss = tx.execute(SET, {"which": "z", "now_cursor": 1})
        gone = tx.execute(DROP, {"which": "b"})
        counts = [gone.rowcount, miss.rowcount, hit.rowcount]
        tx.execute(DROP, {"which": "a"})
        tx.execute(DROP, {"which": "c"})
        return counts

    for _ in range(3):
        assert await store.write(work, name="test") == [1, 0, 1]


async def test_an_insert_with_other_columns_is_another_statement(store: Database) -> None:
    """The same constant is used with and without optional columns."""
    bare = {key: value for key, value in RUN.items() if key not in {"wake_at", "lease_until"}}

    def work(tx: Tx) -> tuple[object, object]:
        tx.execute(PUT_RUN, RUN)
        tx.execute(PUT_RUN, bare | {"id": "other", "reason": "because"})
        found = {row.id: row for row in tx.execute(select(runs))}
        tx.execute(delete(runs))
        return found[str(RUN["id"])].reason, found["other"].reason

    for _ in range(3):
        assert await store.write(work, name="test") == ("", "because")


async def test_lists_of_values_are_left_to_sqlalchemy(store: Database) -> None:
    """An IN with as many values as are given has no fixed text; mixed with known statements the order must hold."""

    def work(tx: Tx) -> None:
        for names in (["a", "b"], ["a", "b", "c"], ["d"], ["e", "f"]):
            tx.execute(PUT, [row(name) for name in names])
            assert sorted(tx.execute(SOME, {"which": names}).scalars()) == names
            for name in names:
                tx.execute(DROP, {"which": name})

    await store.write(work, name="test")


async def test_a_broken_constraint_is_sqlalchemy_s_error_for_those_who_catch_it(store: Database) -> None:
    """The same class from the short way, though it is the driver's error that was raised."""

    def work(tx: Tx) -> str:
        tx.execute(PUT, row("a"))
        try:
            tx.execute(PUT, row("a"))
            tx.execute(COUNT).scalar_one()
        except IntegrityError as error:
            raise LookupError(type(error.orig).__name__) from error
        return "no error"

    for _ in range(3):
        with pytest.raises(LookupError, match=r"IntegrityError|UniqueViolation"):
            await store.write(work, name="test")
    assert await keys(store) == []


async def test_the_plain_connection_sees_what_was_executed_before(store: Database) -> None:
    """Both ways in one transaction, in the order they were written."""

    def work(tx: Tx) -> list[str]:
        tx.execute(PUT, row("a"))
        connection = tx.connection
        found = list(connection.execute(KEYS).scalars())
        tx.execute(PUT, row("b"))
        found += connection.execute(KEYS).scalars()
        tx.execute(delete(door_state))
        return found

    for _ in range(3):
        assert await store.write(work, name="test") == ["a", "a", "b"]


async def test_a_statement_made_for_the_occasion_never_takes_another_s_form(store: Database) -> None:
    """Copies of a known statement with one more condition are statements of their own."""
    base = select(door_state.c.key).order_by(door_state.c.key)
    await store.write(run(PUT, [row("a", 1), row("b", 2)]), name="test")

    def work(tx: Tx) -> list[list[str]]:
        narrow = base.where(door_state.c.cursor > 1)
        return [list(tx.execute(one).scalars()) for one in (base, narrow, base, narrow, base, narrow)]

    assert await store.read(work) == [["a", "b"], ["b"]] * 3
