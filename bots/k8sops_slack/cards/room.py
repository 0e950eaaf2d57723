"""What a card must know besides its run: when it is shown, to whom, and who they are at this Slack."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

import msgspec

from k8sops.core.actor import Actor
from k8sops_slack.blocks.markup import Mrkdwn, escaped, group, user

_NOBODY: Final[Mapping[str, str]] = MappingProxyType({})


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """Where a message is shown."""

    now: datetime
    command: str = "/k8s"
    users: Mapping[str, str] = _NOBODY
    """Persons as policy names them, and their user ids here."""
    groups: Mapping[str, str] = _NOBODY
    """Groups of policy, and the user groups they are here."""
    preview: bool = False
    """The run is not on record: there is nothing to press."""

    def person(self, actor: Actor, person: str) -> Mrkdwn:
        """Somebody by the name policy has for them; else as they are known where they asked."""
        if person:
            return escaped(person, 80)
        return user(actor.name) if actor.surface == "slack" else escaped(actor.name, 80)

    def mention(self, actor: Actor, person: str) -> Mrkdwn:
        """Somebody so that they notice, where it is known who they are here."""
        known = actor.name if actor.surface == "slack" else self.users.get(person, "")
        return user(known) if known else self.person(actor, person)

    def group(self, name: str) -> Mrkdwn:
        """A group of policy: the user group where there is one."""
        return group(self.groups[name]) if name in self.groups else escaped(f"@{name}", 80)
