"""How long leases, steps and runs last, and how often a carrier looks."""

from __future__ import annotations

from typing import Final

import msgspec

LEASE_TTL_S: Final = 8.0
HEARTBEAT_S: Final = 2.0
MUTATION_TIMEOUT_S: Final = 4.0
"""A mutation's request ends within this; heartbeats leave at least as much of the lease."""
ROUND_S: Final = 0.5
SHORT_PAUSE_S: Final = 5.0
SETTLE_AFTER_S: Final = 1.0
STEP_S: Final = 6 * 3600.0
RUN_S: Final = 24 * 3600.0


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Of one carrier, in seconds."""

    lease_ttl_s: float = LEASE_TTL_S
    heartbeat_s: float = HEARTBEAT_S
    mutation_s: float = MUTATION_TIMEOUT_S
    """What a mutation may take: it goes out only if the lease lasts as long. At most ttl less a heartbeat."""
    round_s: float = ROUND_S
    """How often it looks for work and for cancels."""
    step_s: float = STEP_S
    """After this a step is broken off; actions have shorter deadlines of their own."""
    settle_after_s: float = SETTLE_AFTER_S
    """How long after an unanswered change the cluster is looked at: what was cut off may still be worked on."""
    short_pause_s: float = SHORT_PAUSE_S
    """A pause up to this is slept through; parking costs more than it spares."""
    run_s: float = RUN_S
    """How long a run may go on in one carrier's hands, parked time not counted."""
    most_at_once: int = 20
    """Runs in this process; parked ones do not count."""
