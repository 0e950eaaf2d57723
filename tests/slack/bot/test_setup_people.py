"""Whom an id or an address means in Slack: a person who is there, or one sentence."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from k8sops.core.errors import K8sOpsError, UsageError
from k8sops_local_slack import LocalSlack
from k8sops_slack.manifest import SCOPES
from k8sops_slack.setup.people import find_user, greet
from k8sops_slack.setup.tokens import installed
from tests.slack.flows.conftest import workspace


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    async with await LocalSlack.start(workspace(), rate_limits=False) as running:
        yield running


@pytest.fixture
def client(slack: LocalSlack) -> AsyncWebClient:
    return AsyncWebClient(token=slack.workspace.app.bot_token, base_url=slack.base_url)


@pytest.mark.parametrize(
    "asked", ["U0ALICE", "<@U0ALICE>", "@U0ALICE", " U0ALICE ", "<@U0ALICE|al>", "alice@example.com"]
)
async def test_she_is_found_however_she_was_copied(client: AsyncWebClient, asked: str) -> None:
    """Slack's menus copy an id; people paste mentions and addresses."""
    found = await find_user(client, asked)
    assert (found.id, found.name, found.email) == ("U0ALICE", "alice", "alice@example.com")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("alice", "neither a member id nor an e-mail"),
        ("@alice", "neither a member id nor an e-mail"),
        ("U0NOBODY", "there is nobody U0NOBODY"),
        ("nobody@example.com", "there is nobody nobody@example.com"),
        ("U0BOT", "is a bot"),
        ("U0BOB", "has left"),
    ],
)
async def test_who_cannot_be_the_first_person_is_told_why(
    slack: LocalSlack, client: AsyncWebClient, asked: str, told: str
) -> None:
    """A name proves nothing, and somebody who left can come back as another."""
    slack.workspace.users["U0BOB"].deleted = True
    with pytest.raises(UsageError, match=told):
        await find_user(client, asked)


async def test_a_scope_that_is_missing_is_no_missing_person(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    """Else somebody looks for a typo."""
    slack.workspace.app.scopes -= {"users:read.email", "im:write"}
    with pytest.raises(UsageError, match="the bot lacks the scope"):
        await find_user(client, "alice@example.com")
    alice = await find_user(client, "U0ALICE")
    with pytest.raises(K8sOpsError, match="cannot be written to: missing_scope"):
        await greet(client, alice, "alice", "/ops")


async def test_the_greeting_names_the_command_and_escapes_the_person(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    """The first thing anybody reads of it."""
    await greet(client, await find_user(client, "U0ALICE"), "<!channel>", "/ops")
    (said,) = slack.messages(slack.workspace.direct("U0ALICE").id)
    assert "/ops help" in said.all_text()
    assert not said.broadcasts


async def test_an_enterprise_is_the_team_and_scopes_are_what_slack_says(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    """Everything that comes from such a Slack is under the enterprise's id; a policy with the team's matches none."""
    slack.workspace.enterprise_id = "E0BIG"
    slack.workspace.app.scopes |= {"channels:history"}
    slack.workspace.app.scopes -= {"commands"}
    found = await installed(client)
    assert found.team == "E0BIG"
    assert found.missing == {"commands": SCOPES["commands"]}
    assert found.needless == ("channels:history",)
