"""The tokens, tried: their shape before anything is sent, and then what Slack says to each.

No message holds a token: what was pasted into the wrong place may be another secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from k8sops.core.errors import CredentialsError, UsageError
from k8sops_slack.bot.accepted import accepted
from k8sops_slack.manifest import SCOPES

BOT: Final = "SLACK_BOT_TOKEN"
APP: Final = "SLACK_APP_TOKEN"
SECRET: Final = "SLACK_SIGNING_SECRET"  # noqa: S105 - a variable's name

_BEGINNINGS: Final[Mapping[str, str]] = MappingProxyType({BOT: "xoxb-", APP: "xapp-"})
_OTHERS: Final = (
    ("xoxb-", "the bot's token"),
    ("xapp-", "an app token"),
    ("xoxp-", "a person's token"),
    ("xoxe", "a token that is renewed: switch token rotation off, the manifest does without"),
)
_APP_OF_TOKEN: Final = re.compile(r"xapp-\d+-(A[A-Z0-9]+)-")


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """Where the bot is installed, and what it may."""

    team: str
    """What a policy calls it: the enterprise's id, else the workspace's, as with everything Slack sends."""
    workspace: str
    bot: str
    """The bot's name."""
    bot_id: str
    scopes: frozenset[str]

    @property
    def missing(self) -> dict[str, str]:
        """The scopes that the manifest asks for and Slack has not granted, and what does not work without."""
        return {scope: without for scope, without in SCOPES.items() if scope not in self.scopes}

    @property
    def needless(self) -> tuple[str, ...]:
        """The scopes that were granted beyond the manifest's."""
        return tuple(sorted(self.scopes - set(SCOPES)))


def check_shape(name: str, value: str) -> None:
    """Raises UsageError where the value cannot be what the variable is for."""
    if not value.isascii() or not value.isprintable() or " " in value:
        raise UsageError(f"{name} has signs in it that no token has", hint="copy it with Slack's Copy button")
    wanted = _BEGINNINGS.get(name, "")
    if wanted and value.startswith(wanted):
        return
    other = next((told for begins, told in _OTHERS if value.startswith(begins)), "")
    if wanted:
        raise UsageError(f"{name} begins with {wanted}" + (f"; this is {other}" if other else ""))
    if other:
        raise UsageError(f"{name} is no token; this is {other}", hint="Basic Information, Signing Secret")


async def installed(client: AsyncWebClient) -> Installed:
    """What Slack says of the bot's token. Raises CredentialsError or UnreachableError."""
    answer = await accepted(BOT, client.auth_test())
    if not answer.get("bot_id"):
        raise CredentialsError(f"{BOT} is not a bot's", hint="OAuth & Permissions, Bot User OAuth Token")
    granted = next((value for key, value in answer.headers.items() if key.lower() == "x-oauth-scopes"), "")
    return Installed(
        team=str(answer.get("enterprise_id") or answer["team_id"]),
        workspace=str(answer.get("team") or ""),
        bot=str(answer.get("user") or ""),
        bot_id=str(answer["bot_id"]),
        scopes=frozenset(found for one in str(granted).split(",") if (found := one.strip())),
    )


async def opens_sockets(client: AsyncWebClient, token: str, bot: Installed) -> None:
    """Whether the app's token opens Socket Mode, and is of the bot's own app. Raises CredentialsError."""
    await accepted(APP, client.apps_connections_open(app_token=token))
    named = _APP_OF_TOKEN.match(token)
    own = await _app_of(client, bot) if named else ""
    if named and own and named[1] != own:
        raise CredentialsError(
            f"{APP} is of another app than {BOT}",
            hint="take both from the same app: the commands of the one would never reach the other",
        )


async def _app_of(client: AsyncWebClient, bot: Installed) -> str:
    try:
        found = await client.bots_info(bot=bot.bot_id)
    except SlackApiError:
        return ""  # without users:read it cannot be asked, which is told as a missing scope
    return str(found["bot"].get("app_id") or "")
