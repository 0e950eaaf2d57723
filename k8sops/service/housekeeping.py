"""What a worker does on the side: grants whose time is over, carriers that have gone without a word, checkpoints of
the audit chain, a policy that changed, and once a day forgetting firings of long ago.

Each part looks before it writes, so that an idle round costs a few reads.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from k8sops.core.actor import Actor
from k8sops.core.clock import Clock
from k8sops.engine.books import Books
from k8sops.engine.carrier_records import sweep_carriers
from k8sops.engine.grants import sweep_grants
from k8sops.engine.policy_watch import note_policy
from k8sops.engine.schedules.ledger import prune
from k8sops.policy.policy import Policy
from k8sops.service.checkpoint_places import CheckpointPlaces
from k8sops.service.checkpointing import write_checkpoint
from k8sops.service.config import Config
from k8sops.store.database import Database, Tx

CHECKPOINT_EVERY_S: Final = 300.0
FORGET_EVERY_S: Final = 86_400.0
FIRINGS_KEPT: Final = timedelta(days=90)
"""Runs and audit records stay; a due instant this old can never come again."""


class Housekeeping:
    """One process's rounds."""

    def __init__(
        self,
        database: Database,
        books: Books,
        policy: Policy,
        config: Config,
        *,
        clock: Clock,
        checkpoint_every_s: float = CHECKPOINT_EVERY_S,
    ) -> None:
        self._database = database
        self._books = books
        self._policy = policy
        self._config = config
        self._places = CheckpointPlaces(config)
        self._clock = clock
        self._every_s = checkpoint_every_s
        self._signed_at = float("-inf")
        self._forgot_at = float("-inf")
        self._noted = False

    async def round(self, actor: Actor) -> None:
        """Once around. Raises what the store, the key file or the checkpoints' folder raise."""
        if not self._noted:
            await note_policy_of(self._database, self._books, self._policy, self._config, actor)
            self._noted = True
        await sweep_grants(self._database, self._books)
        await sweep_carriers(self._database, self._books, actor)
        if self._clock.monotonic() - self._signed_at >= self._every_s:
            # Noted first: a key or a folder that cannot be used is told every few minutes, not every round.
            self._signed_at = self._clock.monotonic()
            await self.sign(actor)
        if self._clock.monotonic() - self._forgot_at >= FORGET_EVERY_S:
            await self._database.write(_forget, name="forgotten")
            self._forgot_at = self._clock.monotonic()

    async def sign(self, actor: Actor) -> None:
        """A checkpoint of the audit chain as it is now; nothing where nothing has come since the last."""
        await write_checkpoint(self._database, self._books, actor=actor, places=self._places)


def _forget(tx: Tx) -> None:
    prune(tx, tx.now() - FIRINGS_KEPT)


async def note_policy_of(
    database: Database, books: Books, policy: Policy, config: Config, actor: Actor
) -> bool:
    """Put on record that this process's policy is in force, where another was."""
    source = config.policy.name if config.policy is not None else "shipped with k8sops"
    return await note_policy(database, books, policy.version, actor=actor, source=source)
