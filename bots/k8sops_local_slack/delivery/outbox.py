"""Deliveries to the bot: one attempt for what a person waits for, up to four for events.

Slack gives three seconds for an ack. An interaction that misses them has failed before the person's eyes; an event is
sent again at once, after one minute and after five. Nothing here knows how payloads travel: a carrier does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from k8sops_local_slack.faults import Faults
from k8sops_local_slack.journal import Journal
from k8sops_local_slack.timing import Bell, Ids, Time, Timer

Kind = Literal["slash_commands", "interactive", "events_api"]
RETRY_AFTER = (0.0, 60.0, 300.0)


@dataclass(eq=False)
class Delivery:
    """One payload on its way, with what became of it."""

    kind: Kind
    payload: dict[str, Any]
    made_at: float
    attempts: int = 0
    sent_at: float = 0.0
    envelopes: list[str] = field(default_factory=list)
    in_time: set[str] = field(default_factory=set)
    state: Literal["waiting", "acked", "failed"] = "waiting"
    response: Any = None
    error: str | None = None
    seconds: float | None = None
    reason: str = ""
    final: bool = False
    deadline: Timer | None = None
    on_settled: list[Callable[[Delivery], None]] = field(default_factory=list)

    @property
    def acked(self) -> bool:
        """Say whether the bot took it in time."""
        return self.state == "acked"


class Carrier(Protocol):
    """A way to the bot."""

    def carry(self, delivery: Delivery, envelope_id: str) -> bool:
        """Send one attempt; False where nobody is there to take it."""


class Outbox:
    """All deliveries, in the order in which they were made."""

    def __init__(
        self, clock: Time, ids: Ids, journal: Journal, faults: Faults, bell: Bell, ack_seconds: float
    ) -> None:
        self._clock, self._ids, self._journal, self._faults, self._bell = clock, ids, journal, faults, bell
        self._ack_seconds = ack_seconds
        self._by_envelope: dict[str, Delivery] = {}
        self._held: list[Delivery] | None = None
        self._hold = 0
        self.carrier: Carrier | None = None
        self.deliveries: list[Delivery] = []

    def send(
        self, kind: Kind, payload: dict[str, Any], on_settled: Callable[[Delivery], None] | None = None
    ) -> Delivery:
        """Send a payload to the bot; `on_settled` hears how it ended before anybody else does."""
        delivery = Delivery(kind, payload, self._clock.now())
        delivery.on_settled.extend([on_settled] if on_settled else [])
        self.deliveries.append(delivery)
        if self._held is None:
            self._attempt(delivery)
            return delivery
        self._held.append(delivery)
        if len(self._held) >= self._hold:
            held, self._held = self._held, None
            for waiting in reversed(held):
                self._attempt(waiting)
        return delivery

    def reorder(self, count: int) -> None:
        """Hold the next so many deliveries back, and then send them last first."""
        self._held, self._hold = [], count

    def outstanding(self) -> list[Delivery]:
        """List what is neither acked nor given up."""
        return [delivery for delivery in self.deliveries if delivery.state == "waiting"]

    async def settled(self, delivery: Delivery) -> Delivery:
        """Wait until it is acked or given up."""
        while delivery.state == "waiting":
            await self._bell.heard()
        return delivery

    def resend(self, delivery: Delivery) -> None:
        """Send it once more although it was taken: what Slack does now and then."""
        self._carry(delivery)

    def ack(self, envelope_id: str, response: Any = None) -> None:
        """Take the bot's ack; one that comes too late, or for nothing, changes nothing."""
        delivery = self._by_envelope.get(envelope_id)
        if delivery is None or delivery.state != "waiting" or envelope_id not in delivery.in_time:
            self._journal.late_acks += 0 if delivery is not None and delivery.acked else 1
            return
        delivery.response, delivery.seconds = response, self._clock.now() - delivery.sent_at
        self._journal.ack_seconds.append(delivery.seconds)
        self._settle(delivery, "acked", None)

    def failed(self, envelope_id: str, reason: str, *, no_retry: bool = False) -> None:
        """Hear from the carrier that an attempt failed before its deadline."""
        delivery = self._by_envelope.get(envelope_id)
        if delivery is not None and delivery.state == "waiting" and envelope_id in delivery.in_time:
            delivery.final = delivery.final or no_retry
            self._attempt_failed(delivery, reason)

    def stop(self) -> None:
        """Give up what is on its way: the server goes down."""
        for delivery in self.outstanding():
            self._settle(delivery, "failed", "stopped")

    def _attempt(self, delivery: Delivery) -> None:
        if delivery.state != "waiting":
            return
        delivery.attempts += 1
        delivery.sent_at = self._clock.now()
        delivery.deadline = self._clock.later(
            self._ack_seconds, lambda: self._attempt_failed(delivery, "timeout")
        )
        copies = 2 if self._faults.duplicates else 1
        self._faults.duplicates -= copies - 1
        carried = [self._carry(delivery) for _ in range(copies)]
        if not all(carried):
            # What is settled inside `send` would be over before its sender has the delivery in hand.
            asyncio.get_running_loop().call_soon(self._attempt_failed, delivery, "no_connection")

    def _carry(self, delivery: Delivery) -> bool:
        envelope_id = self._ids.envelope()
        self._by_envelope[envelope_id] = delivery
        delivery.envelopes.append(envelope_id)
        delivery.in_time.add(envelope_id)
        return self.carrier is not None and self.carrier.carry(delivery, envelope_id)

    def _attempt_failed(self, delivery: Delivery, reason: str) -> None:
        if delivery.state != "waiting":
            return
        if delivery.deadline:
            delivery.deadline.cancel()
        delivery.in_time.clear()
        delivery.reason = reason
        retries_left = delivery.kind == "events_api" and delivery.attempts <= len(RETRY_AFTER)
        if not retries_left or delivery.final:
            self._settle(
                delivery, "failed", "operation_timeout" if reason == "timeout" else "dispatch_failed"
            )
            return
        self._clock.later(RETRY_AFTER[delivery.attempts - 1], lambda: self._attempt(delivery))

    def _settle(self, delivery: Delivery, state: Literal["acked", "failed"], error: str | None) -> None:
        if delivery.deadline:
            delivery.deadline.cancel()
        delivery.state, delivery.error = state, error
        for hear in delivery.on_settled:
            hear(delivery)
        self._bell.ring()
