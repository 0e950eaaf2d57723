"""How a request ended, told to whoever asked: once, over two bots, whatever Slack did at that moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from slack_sdk.errors import SlackApiError

from k8sops.core.actor import Actor
from k8sops.core.run import Run, RunState
from k8sops.engine.settling import settle
from k8sops.engine.sweeping import sweep
from k8sops.service.chat.memory import HELD_MS
from k8sops_local_slack import Message
from k8sops_slack.blocks.sending import Message as Said
from k8sops_slack.bot.posting import Place, Poster
from tests.slack.flows.bots import OPS, TEAM, TTL, USERS, Bots, open_bots
from tests.support.engine_world import BOB, CAROL, serving

HELD = timedelta(milliseconds=HELD_MS)
ALICE_HERE = Actor(surface="slack", team=TEAM, name=USERS["alice"])


@pytest.fixture
async def bots(tmp_path: Path) -> AsyncIterator[Bots]:
    """Two replicas; alice, who asks, is no approver."""
    async with open_bots(tmp_path) as found:
        yield found


async def asked(bots: Bots, **params: object) -> Run:
    """A request of alice's, whose card stands in the channel."""
    run = await bots.ask(ALICE_HERE, **params)
    await bots.replicas[0].showing.in_channel(run, TEAM, OPS, to=USERS["alice"])
    await bots.round()
    return run


async def carried_out(bots: Bots, run: Run) -> Run:
    """Approved by two and carried, to whatever end."""
    for voter in (BOB, CAROL):
        await bots.world.vote(run, voter)
    async with serving(bots.world.carrier()):
        return await bots.world.ended(run.id)


def replies(bots: Bots) -> list[Message]:
    """What was said below the card, progress apart."""
    return [
        one
        for one in bots.slack.messages(OPS)
        if one.thread_ts is not None and f"<@{USERS['alice']}>" in one.text
    ]


def failures(bots: Bots) -> list[Message]:
    """What was said to the whole channel beside the card."""
    return [one for one in bots.slack.messages(OPS) if one.thread_ts is None][1:]


async def test_a_no_rings_whoever_asked(bots: Bots) -> None:
    """The card is edited, which rings nobody: they would go on waiting for what was refused."""
    run = await asked(bots)
    await bots.world.vote(run, BOB, "deny", reason="not now")
    for _ in range(3):
        await bots.round(after=HELD)
    (reply,) = replies(bots)
    assert "denied" in reply.all_text()
    assert "by bob: not now" in reply.all_text()
    assert bots.rang("alice") == 1
    assert failures(bots) == [], "a no is nobody else's concern"


async def test_what_expired_rings_whoever_asked_and_can_be_planned_again(bots: Bots) -> None:
    """Nobody has answered: whoever needs it asks somebody."""
    await asked(bots)
    bots.clock.moment += TTL + timedelta(minutes=1)
    assert await sweep(bots.world.database, bots.world.books) == 1
    for _ in range(3):
        await bots.round(after=HELD)
    (reply,) = replies(bots)
    assert "expired" in reply.text.lower()
    assert "Plan again" in str(reply.blocks)


async def test_what_drifted_rings_whoever_asked_and_can_be_planned_again(bots: Bots) -> None:
    """It was approved, so they believe that it is being done."""
    run = await asked(bots)
    bots.ledger.with_name(f"{bots.ledger.name}.marker").write_text("another")
    assert (await carried_out(bots, run)).state is RunState.VOID
    for _ in range(3):
        await bots.round(after=HELD)
    (reply,) = replies(bots)
    assert "void" in reply.text.lower()
    assert "Plan again" in str(reply.blocks)


async def test_who_ended_it_themselves_is_not_rung(bots: Bots) -> None:
    """They know; somebody else's cancel they do not know of."""
    own, others = await asked(bots, items=1), await asked(bots, items=2)
    refused, withdrawn = await asked(bots, items=3), await asked(bots, items=4)
    await bots.world.desk.cancel(own.id, ALICE_HERE, "")
    await bots.world.desk.cancel(withdrawn.id, ALICE_HERE, "not needed")
    await bots.world.vote(refused, ALICE_HERE, "deny", reason="wrong cluster")
    await bots.world.desk.cancel(others.id, BOB, "sale")
    for _ in range(3):
        await bots.round(after=HELD)
    (reply,) = replies(bots)
    assert "by bob: sale" in reply.all_text()


async def test_what_policy_refused_at_once_is_not_said_a_second_time(bots: Bots) -> None:
    """It never waited: the answer to what was typed said so."""
    wanted = bots.world.rules.decision
    bots.world.rules.decision = msgspec.structs.replace(wanted, effect="deny", why="never in production")
    run = await asked(bots)
    assert run.state is RunState.DENIED
    await bots.round(after=HELD)
    assert replies(bots) == []


async def test_an_end_that_slack_did_not_take_is_said_when_it_is_back(bots: Bots) -> None:
    """One 503 at that moment must not cost whoever asked the only thing that rings them."""
    run = await asked(bots, fail_at=1)
    await carried_out(bots, run)
    bots.slack.faults.fail("chat.postMessage")
    with pytest.raises(SlackApiError):
        await bots.replicas[0].following.round()
    assert replies(bots) == []
    for _ in range(3):
        await bots.round(after=HELD)
    assert (len(replies(bots)), len(failures(bots))) == (1, 1)


async def test_what_the_channel_was_not_told_does_not_ring_whoever_asked_twice(
    bots: Bots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reply was taken; the 503 met the message for all."""
    run = await asked(bots, fail_at=1)
    await carried_out(bots, run)
    whole = Poster.post

    async def post(self: Poster, channel: str, said: Said, *, thread: str = "") -> Place:
        if not thread:
            bots.slack.faults.fail("chat.postMessage")
        return await whole(self, channel, said, thread=thread)

    with monkeypatch.context() as broken:
        broken.setattr(Poster, "post", post)
        with pytest.raises(SlackApiError):
            await bots.replicas[0].following.round()
    assert (len(replies(bots)), len(failures(bots))) == (1, 0)
    for _ in range(3):
        await bots.round(after=HELD)
    assert (len(replies(bots)), len(failures(bots))) == (1, 1)


async def test_what_was_in_doubt_and_goes_on_rings_at_its_second_end_as_well(bots: Bots) -> None:
    """Whoever settled it went to do something else meanwhile, too."""
    world = bots.world
    run = await world.proposed("once", bots.ledger, ALICE_HERE, lose_at=1)
    await bots.replicas[0].showing.in_channel(run, TEAM, OPS, to=USERS["alice"])
    assert (await carried_out(bots, run)).state is RunState.NEEDS_REVIEW
    await bots.round(after=HELD)
    await settle(world.database, world.books, world.rules, run.id, "done", ALICE_HERE)
    async with serving(world.carrier()):
        assert (await world.ended(run.id)).state is RunState.SUCCEEDED
    for _ in range(3):
        await bots.round(after=HELD)
    assert ["Needs review" in one.text for one in replies(bots)] == [True, False]
    assert "done in" in replies(bots)[-1].all_text()


async def test_two_bots_that_look_at_once_and_notices_that_come_again_say_the_end_once(bots: Bots) -> None:
    """Each notice may be delivered twice, and to either."""
    run = await asked(bots, fail_at=1)
    await carried_out(bots, run)
    await asyncio.gather(*(bot.following.round() for bot in bots.replicas for _ in range(3)))
    await bots.notice("failed", run.id)
    await bots.notice("queued", run.id)
    for _ in range(3):
        await bots.round(after=HELD)
    assert (len(replies(bots)), len(failures(bots))) == (1, 1)


async def test_an_end_that_another_bot_was_saying_when_it_died_is_said_by_the_next(bots: Bots) -> None:
    """Its notice may come to the next while the dead bot's hold still stands: that one must not count as told."""
    run = await asked(bots)
    denied = await bots.world.vote(run, BOB, "deny", reason="not now")
    dying, living = bots.replicas
    assert await dying.chat.memory.hold(f"end/{run.id}/{(await bots.world.get(denied.id)).ended_at}")
    await living.following.round()
    assert replies(bots) == []
    for _ in range(2):
        bots.clock.moment += HELD
        await living.following.round()
    assert len(replies(bots)) == 1
