"""What only opens something, where the store or Slack is slow or broken: whoever clicked sees something, always."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from k8sops.core.errors import UnreachableError
from k8sops.core.run import Run
from k8sops.service.records import Records
from k8sops_local_slack import Message, Patience, Person
from k8sops_slack.bot.app import Bot
from tests.slack.flows.bots import OPS, TEAM, USERS, Bots, open_bots
from tests.support.engine_world import BOB

PATIENT = Patience(ack=60.0, trigger=60.0)
"""A busy machine is not a broken bot."""
NOT_SHOWN = "this could not be shown"


@dataclass
class Listening:
    """A bot that hears clicks, and a request that waits."""

    bots: Bots
    run: Run
    card: Message

    @property
    def bob(self) -> Person:
        """An approver."""
        return self.bots.person("bob")

    async def modal(self, *texts: str) -> None:
        """Wait until bob's dialog says all of this."""
        bob = self.bob
        await self.bots.slack.until(
            lambda: bob.modal and all(text in bob.modal_screen() for text in texts), 60.0
        )

    async def told(self, channel: str | None, text: str) -> None:
        """Wait until bob reads it."""
        await self.bots.slack.until(lambda: text in self.bob.screen(channel), 60.0)


@pytest.fixture
async def listening(tmp_path: Path) -> AsyncIterator[Listening]:
    """The real bot over Socket Mode; the runs need no cluster."""
    async with open_bots(tmp_path, number=1, patience=PATIENT) as bots:
        (replica,) = bots.replicas
        run = await bots.ask()
        await replica.showing.in_channel(run, TEAM, OPS, to=USERS["alice"])
        space = bots.slack.workspace.app
        client = AsyncWebClient(token=space.bot_token, base_url=bots.slack.base_url)
        app = AsyncApp(client=client, signing_secret="none")
        # Not `serving`, whose loops would hurry the clock that is moved by hand.
        bot = Bot(replica.chat, app, bots.said.append)
        handler = AsyncSocketModeHandler(app, space.app_token)
        await handler.connect_async()
        try:
            yield Listening(bots, run, bots.slack.messages(OPS)[0])
        finally:
            await handler.close_async()
            await bot.finish()


@dataclass
class SlowStore:
    """Runs that are read only once `go` is set."""

    go: asyncio.Event
    get_run: Callable[[Records, str], Awaitable[Run]]


@pytest.fixture
def slow_store(monkeypatch: pytest.MonkeyPatch) -> SlowStore:
    """Slower than the three seconds for which Slack opens a dialog."""
    store = SlowStore(asyncio.Event(), Records.get_run)

    async def slow(self: Records, run: str) -> Run:
        await store.go.wait()
        return await store.get_run(self, run)

    monkeypatch.setattr(Records, "get_run", slow)
    return store


@pytest.mark.parametrize(("button", "shown"), [("Details", "*Record*"), ("Deny", "Why not?")])
async def test_a_dialog_opens_before_the_store_is_asked(
    listening: Listening, slow_store: SlowStore, button: str, shown: str
) -> None:
    """Slack opens nothing after three seconds, and then nobody knows whether the click was heard."""
    await listening.bob.click(listening.card, button)
    await listening.modal("Looking…")
    slow_store.go.set()
    await listening.modal(shown)


@pytest.mark.parametrize("button", ["Details", "Deny"])
async def test_a_dialog_that_comes_too_late_is_told_where_it_was_wanted(
    listening: Listening, button: str
) -> None:
    """To whoever clicked, alone, with what to do."""
    listening.bots.slack.world.tickets.trigger_seconds = -1.0
    await listening.bob.click(listening.card, button)
    await listening.told(OPS, NOT_SHOWN)
    assert "expired_trigger_id" in listening.bob.screen(OPS)
    assert "press it again" in listening.bob.screen(OPS)
    assert NOT_SHOWN not in listening.bots.person("alice").screen(OPS)


async def test_the_list_of_actions_that_comes_too_late_is_told_directly(listening: Listening) -> None:
    """A shortcut is chosen in no channel."""
    listening.bots.slack.world.tickets.trigger_seconds = -1.0
    await listening.bob.shortcut("shortcut.action")
    await listening.told(None, NOT_SHOWN)


async def test_a_dialog_that_cannot_be_filled_is_told(listening: Listening) -> None:
    """It would say for ever that it looks."""
    listening.bots.slack.faults.fail("views.update")
    await listening.bob.click(listening.card, "Details")
    await listening.told(OPS, NOT_SHOWN)


async def test_what_the_store_refuses_stands_in_the_dialog(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do about it."""

    async def broken(self: Records, run: str) -> Run:
        raise UnreachableError("the store does not answer", hint="try again in a minute")

    monkeypatch.setattr(Records, "get_run", broken)
    await listening.bob.click(listening.card, "Deny")
    await listening.modal("the store does not answer", "try again in a minute")


async def test_a_page_that_cannot_be_looked_at_again_is_told(listening: Listening) -> None:
    """Whoever looks again believes what they see."""
    await listening.bob.open_home()
    await listening.bots.slack.until(listening.bob.home_screen, 60.0)
    listening.bots.slack.faults.fail("views.publish")
    await listening.bob.click("home", "Look again")
    await listening.told(None, NOT_SHOWN)


async def test_an_approver_comes_from_the_page_to_the_buttons(listening: Listening) -> None:
    """What waits there is decided there: a dialog in which nothing can be done leads nowhere."""
    bob = listening.bob
    await bob.open_home()
    await listening.bots.slack.until(lambda: "Look" in bob.home_screen(), 60.0)
    await bob.click("home", "Look")
    await listening.modal("[Approve]", "[Deny]")
    await bob.click("modal", "Deny")
    await listening.modal("Why not?")
    assert len(listening.bots.slack.world.views.close(USERS["bob"], all_of_them=True)) == 1, (
        "not one on another"
    )


async def test_the_requester_comes_to_what_they_can_do_themselves(listening: Listening) -> None:
    """Their own yes would be refused; to ask again and to withdraw is theirs."""
    alice = listening.bots.person("alice")
    await listening.bots.round()
    await alice.click(listening.card, "Details")
    await listening.bots.slack.until(lambda: alice.modal and "[Withdraw]" in alice.modal_screen(), 60.0)
    assert "[Ask again]" in alice.modal_screen()
    assert "[Approve]" not in alice.modal_screen()
    assert "[Deny]" not in alice.modal_screen()


async def test_who_has_voted_is_not_offered_it_again(listening: Listening) -> None:
    """Of two that are needed one is theirs."""
    await listening.bots.world.vote(listening.run, BOB)
    await listening.bob.click(listening.card, "Details")
    await listening.modal("approved by bob", "[Deny]")
    assert "[Approve]" not in listening.bob.modal_screen()
