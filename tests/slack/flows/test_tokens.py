"""Tokens that Slack refuses are told at once, by name: a bot that retries for ever looks like one that works."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.errors import CredentialsError, ExitCode, UnreachableError, UsageError
from k8sops.sandbox.manager import SandboxHandle
from k8sops.service.chat.opening import ChatService, open_chat
from k8sops_local_slack import LocalSlack
from k8sops_slack.bot.serving import Tokens, serving, tokens_from
from tests.service.chat.office import open_office
from tests.slack.flows.conftest import workspace


@pytest.fixture
async def chat(cluster: KubeCluster, sandbox: SandboxHandle, tmp_path: Path) -> AsyncIterator[ChatService]:
    """The service, before any bot."""
    async with open_office(cluster, sandbox, tmp_path) as office, open_chat(office.config) as found:
        yield found


@pytest.mark.parametrize("name", ["bot", "app"])
async def test_a_token_slack_refuses_is_named(chat: ChatService, name: str) -> None:
    """Never the token itself."""
    async with await LocalSlack.start(workspace()) as slack:
        app = slack.workspace.app
        good = {"bot": app.bot_token, "app": app.app_token}
        tokens = Tokens(**{**good, name: f"x{good[name][1:4]}-hunter2"}, api=slack.base_url)
        with pytest.raises(CredentialsError, match=f"Slack refuses SLACK_{name.upper()}_TOKEN") as told:
            async with serving(chat, tokens, print):
                pass
    assert "hunter2" not in f"{told.value} {told.value.hint} {tokens!r}"
    assert told.value.exit_code is ExitCode.UNREACHABLE


async def test_a_slack_that_is_away_is_told_as_that(chat: ChatService) -> None:
    """Whoever starts it behind a firewall has to know what to ask for."""
    tokens = Tokens(bot="xoxb-1", app="xapp-1", api="http://127.0.0.1:1/api/")
    with pytest.raises(UnreachableError, match="Slack does not answer"):
        async with serving(chat, tokens, print):
            pass


@pytest.mark.parametrize(
    ("over_http", "missing"), [(False, "SLACK_APP_TOKEN"), (True, "SLACK_SIGNING_SECRET")]
)
def test_a_variable_that_is_not_set_is_named(over_http: bool, missing: str) -> None:
    """Each way in needs another one."""
    with pytest.raises(UsageError, match=missing):
        tokens_from({"SLACK_BOT_TOKEN": "xoxb-1"}, over_http=over_http)
