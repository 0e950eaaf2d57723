"""How the bot stands with Slack: whether the connection is up, and how its calls went; for a supervisor to see.

Bolt repairs a connection that breaks, and says nothing of it: nobody would know of a bot that is cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from k8sops.core.errors import UnreachableError

Stands = Callable[[], Coroutine[Any, Any, bool]]


class Contact:
    """One bot's; there is none until `serving` says how to tell."""

    def __init__(self) -> None:
        self.families: Final = CollectorRegistry()
        """The metrics of its own."""
        self._calls = Counter(
            "k8sops_slack_calls",
            "Calls of Slack's methods, messages among them, and what became of them.",
            ("method", "outcome"),
            registry=self.families,
        )
        self._stands: Stands | None = None

    async def check(self) -> None:
        """Raises UnreachableError where nothing comes in from Slack now."""
        if self._stands is None or not await self._stands():
            raise UnreachableError("nothing comes in from Slack")

    def told_by(self, stands: Stands) -> None:
        """From now on it is this that knows."""
        self._stands = stands

    def count(self, method: str, outcome: str) -> None:
        """One more call: `ok`, `refused` by Slack, or `unreachable`."""
        self._calls.labels(method=method, outcome=outcome).inc()


class CountingClient(AsyncWebClient):
    """The client, each of whose calls is counted as it ended, after all its retries."""

    def __init__(self, contact: Contact, **given: Any) -> None:
        super().__init__(**given)
        self._contact = contact

    async def api_call(self, api_method: str, **given: Any) -> AsyncSlackResponse:
        """Call, and count."""
        outcome = "unreachable"
        try:
            answer = await super().api_call(api_method, **given)
            outcome = "ok"
        except SlackApiError:
            outcome = "refused"
            raise
        finally:
            self._contact.count(api_method, outcome)
        return answer


async def socket_stands(client: SocketModeClient) -> bool:
    """Whether the socket is open, and Slack answers what is sent through it."""
    return await client.is_connected() and not await client.is_ping_pong_failing()
