"""Whether a reason is what a decision asks for: given, and naming a ticket where one is wanted."""

from __future__ import annotations

from typing import Final

from k8sops.core.plan import Decision
from k8sops.policy.expression import ConditionError, Pattern
from k8sops.policy.ticket_words import ticket_in_words

REASON_LIMIT: Final = 1000


def reason_refused(decision: Decision, reason: str) -> str:
    """Why the reason does not do, as a sentence; empty where it does."""
    if len(reason) > REASON_LIMIT:
        return f"the reason has {len(reason)} characters; at most {REASON_LIMIT} are kept"
    if decision.reason_required and not reason.strip():
        named = " and ".join(map(ticket_in_words, decision.tickets))
        return "the policy asks for a reason" + (f" that names a ticket: {named}" if named else "")
    for ticket in decision.tickets:
        try:
            found = Pattern(ticket).found_in(reason)
        except ConditionError as error:
            return f"the policy's ticket pattern {ticket} cannot be used: {error}"
        if not found:
            return f"the policy asks for a ticket in the reason that matches {ticket_in_words(ticket)}"
    return ""
