"""What the policy file says of the chat: how far its word goes, which cluster a channel means, and who is told what.

Channels are known by their ids: anybody can take a name. Who a chat's user is stands with the person, and whose bot
may speak for them under `attestation`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from k8sops.core.risk import Risk
from k8sops.policy.parts import Glob, GroupName, Name, Part, TeamId

ChannelId = Annotated[str, StringConstraints(pattern=r"^[CGD][A-Z0-9]{1,30}$")]
NoticeGlob = Annotated[str, StringConstraints(pattern=r"^[a-z_.*]{1,64}$")]


class ChatChannel(Part):
    """A channel and what is meant in it."""

    team: TeamId
    """The enterprise or team id."""
    channel: ChannelId
    cluster: Name
    """Name, alias or uid of the cluster that is meant where a command names none."""


class ChatNotify(Part):
    """What a channel is told that nobody asked for there."""

    on: tuple[NoticeGlob, ...] = Field(min_length=1)
    """States of runs (`failed`, `needs_review`) and other news (`backup.overdue`, `schedule.*`); globs."""
    team: TeamId
    channel: ChannelId
    clusters: tuple[Glob, ...] = ()
    """Of these clusters only; none: of any."""


class ChatRules(Part):
    """How far the chat is trusted, and whom the bot tells."""

    approve_up_to: Risk = Risk.DISRUPTIVE
    """The greatest risk for which clicks suffice; above it at least one approval is given at a terminal."""
    channels: tuple[ChatChannel, ...] = ()
    on_call: tuple[GroupName, ...] = ()
    """Groups or roles whose members are asked for approval first; none: everybody who may approve."""
    escalate_to: tuple[GroupName, ...] = ()
    """Whom of those who may approve is asked when three quarters of the time have passed; none: all the others."""
    notify: tuple[ChatNotify, ...] = ()
