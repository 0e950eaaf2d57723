"""What cards have to know besides their run, from the policy in force: who people are at this Slack."""

from __future__ import annotations

from k8sops.service.chat.audience import mentioned_in, users_in
from k8sops.service.chat.opening import ChatService
from k8sops_slack.cards.room import Room


async def room_of(chat: ChatService, team: str, *, preview: bool = False, mentions: bool = False) -> Room:
    """The room of a team; with `mentions` groups are mentioned where policy asks for it, which rings their members."""
    policy = await chat.desk.policy()
    return Room(
        now=chat.clock.now(),
        command=chat.command,
        users=users_in(team, policy),
        groups=mentioned_in(team, policy) if mentions else {},
        preview=preview,
    )
