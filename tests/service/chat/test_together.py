"""What one person asks of one approver is one message, whoever of several replicas adds to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest

from k8sops.core.actor import Actor
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.core.run import Approval, Run, Vote
from k8sops.service.chat.acting import ChatUser
from k8sops.service.chat.asked import Asked, reminders
from k8sops.service.chat.memory import ChatMemory
from k8sops.service.chat.news import MOST_KEPT, News, rules_for
from k8sops.service.chat.together import DECIDED_KEPT, RINGS_AGAIN, Together, asked_together, grown
from k8sops.service.config import Config
from k8sops.service.storing import Storage
from tests.policy.cases import TUESDAY, policy
from tests.service.chat.test_audience import PEOPLE, asked

BOB = ChatUser(team="T1", user="U2")
RULES = policy(PEOPLE)
NEWS = policy("slack: {notify: [{on: ['*'], team: T1, channel: C1}]}")


def numbered(number: int, *, person: str = "alice") -> Run:
    """A run that waits."""
    run = asked(RULES, Actor(name=person), person=person)
    return msgspec.structs.replace(run, id=f"01JD00000000000000000000{number:02}")


@pytest.fixture
async def storage(store_url: str) -> AsyncIterator[Storage]:
    """The shared store."""
    found = Storage(Config(database_url=store_url), SystemClock(), UlidSource())
    yield found
    await found.aclose()


def test_a_second_request_joins_while_the_first_waits() -> None:
    """One list to work through; asked again for the same it is the same."""
    first, second = numbered(1), numbered(2)
    waiting = {first.id, second.id}
    one = asked_together(None, BOB, first, waiting=waiting, now=TUESDAY)
    both = asked_together(one, BOB, second, waiting=waiting, now=TUESDAY)
    assert (both.key, both.runs, both.rings) == (one.key, (first.id, second.id), "")
    assert asked_together(both, BOB, second, waiting=waiting, now=TUESDAY) == both


def test_when_nothing_waits_any_more_the_next_request_is_a_message_of_its_own() -> None:
    """What is decided scrolls away; a new request must ring, and stand at the bottom."""
    first, second = numbered(1), numbered(2)
    one = asked_together(None, BOB, first, waiting={first.id}, now=TUESDAY)
    other = asked_together(one, BOB, second, waiting={second.id}, now=TUESDAY)
    assert (other.runs, other.key != one.key) == ((second.id,), True)


def test_what_joins_long_after_the_message_rang_is_said_aloud() -> None:
    """Edits ring nobody: a request would wait unseen until its reminder."""
    first, second, third = numbered(1), numbered(2), numbered(3)
    waiting = {first.id, second.id, third.id}
    one = asked_together(None, BOB, first, waiting=waiting, now=TUESDAY)
    later = TUESDAY + RINGS_AGAIN
    both = asked_together(one, BOB, second, waiting=waiting, now=later)
    assert (both.rings, both.rang_at) == (second.id, later)
    three = asked_together(both, BOB, third, waiting=waiting, now=later + timedelta(minutes=1))
    assert three.rings == second.id, "once for several"


def test_a_list_that_always_grows_forgets_what_was_decided_long_ago() -> None:
    """Somebody who asks all day would have a message that cannot be read, let alone be sent."""
    kept: Together | None = None
    for number in range(60):
        run = numbered(number)
        waiting = {run.id, numbered(max(0, number - 1)).id}
        kept = asked_together(kept, BOB, run, waiting=waiting, now=TUESDAY)
    assert kept is not None
    assert len(kept.runs) <= DECIDED_KEPT + 2


def test_of_a_storm_so_many_are_kept_and_the_others_counted() -> None:
    """A minute in which everything fails must not make a message that takes a minute to make."""
    message = Together(key="k", kind="news", team="T1", to="C1", news=(), rang_at=TUESDAY)
    for number in range(MOST_KEPT + 7):
        message = grown(message, [News(id=str(number), kind="failed")])
    assert (len(message.news), message.left_out) == (MOST_KEPT, 7)


async def test_two_replicas_that_ask_at_once_add_to_one_message(storage: Storage) -> None:
    """Each has heard of another run; the one must not overwrite what the other added."""
    runs = [numbered(number) for number in range(6)]
    waiting = {run.id for run in runs}
    memories = [ChatMemory(storage), ChatMemory(storage)]
    keys = await asyncio.gather(
        *(memories[at % 2].together.asked(BOB, run, waiting) for at, run in enumerate(runs))
    )
    (key,) = {one.key for one in keys}
    kept = await memories[0].together.get(key)
    assert kept is not None
    assert sorted(kept.runs) == sorted(waiting)


async def test_two_replicas_that_hear_the_same_news_tell_it_once(storage: Storage) -> None:
    """The outbox tells at least once; a channel is told once."""
    rules = rules_for(NEWS, "T1", "C1")
    memories = [ChatMemory(storage), ChatMemory(storage)]
    heard = [News(id=str(number), kind="failed", run=f"r{number}") for number in range(4)]
    keys = await asyncio.gather(
        *(memory.together.told("T1", "C1", news, rules, 20) for memory in memories for news in heard)
    )
    (key,) = set(keys)
    kept = await memories[0].together.get(key)
    assert kept is not None
    assert sorted(one.id for one in kept.news) == ["0", "1", "2", "3"]
    assert list(await memories[1].together.channels()) == [("T1", "C1")]


async def test_who_was_asked_is_kept_with_the_first_time_and_mended_when_they_are_reached(
    storage: Storage,
) -> None:
    """Its requester is told when; a second delivery of the same notice is not a second time."""
    memory = ChatMemory(storage)
    first = Asked(run="r1", person="bob", team="T1", user="U2", at=TUESDAY, trouble="user_disabled")
    reached = msgspec.structs.replace(first, trouble="", at=TUESDAY + timedelta(minutes=1))
    late = msgspec.structs.replace(reached, at=TUESDAY + timedelta(hours=1))
    for one in (first, reached, late):
        await memory.note_asked(one)
    assert await memory.asked("r1") == (reached,)


async def test_when_something_was_done_is_known_to_every_replica(storage: Storage) -> None:
    """Whoever is refused is told how long ago it was, by whichever they reach."""
    memory, other = ChatMemory(storage), ChatMemory(storage)
    assert await other.done_at("nudged/r1") is None
    await memory.done_now("nudged/r1")
    first = await other.done_at("nudged/r1")
    assert first is not None
    assert await memory.done_at("nudged/r") is None, "of another run"
    await other.done_now("nudged/r1")
    second = await memory.done_at("nudged/r1")
    assert second is not None
    assert second >= first


def test_an_approver_is_reminded_of_all_that_one_person_asks_together() -> None:
    """Five reminders in a minute are five reasons to mute the bot; who has voted is left alone."""
    bobs = asked(RULES, Actor(name="U2", team="T1", surface="slack"), person="bob")
    runs = [numbered(1), numbered(2), msgspec.structs.replace(bobs, id="01JD0000000000000000000003")]
    found = reminders(runs, RULES, TUESDAY + timedelta(hours=2))
    assert [(one.person, [run.id[-2:] for run in one.runs]) for one in found] == [
        ("bob", ["01", "02"]),
        ("carol", ["01", "02"]),
        ("dora", ["01", "02"]),
        ("carol", ["03"]),
        ("dora", ["03"]),
    ]
    yes = Approval(
        actor=Actor(name="carol"), vote=Vote(verdict="approve", digest="d"), at=TUESDAY, person="carol"
    )
    (voted,) = [msgspec.structs.replace(run, approvals=(yes,)) for run in runs[:1]]
    assert [one.person for one in reminders([voted], RULES, TUESDAY + timedelta(hours=2))] == ["bob", "dora"]
    assert reminders(runs, RULES, TUESDAY + timedelta(hours=1)) == ()
