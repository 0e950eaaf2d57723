"""Who acts at this screen: as the API server says, with the OS user recorded beside it."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

from k8sops.core.actor import Actor, Identity

if TYPE_CHECKING:
    from k8sops.core.ops import Ops


async def actor_at_screen(ops: Ops) -> Actor:
    """The actor of every change and vote made here. Raises what the cluster answers."""
    return actor_of(await ops.whoami())


def actor_of(identity: Identity) -> Actor:
    """The actor that the API server's answer makes of whoever sits here."""
    return Actor(
        name=identity.username,
        groups=identity.groups,
        surface="tui",
        os_user=getpass.getuser(),
        auth="self_subject_review",
    )
