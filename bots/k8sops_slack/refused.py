"""What Slack refused a call with, and whether asking again would help.

A proxy before Slack, or Slack in trouble, answers with something else than Slack's JSON; of that the SDK hands over,
by the kind of call, an answer without a word or the bare HTTP response.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

_BUSY: Final = frozenset(
    {"ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)


def word_of(error: SlackApiError) -> str:
    """Slack's own word, as in `channel_not_found`."""
    answer = error.response
    said = answer.get("error") if isinstance(answer, AsyncSlackResponse) else ""
    return str(said or "an answer that is not Slack's")


def is_final(error: SlackApiError) -> bool:
    """Whether Slack would refuse it the next time as well: it heard, and was neither busy nor broken."""
    answer = error.response
    heard = isinstance(answer, AsyncSlackResponse) and answer.status_code == HTTPStatus.OK
    return heard and word_of(error) not in _BUSY
