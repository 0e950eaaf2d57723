"""Somebody looked up in Slack, and greeted: the first person that the policy is to know."""

from __future__ import annotations

import re
from typing import Final

import msgspec
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from k8sops.core.errors import K8sOpsError, UnreachableError, UsageError
from k8sops_slack.blocks.building import section
from k8sops_slack.blocks.markup import bold, code, escaped, joined, written
from k8sops_slack.blocks.sending import message
from k8sops_slack.bot.posting import AWAY
from k8sops_slack.refused import word_of

_ID: Final = re.compile(r"<?@?([UW][A-Z0-9]{1,30})(?:\|[^>]*)?>?")
_WHERE: Final = "in Slack: your profile, the three dots, Copy member ID"


class SlackUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user; name and address are what Slack shows, and prove nothing."""

    id: str
    name: str
    email: str = ""


async def find_user(client: AsyncWebClient, asked: str) -> SlackUser:
    """A user by member id or e-mail address. Raises UsageError where there is no such person."""
    named = _ID.fullmatch(asked.strip())
    if named is None and "@" not in asked.strip("@"):
        raise UsageError(f"{asked!r} is neither a member id nor an e-mail address", hint=_WHERE)
    try:
        if named is not None:
            answer = await client.users_info(user=named[1])
        else:
            answer = await client.users_lookupByEmail(email=asked.strip())
    except SlackApiError as error:
        raise UsageError(_not_found(asked, word_of(error)), hint=_WHERE) from error
    except AWAY as error:
        raise UnreachableError(f"Slack does not answer: {error}") from error
    user = answer["user"]
    if user.get("deleted"):
        raise UsageError(f"{asked} has left this Slack", hint="name somebody who is there")
    if user.get("is_bot"):
        raise UsageError(f"{asked} is a bot", hint="name a person")
    return SlackUser(
        id=str(user["id"]), name=str(user.get("name") or ""), email=str(user["profile"].get("email") or "")
    )


def _not_found(asked: str, told: str) -> str:
    if told == "missing_scope":
        return f"{asked} cannot be looked up: the bot lacks the scope for it"
    if told in {"user_not_found", "users_not_found", "user_not_visible"}:
        return f"there is nobody {asked} in this Slack"
    return f"{asked} cannot be looked up: {told}"


async def greet(client: AsyncWebClient, user: SlackUser, person: str, command: str) -> None:
    """Say hello in direct messages. Raises K8sOpsError with Slack's word where it refuses."""
    hello = joined(
        " ", [written("Hello! The policy knows you as"), bold(escaped(person, 80)), written("here.")]
    )
    more = joined(
        " ",
        [
            *(written("Type"), code(f"{command} help"), written("in any channel, or"), code("help")),
            *(written("here, for what I can do;"), code(f"{command} whoami"), written("says who you are.")),
        ],
    )
    try:
        opened = await client.conversations_open(users=user.id)
        said = message(hello, [section(hello), section(more)])
        await client.chat_postMessage(channel=str(opened["channel"]["id"]), **said.arguments())
    except SlackApiError as error:
        told = word_of(error)
        raise K8sOpsError(
            f"{user.name or user.id} cannot be written to: {told}",
            hint="add the missing scopes above, and install the app again" if told == "missing_scope" else "",
        ) from error
    except AWAY as error:
        raise UnreachableError(f"Slack does not answer: {error}") from error
