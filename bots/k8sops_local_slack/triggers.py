"""Tickets that run out: trigger ids (three seconds, once) and response urls (half an hour, five times)."""

from __future__ import annotations

from dataclasses import dataclass

from k8sops_local_slack.refusals import Refusal
from k8sops_local_slack.timing import Ids, Time

RESPONSE_USES = 5
RESPONSE_SECONDS = 30 * 60


@dataclass
class Trigger:
    """The right to open one view for one person."""

    id: str
    user: str
    made_at: float
    used: bool = False


@dataclass
class Hook:
    """A response url: where it answers to, and how often it still may."""

    key: str
    user: str
    channel: str
    message_ts: str | None
    thread_ts: str | None
    made_at: float
    uses: int = 0


class Tickets:
    """All that were handed out."""

    def __init__(self, clock: Time, ids: Ids, trigger_seconds: float = 3.0) -> None:
        self._clock, self._ids, self.trigger_seconds = clock, ids, trigger_seconds
        self._triggers: dict[str, Trigger] = {}
        self._hooks: dict[str, Hook] = {}

    def trigger(self, user: str) -> str:
        """Hand out the right to open a view for this person."""
        made = Trigger(f"{len(self._triggers) + 1}.{self._ids.word(6)}", user, self._clock.now())
        self._triggers[made.id] = made
        return made.id

    def exchange(self, trigger_id: str) -> str:
        """Use a trigger; gives the person it stands for. Refused when unknown, used or too old."""
        trigger = self._triggers.get(trigger_id)
        if trigger is None:
            raise Refusal("invalid_trigger_id")
        if trigger.used:
            raise Refusal("exchanged_trigger_id")
        if self._clock.now() - trigger.made_at > self.trigger_seconds:
            raise Refusal("expired_trigger_id")
        trigger.used = True
        return trigger.user

    def hook(
        self, user: str, channel: str, message_ts: str | None = None, thread_ts: str | None = None
    ) -> str:
        """Hand out a response url; gives the last part of its address."""
        hook = Hook(self._ids.word(), user, channel, message_ts, thread_ts, self._clock.now())
        self._hooks[hook.key] = hook
        return hook.key

    def use_hook(self, key: str) -> Hook:
        """Use a response url once; refused when unknown, used up or too old."""
        hook = self._hooks.get(key)
        if hook is None:
            raise Refusal("invalid_url")
        if self._clock.now() - hook.made_at > RESPONSE_SECONDS:
            raise Refusal("expired_url")
        if hook.uses >= RESPONSE_USES:
            raise Refusal("used_url")
        hook.uses += 1
        return hook
