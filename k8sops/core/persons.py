"""Persons as policy knows them: one human, however many names they have at the cluster and in the chat.

Keys are (cluster uid, username) and (team id, user id); a key that nothing maps is nobody's and never satisfies a
quorum (DESIGN §8).
"""

from __future__ import annotations

import msgspec


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who an actor is. `name` is empty where nobody is mapped to the key."""

    name: str = ""
    groups: tuple[str, ...] = ()
    """Groups the policy puts the person in; not what the person's credentials claim."""
    shared: bool = False
    """The key is one several people hold: it may propose, not approve."""

    @property
    def mapped(self) -> bool:
        """Whether policy knows exactly one human behind the key."""
        return bool(self.name) and not self.shared
