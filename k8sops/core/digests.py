"""How people name a digest: by its first twelve or more hex digits, upper or lower case.

One rule for every door and every kind of vote: what is shorter could be met by another plan too easily.
"""

from __future__ import annotations

from typing import Final

from k8sops.core.errors import DriftedError, UsageError
from k8sops.core.plan import Plan

SHORTEST_DIGEST: Final = 12


def is_named(digest: str, given: str) -> bool:
    """Whether `given` names this digest."""
    return len(given) >= SHORTEST_DIGEST and digest.startswith(given.lower())


def check_reviewed(plan: Plan, given: str) -> None:
    """Refuse a plan that is not the one whose digest was given, if one was.

    Raises UsageError for too few digits, DriftedError for another plan.
    """
    if not given or is_named(plan.digest, given):
        return
    if len(given) < SHORTEST_DIGEST:
        raise UsageError(f"--digest needs at least {SHORTEST_DIGEST} digits", hint="copy it from the plan")
    raise DriftedError(
        f"the plan is not the reviewed one: its digest is {plan.digest[:SHORTEST_DIGEST]}, "
        f"not {given[:SHORTEST_DIGEST]}",
        hint="review the new plan with --plan and pass its digest",
    )
