"""Whether a change may have been made although the API server did not say so.

What was never sent, and what was refused in words, was not made. What was sent and got no answer, or a 5xx (the server
failed, somewhere between accepting and answering), may have been made. aiohttp itself says when a request goes out:
just before its headers do, once there is a connection.
"""

from __future__ import annotations

from collections.abc import Callable

from k8sops.core.errors import ServerError, UnreachableError


class Delivery:
    """One request on its way, over all its attempts. Of one that changes nothing, nothing is ever unknown."""

    def __init__(self, *, changes: bool, on_sent: Callable[[], None] | None = None) -> None:
        self._changes = changes
        self._on_sent = on_sent
        self._sent = False
        self._open = False

    @property
    def sent(self) -> bool:
        """Whether the present attempt has gone out and is not answered."""
        return self._sent

    @property
    def outcome_unknown(self) -> bool:
        """Whether some attempt may have been carried out without our knowing."""
        return self._changes and (self._open or self._sent)

    def going_out(self) -> None:
        """The present attempt is being sent."""
        self._sent = True
        if self._on_sent is not None:
            self._on_sent()

    def answered(self) -> None:
        """The present attempt was answered, and not carried out."""
        self._sent = False

    def failed(self, error: Exception) -> None:
        """The present attempt is over. An earlier one that was not answered stays so, whatever a repeat brings."""
        self._open = self._open or (self._sent and isinstance(error, UnreachableError | ServerError))
        self._sent = False
