"""Deliveries over HTTP: forms and JSON, signed with the app's secret the way Slack signs (v0).

The bytes of every attempt are kept, so that a test can replay them. Faults can forge the signature or let it be late.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp

from k8sops_local_slack.delivery.outbox import Delivery
from k8sops_local_slack.world import World

LATE = 301


@dataclass(frozen=True)
class Addresses:
    """The app's request URLs; one address may serve them all."""

    events: str
    interactivity: str
    commands: str
    options: str

    @classmethod
    def one(cls, url: str) -> Addresses:
        """Use one address for everything, as slack_bolt does."""
        return cls(url, url, url, url)


@dataclass(frozen=True)
class Sent:
    """One request as it went out."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Answered:
    """What the bot answered to a request that a test sent by hand."""

    status: int
    body: str


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Sign a request body the way Slack does."""
    base = b"v0:" + str(timestamp).encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


@dataclass(eq=False)
class SignedHttp:
    """The carrier that posts to the app's request URLs."""

    world: World
    addresses: Addresses
    sent: list[Sent] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the client, and have the app prove that the events' address is its own."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))
        challenge = self.world.ids.word()
        body = json.dumps({"type": "url_verification", "token": "local", "challenge": challenge}).encode()
        answered = await self.post(self.request(self.addresses.events, body, "application/json"))
        if answered.status != 200 or challenge not in answered.body:
            await self.stop()
            raise ConnectionError(f"{self.addresses.events} did not answer the challenge: {answered.status}")

    def carry(self, delivery: Delivery, envelope_id: str) -> bool:
        """Post one attempt in the background."""
        task = asyncio.get_running_loop().create_task(self._deliver(delivery, envelope_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    def request(self, url: str, body: bytes, content_type: str, **headers: str) -> Sent:
        """Sign a request; the faults decide whether the signature is any good."""
        fault = self.world.faults.signature
        timestamp = int(self.world.clock.now()) - (LATE if fault == "late" else 0)
        secret = self.world.workspace.app.signing_secret + ("-forged" if fault == "forged" else "")
        signed = {
            "Content-Type": content_type,
            "X-Slack-Request-Timestamp": str(timestamp),
            "X-Slack-Signature": sign(secret, timestamp, body),
        }
        return Sent(
            url,
            signed | {f"X-Slack-{name.title().replace('_', '-')}": v for name, v in headers.items()},
            body,
        )

    async def post(self, sent: Sent) -> Answered:
        """Send a request, or replay one, and give what the bot answered."""
        if self._session is None:
            raise RuntimeError("the carrier was not started")
        async with self._session.post(sent.url, data=sent.body, headers=sent.headers) as response:
            return Answered(response.status, await response.text())

    async def stop(self) -> None:
        """Drop what is under way and close the client."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _deliver(self, delivery: Delivery, envelope_id: str) -> None:
        sent = self._request_of(delivery)
        self.sent.append(sent)
        if self._session is None:
            raise RuntimeError("the carrier was not started")
        try:
            async with self._session.post(sent.url, data=sent.body, headers=sent.headers) as response:
                text = await response.text()
                if response.status == 200:
                    self.world.outbox.ack(envelope_id, read_answer(text, response.content_type))
                else:
                    never = response.headers.get("X-Slack-No-Retry") == "1"
                    self.world.outbox.failed(envelope_id, "http_error", no_retry=never)
        except (aiohttp.ClientError, ConnectionError, TimeoutError):
            self.world.outbox.failed(envelope_id, "connection_failed")

    def _request_of(self, delivery: Delivery) -> Sent:
        payload = delivery.payload
        if delivery.kind == "events_api":
            again: dict[str, str] = {}
            if delivery.attempts > 1:
                reason = "http_timeout" if delivery.reason == "timeout" else delivery.reason
                again = {"retry_num": str(delivery.attempts - 1), "retry_reason": reason}
            return self.request(
                self.addresses.events, json.dumps(payload).encode(), "application/json", **again
            )
        form = "application/x-www-form-urlencoded"
        if delivery.kind == "slash_commands":
            return self.request(self.addresses.commands, urlencode(payload).encode(), form)
        url = (
            self.addresses.options if payload["type"] == "block_suggestion" else self.addresses.interactivity
        )
        return self.request(url, urlencode({"payload": json.dumps(payload)}).encode(), form)


def read_answer(text: str, content_type: str) -> Any:
    """Read an ack's body: JSON, or plain text that becomes a message."""
    if not text:
        return None
    if content_type == "application/json":
        try:
            return json.loads(text)
        except ValueError:
            return None
    return {"text": text}
