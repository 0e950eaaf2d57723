"""What cards have to know besides their run, from the policy in force: who people are at this Slack."""

from __future__ import annotations

from k8sops.core.run import Run
from k8sops.service.chat.audience import approvers_of, users_in
from k8sops.service.chat.opening import ChatService
from k8sops_slack.cards.room import Room


async def room_of(chat: ChatService, team: str, *, run: Run | None = None, preview: bool = False) -> Room:
    """The room of a team; with a run, who was asked for approval of it."""
    policy = await chat.desk.policy()
    told = tuple(one.person for one in approvers_of(run, policy)) if run is not None else ()
    return Room(
        now=chat.clock.now(),
        command=chat.command,
        users=users_in(team, policy),
        told=told,
        preview=preview,
    )
