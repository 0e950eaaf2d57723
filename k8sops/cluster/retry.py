"""When a request is sent again, and after how long: the one place where that is decided.

A request is repeated if the server refused it unread (429, or no connection), or if it failed on the way and the
verb may be repeated. How long to wait is the server's own word (Retry-After) where it gave one, else an
exponential backoff with full jitter. Waiting never goes past the request's deadline: the last failure is raised.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_any, stop_before_delay
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from k8sops.core.clock import Clock
from k8sops.core.errors import (
    DeadlineError,
    K8sOpsError,
    ServerError,
    TlsError,
    TooManyRequestsError,
    UnreachableError,
)

T = TypeVar("T")

REPEATABLE_METHODS: Final = frozenset({"GET", "HEAD"})
FIRST_WAIT_S: Final = 0.1
LONGEST_WAIT_S: Final = 5.0
MOST_ATTEMPTS: Final = 6
"""Of failures other than 429: a server that is away for longer is reported, and whoever waits for it decides."""


class NeverSentError(UnreachableError):
    """No connection came about, so the request cannot have had an effect."""


def may_repeat(error: BaseException, *, repeatable: bool, retry_429: bool) -> bool:
    """Whether sending the request again is both harmless and of use."""
    if isinstance(error, TooManyRequestsError):
        return retry_429
    if isinstance(error, NeverSentError):
        return True
    if isinstance(error, TlsError | DeadlineError):
        return False
    return repeatable and isinstance(error, ServerError | UnreachableError) and error.transient


class _Backoff(wait_base):
    """Retry-After where the server gave one; else full jitter over an exponentially growing span."""

    def __init__(self, source: random.Random) -> None:
        self._source = source

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        if isinstance(error, K8sOpsError) and error.retry_after is not None:
            # A little jitter on top keeps clients told the same second from coming back together.
            return error.retry_after + self._source.uniform(0, 0.1)
        span = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (retry_state.attempt_number - 1))
        return self._source.uniform(span / 2, span)


class _TooManyAttempts(stop_base):
    """After MOST_ATTEMPTS, unless the server only asks for patience (429)."""

    def __call__(self, retry_state: RetryCallState) -> bool:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        return not isinstance(error, TooManyRequestsError) and retry_state.attempt_number >= MOST_ATTEMPTS


async def send_repeatedly(
    send: Callable[[], Awaitable[T]],
    *,
    clock: Clock,
    source: random.Random,
    deadline_s: float,
    repeatable: bool,
    retry_429: bool,
) -> T:
    """The result of `send`, sent as often as is allowed within `deadline_s` seconds; raises the last failure."""
    begun = clock.monotonic()
    try:
        return await send()
    except Exception as error:  # `may_repeat` says which are meant; every other one is raised as it came
        if not may_repeat(error, repeatable=repeatable, retry_429=retry_429):
            raise
        # What comes of nearly every request is its first answer: the machinery for more is made when it is needed.
        failed: list[Exception] = [error]

    async def sent() -> T:
        if failed:
            raise failed.pop()
        return await send()

    attempts = AsyncRetrying(
        sleep=clock.sleep,
        wait=_Backoff(source),
        stop=stop_any(stop_before_delay(deadline_s - (clock.monotonic() - begun)), _TooManyAttempts()),
        retry=retry_if_exception(lambda error: may_repeat(error, repeatable=repeatable, retry_429=retry_429)),
        reraise=True,
    )
    return await attempts(sent)
