"""A step that must not be repeated and may or may not be done: how that is found out, and what a look can say.

The transport marks an error whose request may have been carried out all the same (`outcome_unknown`). An action may
wrap it, or raise several at once; none of that makes the change any less possible.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

from k8sops.core.errors import K8sOpsError
from k8sops.core.journal import Settled

Settle = Callable[[], Awaitable[Settled]]


class InDoubt(Exception):  # noqa: N818 - a state of affairs, never seen outside the journal
    """What was begun is on record as such; `error` is what it comes to if it was not done."""

    def __init__(self, known: str, error: Exception, lost: Sequence[K8sOpsError] = ()) -> None:
        super().__init__(known)
        self.known: Final = known
        self.error: Final = error
        self._lost = lost

    def dispelled(self) -> None:
        """It was not done: the steps around this one need not ask again."""
        for error in self._lost:
            error.outcome_unknown = False


def unanswered(error: BaseException) -> tuple[K8sOpsError, ...]:
    """The failures behind this one, itself included, that leave open whether a change was made."""
    return tuple(one for one in _behind(error) if isinstance(one, K8sOpsError) and one.outcome_unknown)


def _behind(error: BaseException) -> Iterator[BaseException]:
    yield error
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for one in (*inner, error.__cause__):
        if one is not None:
            yield from _behind(one)


async def look(settle: Settle | None) -> tuple[Settled, str]:
    """What the cluster shows of a step in doubt, and what kept it from being seen, as the end of a sentence."""
    if settle is None:
        return "unknown", ""
    try:
        return await settle(), ""
    except K8sOpsError as error:
        return "unknown", f"; looking at the cluster did not help: {error.message}"
