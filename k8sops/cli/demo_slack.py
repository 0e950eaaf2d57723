"""`k8sops demo --slack`: bot, worker and the local Slack in one process on the demo's sandbox, and a page to click in.

The bot speaks to the local Slack as it would to Slack, by its address and tokens alone.
"""

from __future__ import annotations

import secrets
import socket
import time
from typing import TYPE_CHECKING, Final

from k8sops.core.errors import UsageError

if TYPE_CHECKING:
    from k8sops.service.config import Config
    from k8sops_local_slack.page.served import PagedSlack

PORT: Final = 8030
HOST: Final = "127.0.0.1"
PATIENCE_S: Final = 20.0
"""For acks and triggers, to which Slack gives three seconds: a laptop that runs a control plane may be slower."""


def check_ready(port: int) -> None:
    """Raises UsageError where the bot's library is missing or the port is taken, before minutes go into a sandbox."""
    try:
        import k8sops_slack.bot.serving  # noqa: F401 - whether it can be imported
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the bot needs {error.name}, which is not installed", hint="pip install 'k8sops[slack]'"
        ) from error
    with socket.socket() as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asking.bind((HOST, port))
        except OSError as error:
            raise _no_port(port, error) from error


async def serve_slack(config: Config, port: int, *, browser: bool) -> None:
    """Serve until cancelled, and say where the page is once everything answers; `config` has the policy of `demo_team`.

    Raises UsageError where the port is taken, and what connecting to cluster and store raises.
    """
    from k8sops.cli.carrying import carry_until_stopped
    from k8sops.cli.console import put, say
    from k8sops.cli.demo_team import story
    from k8sops.service.chat.opening import open_chat
    from k8sops_slack.bot.serving import Tokens, serving

    async with await _started(port) as slack, open_chat(config) as chat:
        app = slack.workspace.app
        tokens = Tokens(bot=app.bot_token, app=app.app_token, api=slack.base_url)
        async with serving(chat, tokens, say):
            await slack.sockets_open()
            put(story(slack.address))
            if browser:
                _show(slack.address)
            await carry_until_stopped(chat.workers)


async def _started(port: int) -> PagedSlack:
    from k8sops.cli.demo_team import STEPS, team
    from k8sops_local_slack import Patience
    from k8sops_local_slack.page.served import PagedSlack

    space = team(time.localtime().tm_gmtoff)
    patience = Patience(ack=PATIENCE_S, trigger=PATIENCE_S)
    try:
        # Ids of their own each time: a bot on the same store takes what it has heard before for a repetition.
        slack = await PagedSlack.start(space, seed=secrets.randbits(64), patience=patience, port=port)
    except OSError as error:
        raise _no_port(port, error) from error
    slack.guide = STEPS
    return slack


def _show(address: str) -> None:
    import webbrowser

    from k8sops.cli.console import say

    if not webbrowser.open(address):
        say("No browser could be opened here.")


def _no_port(port: int, error: OSError) -> UsageError:
    return UsageError(
        f"the page cannot listen on {HOST}:{port}: {error.strerror}",
        hint="--port takes another; 0 any that is free",
    )
