"""Who is at this terminal: as the API server says, with the OS user recorded beside it."""

from __future__ import annotations

import getpass

from k8sops.core.actor import Actor
from k8sops.core.ops import Ops


async def actor_at_terminal(ops: Ops) -> Actor:
    """The actor of every command here."""
    identity = await ops.whoami()
    return Actor(
        name=identity.username,
        groups=identity.groups,
        surface="cli",
        os_user=getpass.getuser(),
        auth="self_subject_review",
    )
