"""One browser for all of this folder's tests in a process; where a machine has none, they are skipped and say so."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from k8sops_local_slack import Patience, Workspace, app_from_manifest
from k8sops_local_slack.page.served import PagedSlack
from k8sops_slack.manifest import manifest
from tests.slack.browser.support import Hearing
from tests.slack.local.support import ALICE, BOB, OPS, RawBot
from tools.browser import Tab, find_browser, open_tab

PATIENT = Patience(ack=60.0, trigger=60.0)
NO_BROWSER = "no Chromium is on the PATH, and K8SOPS_BROWSER names none; `make browser` installs one as root"


@pytest.fixture(scope="session")
async def window() -> AsyncIterator[Tab]:
    browser = find_browser()
    if browser is None:
        pytest.skip(NO_BROWSER)
    async with open_tab(browser) as tab:
        yield tab


@pytest.fixture
async def tab(window: Tab, paged: PagedSlack) -> AsyncIterator[Tab]:
    """The browser's tab on a Slack; whatever its console was told as an error fails the test."""
    window.trouble.clear()
    yield window
    trouble = [*window.trouble]
    # The page asks its server again and again, and goes before that does.
    await window.call("Page.navigate", url="about:blank")
    await window.until("location.href === 'about:blank'")
    assert trouble == []


@pytest.fixture
async def paged() -> AsyncIterator[PagedSlack]:
    space = Workspace(app_from_manifest(manifest()))
    space.add_user(ALICE, "alice")
    space.add_user(BOB, "bob")
    space.add_channel(OPS, "ops", ALICE, BOB)
    async with await PagedSlack.start(space, patience=PATIENT, rate_limits=False) as running:
        yield running


@pytest.fixture
def client(paged: PagedSlack) -> AsyncWebClient:
    return AsyncWebClient(token=paged.workspace.app.bot_token, base_url=paged.base_url)


@pytest.fixture
async def hearing(paged: PagedSlack) -> AsyncIterator[Hearing]:
    async with RawBot(paged) as bot:
        await bot.connect()
        async with Hearing(bot) as heard:
            yield heard
