"""What the bot's replicas share in the store: one of them tells, and what a dead one held is told all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from k8sops.core.clock import SystemClock, UlidSource
from k8sops.service.chat.forgetting import DONE_KEPT_MS
from k8sops.service.chat.memory import HELD_MS, ChatMemory, ShownMessage
from k8sops.service.config import Config
from k8sops.service.storing import Storage
from k8sops.store.database import Tx
from k8sops.store.outbox import put_out
from k8sops.store.schema import door_state

RUN = "01JD0000000000000000000000"


@pytest.fixture
async def storage(store_url: str) -> AsyncIterator[Storage]:
    """The shared store."""
    found = Storage(Config(database_url=store_url), SystemClock(), UlidSource())
    yield found
    await found.aclose()


async def put(storage: Storage, *kinds: str) -> None:
    """News in the outbox."""
    database, ids = await storage.database(), UlidSource()

    def work(tx: Tx) -> None:
        for kind in kinds:
            put_out(tx, ids.new(), kind, RUN, {"text": kind})

    await database.write(work, name="test.put")


async def later(storage: Storage) -> None:
    """As though everything had been held for longer than anybody needs."""
    database = await storage.database()

    def work(tx: Tx) -> None:
        tx.execute(door_state.update().values(cursor=door_state.c.cursor - HELD_MS))

    await database.write(work, name="test.later")


async def test_of_two_replicas_one_tells(storage: Storage) -> None:
    """Two cards for one run are two places to click, and one of them is soon wrong."""
    await put(storage, "awaiting_approval", "failed")
    one, other = ChatMemory(storage), ChatMemory(storage)
    held = await one.notices()
    assert [notice.kind for notice in held] == ["awaiting_approval", "failed"]
    assert await other.notices() == []
    await one.told(held[0])
    await later(storage)
    assert [notice.kind for notice in await other.notices()] == ["failed"]


async def test_what_a_dead_replica_was_at_is_told_by_another(storage: Storage) -> None:
    """Killed between two messages, nothing may be left unsaid."""
    await put(storage, "failed")
    await ChatMemory(storage).notices()
    await later(storage)
    (again,) = await ChatMemory(storage).notices()
    assert again.payload == {"text": "failed"}


async def test_only_one_holds_a_thing_until_it_lets_go(storage: Storage) -> None:
    """Two editors of one message end with the older text."""
    one, other = ChatMemory(storage), ChatMemory(storage)
    assert await one.hold("card/x")
    assert not await other.hold("card/x")
    await one.let_go("card/x")
    assert await other.hold("card/x")


async def test_every_message_that_shows_a_run_is_found_again(storage: Storage) -> None:
    """What is decided in one place has to be true in all of them."""
    memory = ChatMemory(storage)
    card = ShownMessage(run=RUN, team="T1", channel="C1", ts="1.5", role="channel", shown="a")
    direct = ShownMessage(run=RUN, team="T1", channel="D1", ts="1.6", role="approver", user="U2")
    other = ShownMessage(run="01JD0000000000000000000001", team="T1", channel="C1", ts="1.7", role="channel")
    for message in (card, direct, other, msgspec.structs.replace(card, shown="b")):
        await memory.show(message)
    assert [(one.ts, one.shown) for one in await memory.shown(RUN)] == [("1.5", "b"), ("1.6", "")]
    await memory.gone(direct)
    assert [one.ts for one in await memory.shown(RUN)] == ["1.5"]


async def test_what_was_heard_is_done_once_and_never_forgotten(storage: Storage) -> None:
    """Slack hears that we heard, and does not send it again; the process that said so may die the next moment."""
    memory = ChatMemory(storage)
    assert await memory.take_in("trigger-1", "drain node-3")
    assert not await memory.take_in("trigger-1", "drain node-3"), "sent again"
    assert await memory.left_over() == ()
    await later(storage)
    (left,) = await ChatMemory(storage).left_over()
    assert (left.key, left.value) == ("trigger-1", "drain node-3")
    assert await ChatMemory(storage).left_over() == (), "somebody is at it"
    await memory.done("trigger-1")
    await later(storage)
    assert await memory.left_over() == ()
    assert not await memory.take_in("trigger-1", "drain node-3"), "sent again, late"


async def test_a_line_that_waited_for_its_cluster_is_taken_once_and_then_kept_as_the_choice(
    storage: Storage,
) -> None:
    """Of two choices one counts; and a bot that dies right after has left the next one all that it takes."""
    memory = ChatMemory(storage)
    await memory.keep_line("line/1", "drain node-3")
    await memory.take_in("click/1", "a choice")
    assert await memory.take_line("line/1", "click/1", lambda line: f"{line} on staging") == "drain node-3"
    assert await memory.take_line("line/1", "click/2", lambda line: line) == ""
    await later(storage)
    assert [row.value for row in await memory.left_over()] == ["drain node-3 on staging"]


async def test_what_was_done_or_ended_long_ago_is_forgotten_and_nothing_else(storage: Storage) -> None:
    """Every click leaves a row or two; a bot that runs for years must not carry them all."""
    memory, database = ChatMemory(storage), await storage.database()
    old, young = "01AR0000000000000000000000", UlidSource().new()
    for run in (old, young):
        for channel in ("C1", "C2"):
            await memory.show(ShownMessage(run=run, team="T1", channel=channel, ts="1.0", role="channel"))
    await memory.done_once(["end/old"])

    def months_pass(tx: Tx) -> None:
        tx.execute(door_state.update().values(cursor=door_state.c.cursor - DONE_KEPT_MS - 1))

    await database.write(months_pass, name="test.months")
    await memory.done_once(["end/young"])
    await memory.forget_old()
    assert await memory.not_yet(["end/old", "end/young"]) == {"end/old"}
    assert (await memory.shown(old), len(await memory.shown(young))) == ((), 2)


async def test_of_several_undos_of_one_person_the_first_counts_until_it_has_ended(storage: Storage) -> None:
    """Two taps are one request; a bot that died at it and begins again is still the first."""
    one, other = ChatMemory(storage), ChatMemory(storage)
    assert await one.first_undo("undo/run/alice", "first") == "first"
    assert await other.first_undo("undo/run/alice", "second") == "first"
    assert await other.first_undo("undo/run/alice", "first") == "first"
    assert await other.first_undo("undo/run/bob", "third") == "third", "each person asks for themselves"
    assert await one.first_undo("undo/run/alice", "second", instead_of="first") == "second"
    assert await other.first_undo("undo/run/alice", "fourth", instead_of="first") == "second"
    await one.no_undo("undo/run/alice")
    assert await other.first_undo("undo/run/alice", "fourth") == "fourth"
