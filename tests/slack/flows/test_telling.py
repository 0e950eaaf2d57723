"""Who hears of a request, over two bots on one store: once each, one person's together, and again in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from slack_sdk.errors import SlackApiError

from k8sops.core.errors import AlreadyDecidedError, DeniedError
from k8sops.core.run import Run
from k8sops.service.chat.acting import ChatUser
from k8sops.service.chat.memory import HELD_MS
from k8sops_slack.bot.heard import Heard
from k8sops_slack.bot.reading import Reading
from k8sops_slack.thread.several import LISTED
from k8sops_slack.typed.commands import Asked as Typed
from tests.slack.flows.bots import OPS, OTHER, TEAM, TTL, USERS, Bots, open_bots
from tests.slack.flows.conftest import Desk
from tests.support.engine_world import ALICE, BOB

HELD = timedelta(milliseconds=HELD_MS)


@pytest.fixture
async def bots(tmp_path: Path) -> AsyncIterator[Bots]:
    """Everybody who may approve is asked at once."""
    async with open_bots(tmp_path) as found:
        yield found


@pytest.fixture
async def on_call(tmp_path: Path) -> AsyncIterator[Bots]:
    """Bob is on call; the others are asked later."""
    async with open_bots(tmp_path, slack_rules={"on_call": ["night"]}) as found:
        yield found


async def nudged(bots: Bots, run: Run, replica: int = 0) -> str:
    """What alice is told when she asks again."""
    return str((await bots.replicas[replica].telling.nudge(run, "alice", TEAM)).text)


async def test_several_requests_of_one_person_are_one_message_and_ring_once(bots: Bots) -> None:
    """Five drains asked for in a row are one decision, and five messages are four too many."""
    runs = [await bots.ask(items=number) for number in (1, 2)]
    await bots.round()
    (card,) = bots.direct("bob")
    assert "asks for 2 approvals" in card.all_text()
    runs.append(await bots.ask(items=3))
    await bots.round()
    (card,) = bots.direct("bob")
    assert "asks for 3 approvals" in card.all_text()
    assert all(run.plan.digest in str(card.blocks) for run in runs), "each has buttons of its own"
    assert (bots.rang("bob"), bots.rang("carol")) == (1, 1)


async def test_the_list_shrinks_to_a_card_and_says_what_became_of_the_others(bots: Bots) -> None:
    """What is decided elsewhere must not be offered here, and nobody may wonder where it went."""
    first, second = await bots.ask(items=1), await bots.ask(items=2)
    await bots.round()
    await bots.world.vote(first, BOB, "deny", reason="not now")
    await bots.round()
    (card,) = bots.direct("carol")
    screen = bots.person("carol").screen()
    assert "2 approvals" not in screen
    assert second.plan.digest in str(card.blocks)
    assert first.plan.digest not in str(card.blocks)
    assert "denied" in screen
    await bots.world.vote(second, BOB, "deny", reason="not now either")
    await bots.round()
    assert "Nothing waits any more of what alice asked for" in bots.person("carol").screen()
    assert "[Approve]" not in bots.person("carol").screen()


async def test_a_request_of_somebody_else_is_a_message_of_its_own(bots: Bots) -> None:
    """Two people's requests are two decisions."""
    await bots.ask()
    await bots.ask(BOB)
    await bots.round()
    assert len(bots.direct("carol")) == 2
    assert len(bots.direct("bob")) == 1, "nobody is asked for their own"


async def test_more_than_a_message_holds_are_counted_with_where_to_see_them(bots: Bots) -> None:
    """Slack refuses what is too long, and then nobody is asked for anything."""
    for number in range(22):
        await bots.ask(items=number + 1)
    await bots.round()
    (card,) = bots.direct("bob")
    shown = sum(block["type"] == "actions" for block in card.blocks)
    assert 5 <= shown <= LISTED
    assert f"and {22 - shown} more" in card.all_text()
    assert "/k8s runs" in card.all_text()
    assert bots.slack.journal.refused() == []


async def test_what_joins_a_message_that_rang_long_ago_rings_once_more(bots: Bots) -> None:
    """An edit rings nobody: the second request would be seen by chance."""
    await bots.ask()
    await bots.round()
    await bots.ask(items=5)
    await bots.round(after=timedelta(minutes=30))
    assert bots.rang("bob") == 2
    assert "asks for one more" in bots.person("bob").notifications()[-1]
    assert len([one for one in bots.direct("bob") if one.thread_ts is None]) == 1


async def test_each_approver_is_reminded_once_at_half_the_time_of_all_that_waits(bots: Bots) -> None:
    """Over both bots, and of both requests in one message; who has voted is left alone."""
    await bots.ask(items=1)
    await bots.ask(items=2)
    await bots.round()
    before = bots.rang("bob")
    await bots.round(after=TTL / 2)
    await bots.round()
    assert (bots.rang("bob"), bots.rang("carol")) == (before + 1, before + 1)
    assert "still waits for you: 2 approvals" in bots.person("bob").notifications()[-1]


async def test_a_reminder_leads_to_the_card_that_its_reader_was_sent(bots: Bots) -> None:
    """It stands hours above, among all else that the bot has said."""
    first, second = await bots.ask(items=1), await bots.ask(items=2)
    await bots.replicas[0].showing.in_channel(first, TEAM, OPS, to="")
    await bots.round()
    (card,) = bots.direct("bob")
    await bots.round(after=TTL / 2)
    address = f"/archives/{card.channel}/p{card.ts.replace('.', '')}"
    assert bots.direct("bob")[-1].all_text().count(f"{address}|to its card>") == 2
    await bots.world.vote(second, BOB, "deny", reason="not now")
    await nudged(bots, first)
    assert f"{address}|to its card>" in bots.direct("bob")[-1].all_text()


async def test_a_reminder_of_a_card_that_is_gone_comes_without_a_link(bots: Bots) -> None:
    """Somebody has cleaned up; what waits waits."""
    await bots.ask()
    await bots.round()
    (card,) = bots.direct("bob")
    card.deleted = True
    await bots.round(after=TTL / 2)
    assert "still waits for you" in bots.direct("bob")[-1].text
    assert "to its card" not in bots.direct("bob")[-1].all_text()


async def test_a_reminder_that_slack_refuses_for_one_reaches_the_others(bots: Bots) -> None:
    """An account that was closed must not keep everybody else from being reminded."""
    bots.slack.workspace.users[USERS["bob"]].deleted = True
    await bots.ask()
    await bots.round()
    await bots.round(after=TTL / 2)
    await bots.round()
    assert (bots.rang("bob"), bots.rang("carol")) == (0, 2)
    assert bots.said == [f"{USERS['bob']} could not be told: user_disabled"]


async def test_what_a_broken_slack_did_not_take_is_told_when_it_is_back(bots: Bots) -> None:
    """A minute of 503 must not cost anybody the request, the reminder, or their one nudge in ten minutes."""
    (bot, *_), broken = bots.replicas, bots.slack.faults
    run = await bots.ask()
    broken.fail("chat.postMessage")
    with pytest.raises(SlackApiError):
        await bot.following.round()
    await bots.round(after=HELD)
    assert (bots.rang("bob"), bots.rang("carol")) == (1, 1)
    broken.fail("chat.postMessage")
    with pytest.raises(SlackApiError):
        await nudged(bots, run)
    assert "Asked again just now." in await nudged(bots, run)
    assert bots.rang("carol") == 2
    bots.clock.moment += TTL / 2
    broken.fail("chat.postMessage")
    with pytest.raises(SlackApiError):
        await bot.telling.remind()
    await bots.round()
    await bots.round()
    assert (bots.rang("bob"), bots.rang("carol")) == (3, 3)


async def test_the_requester_sees_who_was_told_and_may_ask_again_every_ten_minutes(bots: Bots) -> None:
    """Whoever waits needs to know for whom; whoever is rung every minute mutes the bot."""
    run = await bots.ask()
    await bots.round()
    told = await bots.replicas[1].telling.told(run, TEAM)
    assert "Asked directly: bob, carol (<!date^" in told.text
    before = bots.rang("bob")
    assert "Asked again just now." in await nudged(bots, run)
    assert bots.rang("bob") == before + 1
    bots.clock.moment += timedelta(minutes=9)
    with pytest.raises(DeniedError, match="they were asked again 9 min ago"):
        await nudged(bots, run, replica=1)
    assert bots.rang("bob") == before + 1
    bots.clock.moment += timedelta(minutes=1)
    assert "Asked again just now." in await nudged(bots, run, replica=1)
    with pytest.raises(DeniedError, match="whoever asked for it asks again"):
        await bots.replicas[0].telling.nudge(run, "carol", TEAM)


async def test_nobody_is_asked_again_for_what_waits_no_more(bots: Bots) -> None:
    """An approver who comes, and finds that it was withdrawn, does not come the next time."""
    withdrawn, denied = await bots.ask(items=1), await bots.ask(items=2)
    await bots.round()
    await bots.world.desk.cancel(withdrawn.id, ALICE, "")
    await bots.world.vote(denied, BOB, "deny", reason="not now")
    before = bots.rang("carol")
    for run in (withdrawn, denied):
        with pytest.raises(AlreadyDecidedError, match="waits for nobody's approval any more"):
            await nudged(bots, await bots.world.get(run.id))
    assert bots.rang("carol") == before


async def test_who_was_asked_is_seen_again_by_the_requester_alone(bots: Bots) -> None:
    """What only one person sees is gone when they open Slack anew; the command shows it again."""
    run = await bots.ask()
    await bots.round()
    reading = Reading(bots.replicas[1].chat)
    screens = {}
    for name in ("alice", "bob"):
        heard = Heard(key=name, kind="line", team=TEAM, user=USERS[name])
        said = await reading.without_cluster(Typed(word="run", about=run.id), heard)
        screens[name] = str(said)
    assert "Asked directly: bob, carol" in screens["alice"]
    assert "Ask again" in screens["alice"]
    assert "Asked directly" not in screens["bob"]


async def test_who_cannot_be_reached_is_named_to_the_requester(bots: Bots) -> None:
    """They believe that two people look at it, and one of them has left."""
    bots.slack.workspace.users[USERS["bob"]].deleted = True
    run = await bots.ask()
    await bots.round()
    told = (await bots.replicas[0].telling.told(run, TEAM)).text
    assert "Asked directly: carol (" in told
    assert told.endswith("Not reached: bob.")


async def test_nobody_decides_so_the_others_are_asked_and_the_requester_hears_it_once(on_call: Bots) -> None:
    """Three quarters of the time are gone."""
    bots = on_call
    await bots.ask()
    await bots.round()
    assert (bots.rang("bob"), bots.rang("carol")) == (1, 0)
    await bots.round(after=TTL * 3 / 4)
    await bots.round()
    assert bots.rang("carol") == 1
    (told,) = bots.direct("alice")
    assert "others are asked as well" in told.all_text()
    assert "carol" in told.all_text()


async def test_where_the_rule_names_nobody_who_can_be_asked_the_requester_is_told(tmp_path: Path) -> None:
    """Else they wait for an escalation that never comes."""
    rules = {"on_call": ["sre"], "escalate_to": ["dev"]}
    async with open_bots(tmp_path, slack_rules=rules) as bots:
        await bots.ask()
        await bots.round(after=TTL * 3 / 4)
        await bots.round()
        (told,) = bots.direct("alice")
    assert "nobody of dev can be asked here" in told.all_text()


async def test_the_card_of_a_request_mentions_its_group_once_and_only_where_policy_asks_for_it(
    tmp_path: Path,
) -> None:
    """A mention rings a whole team: not for each channel, and not for each edit."""
    group = {"team": TEAM, "usergroup": "S0SRE", "group": "sre"}
    async with open_bots(tmp_path, slack_rules={"usergroups": [group | {"mention": True}]}) as bots:
        run = await bots.ask()
        first, second = (bot.showing for bot in bots.replicas)
        await first.in_channel(run, TEAM, OPS, to="")
        await second.in_channel(run, TEAM, OTHER, to="")
        (card,), (copy,) = bots.slack.messages(OPS), bots.slack.messages(OTHER)
        assert "2 of <!subteam^S0SRE>" in card.all_text()
        assert "2 of @sre" in copy.all_text()
        await bots.round()
        assert card.edits == 0, "not for the mention alone"
        await bots.world.vote(run, BOB)
        await first.refresh(run.id)
        (card,) = bots.slack.messages(OPS)
        assert "approved by bob" in card.all_text()
        assert "2 of @sre" in card.all_text()
    (tmp_path / "other").mkdir()
    async with open_bots(tmp_path / "other", slack_rules={"usergroups": [group]}) as bots:
        await bots.replicas[0].showing.in_channel(await bots.ask(), TEAM, OPS, to="")
        (card,) = bots.slack.messages(OPS)
        assert "2 of @sre" in card.all_text()


async def test_a_card_that_slack_did_not_take_mentions_its_group_when_it_is_back(tmp_path: Path) -> None:
    """One 503 must not cost the request its only ring."""
    group = {"team": TEAM, "usergroup": "S0SRE", "group": "sre", "mention": True}
    async with open_bots(tmp_path, slack_rules={"usergroups": [group]}) as bots:
        run, showing = await bots.ask(), bots.replicas[0].showing
        bots.slack.faults.fail("chat.postMessage")
        with pytest.raises(SlackApiError):
            await showing.in_channel(run, TEAM, OPS, to="")
        await showing.in_channel(run, TEAM, OPS, to="")
        (card,) = bots.slack.messages(OPS)
        assert "2 of <!subteam^S0SRE>" in card.all_text()


async def test_a_bot_that_dies_before_it_has_sent_is_made_up_for_by_the_next(bots: Bots) -> None:
    """What it had begun stands in the store: nobody is left out, and nobody asked twice."""
    run = await bots.ask()
    dying, living = bots.replicas
    for name in ("bob", "carol"):
        await dying.chat.memory.together.asked(ChatUser(team=TEAM, user=USERS[name]), run, {run.id})
    await living.following.round()
    assert (len(bots.direct("bob")), len(bots.direct("carol"))) == (1, 1)
    await asyncio.gather(*(bot.telling.ask(run, wave=0) for bot in bots.replicas))
    assert (bots.rang("bob"), bots.rang("carol")) == (1, 1)


async def test_from_the_list_one_request_is_approved_and_the_other_is_left(desk: Desk) -> None:
    """With the real bot on a real cluster: each button means its own run."""
    await desk.web(2)
    alice, bob = desk.person("alice"), desk.person("bob")
    for replicas in (3, 4):
        await alice.slash(f"/k8s scale deployment/web --replicas {replicas} -n {desk.namespace}", OPS)
        await desk.shown("alice", OPS, f"from 2 to {replicas} replicas")
    await desk.shown("bob", None, "asks for 2 approvals", "from 2 to 3 replicas", "from 2 to 4 replicas")
    (card,) = [one for one in desk.slack.messages(desk.direct("bob")) if one.thread_ts is None]
    await bob.click(card, "run.approve")
    await desk.shown("alice", OPS, "3 of 3 replicas ready", "approved by bob")
    await desk.shown("bob", None, "succeeded", "from 2 to 4 replicas")
    assert bob.screen().count("[Approve]") == 1
    assert await desk.replicas() == 3
