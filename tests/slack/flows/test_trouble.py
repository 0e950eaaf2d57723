"""Slack sends twice, puts off and hangs up; bots die and have siblings: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import msgspec
import pytest

from k8sops.core.clock import SystemClock, UlidSource
from k8sops.core.run import RunFilter, RunState, RunSummary
from k8sops.service.chat.doors import INBOX
from k8sops.service.chat.memory import HELD_MS
from k8sops.service.chat.opening import open_chat
from k8sops.service.storing import Storage
from k8sops.store.database import Tx
from k8sops.store.door_rows import remember
from k8sops_slack.bot.asking import Asking
from k8sops_slack.bot.heard import Heard
from k8sops_slack.bot.serving import Tokens, serving
from tests.service.chat.office import TEAM, USERS
from tests.slack.flows.conftest import OPS, Desk


async def runs(desk: Desk) -> tuple[RunSummary, ...]:
    """Every run on record."""
    return await desk.chat.records.runs(RunFilter(states=tuple(RunState)))


async def left_by_the_dead(desk: Desk, heard: Heard) -> None:
    """What a bot took in, told Slack that it had heard, and did not live to do."""
    storage = Storage(desk.office.config, SystemClock(), UlidSource())
    database = await storage.database()

    def work(tx: Tx) -> None:
        remember(tx, INBOX, heard.key, heard.kept, cursor=tx.now_ms() - HELD_MS)

    await database.write(work, name="test.left")
    await storage.aclose()


def scaling(desk: Desk, key: str) -> Heard:
    """A line of alice's."""
    return Heard(
        key=key, kind="line", team=TEAM, user=USERS["alice"], channel=OPS, run_id=UlidSource().new(),
        text=f"scale deployment/web --replicas 3 -n {desk.namespace}",
    )  # fmt: skip


async def test_what_a_bot_heard_and_died_before_doing_is_done_by_the_next(desk: Desk) -> None:
    """Slack was told that it was heard: nobody will say it again."""
    await desk.web(2)
    await left_by_the_dead(desk, scaling(desk, "line/1"))
    await desk.shown("alice", OPS, "Approve", "Asked directly: bob, carol")
    assert [run.state for run in await runs(desk)] == [RunState.AWAITING_APPROVAL]


async def test_what_a_bot_did_and_died_before_saying_so_is_not_done_again(desk: Desk) -> None:
    """The run was proposed, its card may not have been shown: asked again, it is the same run."""
    await desk.web(2)
    heard = scaling(desk, "line/2")
    await left_by_the_dead(desk, heard)
    await desk.shown("alice", OPS, "Approve", "Asked directly: bob, carol")
    await left_by_the_dead(desk, msgspec.structs.replace(heard, key="line/2"))
    await desk.slack.until(lambda: desk.person("alice").screen(OPS).count("Asked directly") == 2)
    assert [run.id for run in await runs(desk)] == [heard.run_id]
    assert desk.person("bob").screen(OPS).count("[Approve]") == 1, "one card"


async def test_what_slack_delivers_twice_is_done_once(desk: Desk) -> None:
    """It does so whenever it believes that nobody heard."""
    await desk.web(2)
    desk.slack.faults.duplicate()
    alice, bob = desk.person("alice"), desk.person("bob")
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}", OPS)
    card = await desk.message(OPS, "Approve")
    desk.slack.faults.duplicate()
    await bob.click(card, "run.approve")
    await desk.shown("alice", OPS, "done in", "3 of 3 replicas ready")
    assert len(await runs(desk)) == 1
    assert "already" not in bob.screen(OPS)


async def test_calls_that_slack_puts_off_and_cuts_are_made_again(desk: Desk) -> None:
    """A busy workspace answers 429 for minutes."""
    await desk.web(2)
    desk.slack.faults.limit("chat.postMessage", 3)
    desk.slack.faults.limit("chat.update", 2)
    desk.slack.faults.limit("conversations.open", 1)
    alice, bob = desk.person("alice"), desk.person("bob")
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}", OPS)
    await bob.click(await desk.message(OPS, "Approve"), "run.approve")
    await desk.shown("alice", OPS, "done in")
    assert len(await runs(desk)) == 1


async def test_of_two_replicas_either_hears_and_one_does(desk: Desk) -> None:
    """Slack sends each payload to one socket, whichever; the other edits no card a second time and posts none."""
    await desk.web(2)
    async with AsyncExitStack() as stack:
        second = await stack.enter_async_context(open_chat(desk.office.config))
        app = desk.slack.workspace.app
        tokens = Tokens(bot=app.bot_token, app=app.app_token, api=desk.slack.base_url)
        said: list[str] = []
        await stack.enter_async_context(serving(second, tokens, said.append, pace_s=0.0))
        await desk.slack.sockets_open(2)
        alice, bob = desk.person("alice"), desk.person("bob")
        await asyncio.gather(*(alice.slash("/k8s runs", OPS) for _ in range(6)))
        await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}", OPS)
        await bob.click(await desk.message(OPS, "Approve"), "run.approve")
        await desk.shown("alice", OPS, "done in")
        card = await desk.message(OPS, "Details")
        await desk.reply(card, "done in")
    assert len(await runs(desk)) == 1
    screen = alice.screen(OPS)
    assert screen.count("*PRODUCTION prod-eu · scale") == 1
    assert screen.count("@alice scale") == 1


async def test_no_secret_reaches_slack_or_the_journal_of_its_calls(desk: Desk) -> None:
    """What is written there is read by everybody, for ever."""
    await desk.web(2)
    alice = desk.person("alice")
    await alice.slash("/k8s whoami", OPS)
    await alice.slash("/k8s get pods", OPS)
    await alice.slash(f"/k8s scale deployment/web --replicas 3 -n {desk.namespace}", OPS)
    await desk.message(OPS, "Approve")
    app = desk.slack.workspace.app
    journal = "\n".join(str(call) for call in desk.slack.journal.calls)
    for secret in (app.bot_token, app.app_token, app.signing_secret, "BEGIN CERTIFICATE", "PRIVATE KEY"):
        assert secret not in journal


async def test_a_mention_is_on_record_before_slack_hears_of_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bolt acks events by itself: a bot that died right after that would have lost what was said to it."""
    alice, take_in = desk.person("alice"), desk.chat.memory.take_in
    begun, go = asyncio.Event(), asyncio.Event()

    async def held(key: str, asked: str) -> bool:
        begun.set()
        await go.wait()
        return await take_in(key, asked)

    monkeypatch.setattr(desk.chat.memory, "take_in", held)
    said = await alice.mention(OPS, "help", wait=False)
    assert said is not None
    await begun.wait()
    # Whatever else comes is acked meanwhile: there was time enough.
    opened = await alice.open_home()
    assert opened is not None
    assert opened.acked
    assert said.state == "waiting"
    go.set()
    await desk.slack.until(lambda: said.acked)


async def test_a_defect_is_said_to_whoever_met_it_and_is_not_met_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept and tried for ever, one bad line would end what does all that is left over, and nobody would be told."""

    async def broken(self: object, heard: Heard) -> None:
        raise ZeroDivisionError("secret of the defect")

    monkeypatch.setattr(Asking, "do", broken)
    await left_by_the_dead(desk, scaling(desk, "line/3"))
    await left_by_the_dead(desk, scaling(desk, "line/4"))
    await desk.shown("alice", OPS, "this failed: a defect of this program, ZeroDivisionError")
    alice = desk.person("alice")
    await desk.slack.until(lambda: alice.screen(OPS).count("ZeroDivisionError") > 1, 60.0)
    assert "secret of the defect" not in alice.screen(OPS)
