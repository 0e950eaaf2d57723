"""A local Slack on a clock that stands still, and the official SDK's client on it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from k8sops_local_slack import LocalSlack, Person, PlayedTime, Workspace, usual_app
from tests.slack.local.support import ALICE, BOB, OPS, RawBot


def small_workspace() -> Workspace:
    """Two people and a group, a channel with the app, and one without it."""
    space = Workspace(usual_app())
    space.add_user(ALICE, "alice")
    space.add_user(BOB, "bob", tz_offset=-5 * 3600)
    space.add_usergroup("S0SRE", "sre", BOB)
    space.add_channel(OPS, "ops", ALICE, BOB)
    space.add_channel("C0OTHER", "other", ALICE, bot=False)
    space.add_channel("C0SECRET", "secret", ALICE, kind="private", bot=False)
    return space


@pytest.fixture
def space() -> Workspace:
    return small_workspace()


@pytest.fixture
def clock() -> PlayedTime:
    return PlayedTime()


@pytest.fixture
async def slack(space: Workspace, clock: PlayedTime) -> AsyncIterator[LocalSlack]:
    async with await LocalSlack.start(space, clock=clock) as running:
        yield running


@pytest.fixture
def client(slack: LocalSlack) -> AsyncWebClient:
    return AsyncWebClient(token=slack.workspace.app.bot_token, base_url=slack.base_url)


@pytest.fixture
async def bot(slack: LocalSlack) -> AsyncIterator[RawBot]:
    async with RawBot(slack) as connected:
        await connected.connect()
        yield connected


@pytest.fixture
def alice(slack: LocalSlack) -> Person:
    return slack.person(ALICE)


@pytest.fixture
def bob(slack: LocalSlack) -> Person:
    return slack.person(BOB)
