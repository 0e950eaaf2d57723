"""What the policy file says of the chat: how far its word goes, and which cluster a channel means.

Channels are known by their ids: anybody can take a name. Who a chat's user is stands with the person, and whose bot
may speak for them under `attestation`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from k8sops.core.risk import Risk
from k8sops.policy.parts import Name, Part, TeamId

ChannelId = Annotated[str, StringConstraints(pattern=r"^[CGD][A-Z0-9]{1,30}$")]


class ChatChannel(Part):
    """A channel and what is meant in it."""

    team: TeamId
    """The enterprise or team id."""
    channel: ChannelId
    cluster: Name
    """Name, alias or uid of the cluster that is meant where a command names none."""


class ChatRules(Part):
    """How far the chat is trusted."""

    approve_up_to: Risk = Risk.DISRUPTIVE
    """The greatest risk for which clicks suffice; above it at least one approval is given at a terminal."""
    channels: tuple[ChatChannel, ...] = ()
