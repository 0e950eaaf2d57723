"""What policy sends to a channel where nobody asked: gathered, held back in quiet hours, once over two bots."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from k8sops.core.run import Run
from k8sops.service.chat.news import News, rules_for
from k8sops_local_slack import Message
from k8sops_slack.bot.following import REMIND_EVERY_S
from k8sops_slack.bot.newscast import NEWS_LASTS
from tests.slack.flows.bots import OPS, TEAM, Bots, open_bots
from tests.support.engine_world import BOB
from tests.support.ledger import CLUSTER

RULE: dict[str, Any] = {"on": ["denied", "backup.overdue", "schedule.*"], "team": TEAM, "channel": OPS}
OVERDUE = "the newest complete backup of <!channel> is 30 h old; 26 h are allowed"
LOOKED = timedelta(seconds=REMIND_EVERY_S)


@pytest.fixture
async def bots(tmp_path: Path) -> AsyncIterator[Bots]:
    """What is denied or overdue goes to a channel."""
    async with open_bots(tmp_path, slack_rules={"notify": [RULE]}) as found:
        yield found


async def denied(bots: Bots, items: int = 1) -> Run:
    """A run that ended, which is news."""
    run = await bots.ask(items=items)
    return await bots.world.vote(run, BOB, "deny", reason="not now")


def told(bots: Bots) -> list[Message]:
    """What stands in the channel, replies apart."""
    return [one for one in bots.slack.messages(OPS) if one.thread_ts is None]


async def test_news_of_one_minute_become_one_message_with_a_list(bots: Bots) -> None:
    """Five failures ring once; the first is told at once, not after it has been seen whether there are more."""
    first = await denied(bots)
    await bots.round(after=LOOKED / 2)
    (card,) = told(bots)
    assert "*demo · ledger line/item-0*" in card.all_text(), "alone it is its card"
    others = [await denied(bots, number) for number in (2, 3, 4, 5)]
    await bots.round(after=LOOKED / 2)
    (card,) = told(bots)
    assert card.text == "5 runs denied"
    assert all(run.id in str(card.blocks) for run in (first, *others))
    await denied(bots, 6)
    await bots.round(after=timedelta(minutes=1))
    assert len(told(bots)) == 2


async def test_what_is_old_is_no_news(bots: Bots) -> None:
    """A bot that is begun on a store of months must not say all of it at once."""
    await denied(bots)
    bots.clock.moment += NEWS_LASTS + timedelta(minutes=1)
    await bots.round()
    assert told(bots) == []


async def test_what_is_of_no_run_is_told_in_its_own_sentence(bots: Bots) -> None:
    """A backup that is overdue has no card; and what a cluster calls itself mentions nobody."""
    await bots.notice("backup.overdue", text=OVERDUE)
    run = await bots.ask()
    await bots.notice("schedule.fired", run.id, text="nightly fired; the run waits")
    await bots.round()
    (card,) = told(bots)
    assert card.text == "1 backup overdue, 1 schedule fired"
    assert "is 30 h old" in card.all_text()
    assert "nightly fired; the run waits" in card.all_text()
    assert "<!channel>" not in card.all_text()


async def test_news_of_a_cluster_go_by_the_rules_for_it(tmp_path: Path) -> None:
    """A backup of staging that is overdue need not wake those who look after production."""
    rules = [RULE | {"clusters": ["demo"]}]
    async with open_bots(tmp_path, slack_rules={"notify": rules}) as bots:
        await bots.notice("backup.overdue", text="of another", cluster="c-9")
        await bots.notice("backup.overdue", text="of this", cluster=CLUSTER.uid)
        await bots.round()
        (card,) = told(bots)
    assert "of this" in card.all_text()
    assert "of another" not in card.all_text()


async def test_beyond_so_many_an_hour_there_is_one_summary(tmp_path: Path) -> None:
    """A broken pipeline at night must not bury what somebody else has to see in the channel."""
    async with open_bots(tmp_path, slack_rules={"notify": [RULE | {"per_hour": 2}]}) as bots:
        for number in range(1, 6):
            await denied(bots, number)
            await bots.round(after=timedelta(minutes=2))
        assert len(told(bots)) == 2
        await bots.round(after=timedelta(minutes=60))
        (*_, summary) = told(bots)
        assert (len(told(bots)), summary.text) == (3, "3 runs denied")
        assert "until the channel took another message" in summary.all_text()


async def test_in_quiet_hours_news_wait_for_the_end_and_what_is_urgent_does_not(tmp_path: Path) -> None:
    """The clock stands at three in the morning, four in Berlin."""
    quiet = {"from": "22:00", "to": "07:00", "zone": "Europe/Berlin", "except": ["backup.overdue"]}
    async with open_bots(tmp_path, slack_rules={"notify": [RULE | {"quiet": quiet}]}) as bots:
        for number in (1, 2):
            await denied(bots, number)
            await bots.round()
        await bots.notice("backup.overdue", text=OVERDUE)
        await bots.round()
        (urgent,) = told(bots)
        assert "is 30 h old" in urgent.all_text()
        await bots.round(after=timedelta(hours=2))
        assert len(told(bots)) == 1
        await bots.round(after=timedelta(hours=1))
        (_, summary) = told(bots)
    assert summary.text == "2 runs denied"
    assert "quiet hours" in summary.all_text()


async def test_the_thread_of_whoever_is_awake_is_told_in_quiet_hours_too(tmp_path: Path) -> None:
    """They asked for it, and wait for it."""
    quiet = {"from": "00:00", "to": "24:00"}
    async with open_bots(tmp_path, slack_rules={"notify": [RULE | {"quiet": quiet}]}) as bots:
        run = await bots.ask()
        card = await bots.replicas[0].showing.in_channel(run, TEAM, OPS, to="")
        await bots.world.vote(run, BOB, "deny", reason="not now")
        await bots.round()
        (shown,) = told(bots)
    assert shown.ts == card.ts
    assert "denied" in shown.all_text()


async def test_a_run_whose_card_stands_in_the_channel_is_told_there_by_its_card(bots: Bots) -> None:
    """The same twice, one below the other, is what makes people leave a channel."""
    run = await bots.ask()
    await bots.replicas[0].showing.in_channel(run, TEAM, OPS, to="")
    await bots.world.vote(run, BOB, "deny", reason="not now")
    await bots.round()
    (card,) = told(bots)
    assert "denied" in card.all_text()


async def test_a_failure_is_told_anew_where_the_run_was_news_before(tmp_path: Path) -> None:
    """An edit of what scrolled away rings nobody; beside a card of its own the failure is told anyway."""
    rules = {"notify": [RULE | {"on": ["awaiting_approval", "failed"]}]}
    async with open_bots(tmp_path, slack_rules=rules) as bots:
        run = await bots.ask()
        await bots.round()
        assert len(told(bots)) == 1
        await bots.notice("awaiting_approval", run.id)
        await bots.round(after=timedelta(minutes=2))
        assert len(told(bots)) == 1
        await bots.notice("failed", run.id)
        await bots.round(after=timedelta(minutes=2))
        assert len(told(bots)) == 2
        other = await bots.ask(items=2)
        await bots.replicas[0].showing.in_channel(other, TEAM, OPS, to="")
        await bots.notice("failed", other.id)
        await bots.round(after=timedelta(minutes=2))
        assert len(told(bots)) == 3


async def test_what_a_bot_had_begun_to_say_when_it_died_is_said_by_the_next(bots: Bots) -> None:
    """The notice counts as taken in: nobody would come back to it."""
    run = await denied(bots)
    dying, living = bots.replicas
    policy = await dying.chat.desk.policy()
    for notice in await dying.chat.memory.notices():
        if notice.kind == "denied":
            news = News(id=notice.id, kind=notice.kind, run=run.id)
            await dying.chat.memory.together.told(TEAM, OPS, news, rules_for(policy, TEAM, OPS), 20)
        await dying.chat.memory.told(notice)
    assert told(bots) == []
    await living.following.round()
    (card,) = told(bots)
    assert "denied" in card.all_text()


async def test_a_storm_is_one_edit_and_a_channel_that_takes_nothing_is_told_to_who_runs_the_bot(
    bots: Bots,
) -> None:
    """Slack takes some fifty edits a minute, of all messages together."""
    for number in range(1, 11):
        await denied(bots, number)
    await bots.replicas[0].following.round()
    (card,) = told(bots)
    assert (card.text, card.edits) == ("10 runs denied", 0)
    bots.slack.workspace.channels[OPS].members.discard(bots.slack.workspace.app.bot_user)
    await denied(bots)
    for _ in range(3):
        await bots.round(after=timedelta(minutes=2))
    assert len(bots.said) == 1
    assert "not_in_channel" in bots.said[0]


async def test_two_bots_that_look_at_once_say_it_once(bots: Bots) -> None:
    """Each is told by the store who is at it."""
    for number in range(1, 4):
        await denied(bots, number)
    await asyncio.gather(*(bot.following.round() for bot in bots.replicas for _ in range(3)))
    (card,) = told(bots)
    assert card.text == "3 runs denied"
    assert bots.said == []
