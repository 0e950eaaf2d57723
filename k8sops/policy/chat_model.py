"""What the policy file says of the chat: how far its word goes, which cluster a channel means, and who is told what.

Channels are known by their ids: anybody can take a name. Who a chat's user is stands with the person, and whose bot
may speak for them under `attestation`.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints

from k8sops.core.risk import Risk
from k8sops.core.run import RunState
from k8sops.policy.parts import Glob, GroupName, Name, Part, TeamId
from k8sops.policy.rule_model import WindowText

NEWS: Final = (
    *map(str, RunState),
    "backup.overdue",
    "schedule.added",
    "schedule.approved",
    "schedule.changed",
    "schedule.fired",
    "schedule.overdue",
    "schedule.paused",
    "schedule.refused",
    "schedule.removed",
    "schedule.resumed",
    "schedule.skipped",
)
"""All news there are; a rule on any other would wait for ever, and nobody would notice."""


def _there_is(glob: str) -> str:
    if not any(fnmatchcase(kind, glob) for kind in NEWS):
        raise ValueError(
            f"there are no news {glob!r}; there are the states of runs, backup.overdue and schedule.*"
        )
    return glob


ChannelId = Annotated[str, StringConstraints(pattern=r"^[CGD][A-Z0-9]{1,30}$")]
UserGroupId = Annotated[str, StringConstraints(pattern=r"^S[A-Z0-9]{1,30}$")]
NoticeGlob = Annotated[str, StringConstraints(pattern=r"^[a-z_.*]{1,64}$"), AfterValidator(_there_is)]


class ChatChannel(Part):
    """A channel and what is meant in it."""

    team: TeamId
    """The enterprise or team id."""
    channel: ChannelId
    cluster: Name
    """Name, alias or uid of the cluster that is meant where a command names none."""


class ChatPlace(Part):
    """A channel, by its ids."""

    team: TeamId
    channel: ChannelId


class ChatGroup(Part):
    """A group or role, and the user group of the chat that are the same people."""

    team: TeamId
    usergroup: UserGroupId
    """By its id: handles can be changed by whoever may edit it."""
    group: GroupName
    mention: bool = False
    """Whether the card of a request mentions it, once, so that its members notice; else it is only named."""


class ChatQuiet(WindowText):
    """Hours in which news wait for the end, and then come as one message."""

    urgent: tuple[NoticeGlob, ...] = Field(default=(), alias="except")
    """News that do not wait."""


class ChatNotify(Part):
    """What a channel is told that nobody asked for there."""

    on: tuple[NoticeGlob, ...] = Field(min_length=1)
    """States of runs (`failed`, `needs_review`) and other news (`backup.overdue`, `schedule.*`); globs."""
    team: TeamId
    channel: ChannelId
    clusters: tuple[Glob, ...] = ()
    """Of these clusters only; none: of any."""
    per_hour: int = Field(default=20, ge=1, le=60)
    """So many messages an hour at most; what is beyond comes as one when the hour allows it. A channel keeps to the
    smallest number among its rules."""
    quiet: ChatQuiet | None = None
    """Hours in which these news wait."""


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
    usergroups: tuple[ChatGroup, ...] = ()
    log_bundles: tuple[ChatPlace, ...] = ()
    """Channels whose threads log bundles may go to; elsewhere each goes to whoever asked for it, directly."""
