"""Whether Slack takes a token, in one sentence that names the token's variable and never its value."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from types import MappingProxyType
from typing import Final, TypeVar

from slack_sdk.errors import SlackApiError

from k8sops.core.errors import CredentialsError, UnreachableError
from k8sops_slack.bot.posting import AWAY
from k8sops_slack.refused import word_of

T = TypeVar("T")

_USUAL: Final = "docs/slack.md tells where each token comes from"
_HINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "invalid_auth": "it was copied in part, or is of another app; `k8sops slack setup` leads to the right one",
        "account_inactive": "the app was uninstalled: install it again, which makes a new token",
        "token_revoked": "the app was uninstalled: install it again, which makes a new token",
        "not_allowed_token_type": "the bot's token begins with xoxb-, the app's with xapp-",
        "missing_scope": "make an app token anew, with the scope connections:write",
    }
)


async def accepted(name: str, asking: Awaitable[T]) -> T:
    """Slack's answer to a call with this token.

    Raises CredentialsError naming the token that it refuses, UnreachableError where it does not answer.
    """
    try:
        return await asking
    except SlackApiError as error:
        told = word_of(error)
        raise CredentialsError(f"Slack refuses {name}: {told}", hint=_HINTS.get(told, _USUAL)) from error
    except AWAY as error:
        raise UnreachableError(
            f"Slack does not answer: {error}", hint="check the network, and SLACK_API_URL where it is set"
        ) from error
