"""A bot that dies, is told to end, or has a sibling: what was asked for is done, once; counted in the audit log."""

from __future__ import annotations

import asyncio
import signal

from sqlalchemy import select

from k8sops.store.schema import carriers
from tests.slack.flows.conftest import OPS
from tests.slack.processes.conftest import Site
from tests.support.workloads import NEVER_READY


async def test_killed_between_ack_and_work_what_was_asked_and_what_was_approved_are_done_once(
    site: Site,
) -> None:
    """Slack has heard that it was heard, and says nothing twice: only the record knows."""
    await site.web()
    alice, bob = site.person("alice"), site.person("bob")
    first = await site.bot()
    site.proxy.pause()
    sent = await alice.slash(site.scaling(), OPS)
    assert sent.acked
    await first.killed()
    assert (await site.recorded())["run.proposed"] == 0
    site.proxy.resume()
    await site.a_minute_passes()
    second = await site.bot()
    card = await site.card(OPS, "Approve", "run.details")
    site.proxy.pause()
    clicked = await bob.click(card, "run.approve")
    assert clicked is not None
    assert clicked.acked
    await second.killed()
    site.proxy.resume()
    await site.a_minute_passes()
    await site.bot()
    await site.card(OPS, "done in")
    recorded = await site.recorded()
    assert [recorded[code] for code in ("run.proposed", "run.voted", "run.approved", "run.succeeded")] == [
        1
    ] * 4
    assert await site.replicas() == 3


async def test_killed_while_it_carries_a_run_the_next_one_ends_it_and_the_card_is_true(site: Site) -> None:
    """The scale was sent; what was left is to wait, and to tell."""
    await site.web(**NEVER_READY)
    alice, bob = site.person("alice"), site.person("bob")
    first = await site.bot()
    await alice.slash(site.scaling(), OPS)
    await bob.click(await site.card(OPS, "Approve"), "run.approve")
    await site.on_record("run.running")
    while await site.replicas() != 3:  # noqa: ASYNC110 - the cluster rings no bell
        await asyncio.sleep(0.05)
    await first.killed()
    await site.bot()
    await site.get_ready()
    await site.card(OPS, "done in")
    await site.card(OPS, "run.details", "3 of 3 replicas ready")
    recorded = await site.recorded()
    assert [recorded[code] for code in ("run.proposed", "run.running", "run.succeeded")] == [1] * 3
    screen = alice.screen(OPS)
    assert screen.count("*PRODUCTION prod-eu · scale") == 1
    assert "[Cancel]" not in screen


async def test_what_comes_again_to_a_bot_that_stood_still_is_done_once(site: Site) -> None:
    """A machine that swaps answers too late: Slack sends again, and both are there when it goes on."""
    await site.web()
    alice, bob = site.person("alice"), site.person("bob")
    stood = await site.bot()
    stood.told(signal.SIGSTOP)
    typed = await alice.slash(site.scaling(), OPS, wait=False)
    said = await alice.mention(OPS, "runs", wait=False)
    assert said is not None
    for delivery in (typed, said):
        site.slack.world.outbox.resend(delivery)
    stood.told(signal.SIGCONT)
    card = await site.card(OPS, "run.approve")
    stood.told(signal.SIGSTOP)
    clicked = await bob.click(card, "run.approve", wait=False)
    assert clicked is not None
    site.slack.world.outbox.resend(clicked)
    stood.told(signal.SIGCONT)
    await site.card(OPS, "done in")
    recorded = await site.recorded()
    assert [recorded[code] for code in ("run.proposed", "run.voted", "run.succeeded")] == [1] * 3
    assert recorded["run.vote_refused"] == 0


async def test_told_to_end_it_hands_over_what_it_carries_and_leaves_nothing(site: Site) -> None:
    """A rollout of the bot in the middle of a drain: the next one goes on at once, not when a lease ends."""
    await site.web(**NEVER_READY)
    alice, bob = site.person("alice"), site.person("bob")
    first = await site.bot("--grace", "1")
    await alice.slash(site.scaling(), OPS)
    await bob.click(await site.card(OPS, "Approve"), "run.approve")
    await site.on_record("run.running")
    assert await first.ended() == 0
    assert "Traceback" not in first.said
    assert "stopped" in first.said.splitlines()[-1]
    assert site.slack.sockets.open == []
    assert await site.rows(select(carriers.c.id)) == 0
    assert (await site.recorded())["run.succeeded"] == 0
    await site.bot()
    await site.get_ready()
    await site.card(OPS, "done in")
    recorded = await site.recorded()
    assert [recorded[code] for code in ("run.running", "run.succeeded", "carrier.stopped")] == [1] * 3


async def test_of_two_bots_one_dies_in_a_storm_and_nothing_is_lost_or_doubled(site: Site) -> None:
    """Each payload goes to one of the sockets, some come twice, calls are put off: six changes are six runs."""
    names = [f"web-{number}" for number in range(6)]
    for name in names:
        await site.web(name)
    alice, bob = site.person("alice"), site.person("bob")
    one, _ = await site.bot(), await site.bot()
    await site.slack.sockets_open(2)
    for method in ("chat.postMessage", "chat.update", "chat.postEphemeral", "conversations.open"):
        site.slack.faults.limit(method, 3)
    site.slack.faults.duplicate(6)
    await asyncio.gather(*(alice.slash(site.scaling(name), OPS) for name in names))
    await site.on_record("run.proposed", len(names))
    cards = [await site.card(OPS, f"/{name}", "run.approve") for name in names]
    site.slack.faults.duplicate(3)
    clicks = [await bob.click(card, "run.approve", wait=number < 3) for number, card in enumerate(cards[:4])]
    if await site.dies_with(one, clicks[3]):
        # Slack shows that this one failed: one clicks again.
        await bob.click(cards[3], "run.approve")
    for card in cards[4:]:
        await bob.click(card, "run.approve")
    await site.a_minute_passes()
    await site.on_record("run.succeeded", len(names))
    recorded = await site.recorded()
    once = ("run.proposed", "run.voted", "run.approved", "run.running", "run.succeeded")
    assert [recorded[code] for code in once] == [len(names)] * len(once)
    assert [await site.replicas(name) for name in names] == [3] * len(names)
    for name in names:
        await site.card(OPS, f"/{name}", "3 of 3 replicas ready")
