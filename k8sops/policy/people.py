"""From the names an actor goes by to the one person behind them, and what that person belongs to.

A key is (cluster uid, username) or (team, user); each belongs to one person at most, which `checks` proves when a
policy is loaded. A key nobody is mapped to is nobody's, and one that `shared` names is nobody's in particular.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from k8sops.core.actor import Actor
from k8sops.core.persons import Person
from k8sops.policy.matching import fits
from k8sops.policy.model import ClusterPin, PolicyFile

ALWAYS_SHARED: Final = ("system:*",)


class Directory:
    """The persons and clusters of a policy, found by their keys."""

    def __init__(self, file: PolicyFile) -> None:
        self._shared = (*file.shared, *ALWAYS_SHARED)
        self._pins = {pin.uid: pin for pin in file.clusters}
        self._by_name = {name: pin for pin in file.clusters for name in (pin.uid, pin.name, *pin.aliases)}
        self._people = {name: _person(name, file) for name in file.people}
        self._cluster_keys: dict[tuple[str, str], str] = {}
        self._chat_keys: dict[tuple[str, str], str] = {}
        for name, entry in file.people.items():
            for user in entry.cluster:
                for cluster in user.named:
                    self._cluster_keys[self._uid_of(cluster), user.username] = name
            for chat in entry.slack:
                self._chat_keys[chat.team, chat.user] = name
        self._channels = {(one.team, one.channel): one.cluster for one in file.slack.channels}

    def pin(self, uid: str) -> ClusterPin | None:
        """The cluster of this uid; None where the policy does not list it."""
        return self._pins.get(uid)

    def pin_named(self, name: str) -> ClusterPin | None:
        """The cluster of this name, alias or uid."""
        return self._by_name.get(name)

    @property
    def chats(self) -> bool:
        """Whether anybody is known in a chat."""
        return bool(self._chat_keys)

    def pin_of_channel(self, team: str, channel: str) -> ClusterPin | None:
        """The cluster that a channel means; None where the policy says none."""
        return self.pin_named(self._channels.get((team, channel), ""))

    def person(self, name: str) -> Person | None:
        """A person by name; None where there is no such person in the policy."""
        return self._people.get(name)

    def person_of(self, actor: Actor, cluster_uid: str) -> Person:
        """Who the actor is; without a name where nobody is mapped."""
        if actor.surface == "schedule":
            return Person()
        if actor.team or actor.surface == "slack":
            return self._people.get(self._chat_keys.get((actor.team, actor.name), ""), Person())
        if self.is_shared(actor.name):
            return Person(shared=True)
        return self._people.get(self._cluster_keys.get((cluster_uid, actor.name), ""), Person())

    def is_shared(self, username: str) -> bool:
        """Whether several people use this username."""
        return fits(self._shared, (username,))

    def members(self, groups: Iterable[str]) -> frozenset[str]:
        """The persons in any of these groups or roles; everybody where none is given."""
        wanted = set(groups)
        return frozenset(
            name for name, person in self._people.items() if not wanted or wanted & set(person.groups)
        )

    def _uid_of(self, cluster: str) -> str:
        pin = self._by_name.get(cluster)
        return pin.uid if pin is not None else cluster


def _person(name: str, file: PolicyFile) -> Person:
    groups = file.people[name].groups
    roles = (
        role
        for role, members in file.roles.items()
        if name in members.people or set(groups) & set(members.groups)
    )
    return Person(name=name, groups=tuple(dict.fromkeys((*groups, *roles))))
