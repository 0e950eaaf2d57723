"""Where a source puts what it gathers: files under paths, redacted on their way, of bounded size, with what went wrong.

A file is never all or nothing. What could be read stays, and the index says what is missing of it and why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from k8sops.core.redaction import TextForm


class BundleFile(Protocol):
    """A file being written."""

    @property
    def full(self) -> bool:
        """Whether its limit, or the bundle's, is reached: what is written from now on is dropped, and counted."""
        ...

    async def write(self, data: bytes) -> None:
        """Append, cut anywhere."""
        ...

    def truncated(self, why: str) -> None:
        """Say that it is not all of it."""
        ...

    def error(self, why: str, *, note: bool = False) -> None:
        """Say what could not be had; what was written stays. As a `note` where this cluster has no such thing."""
        ...


class BundleSink(Protocol):
    """A bundle being made. Files may be written side by side; the layout does not depend on which ends first."""

    def file(
        self,
        path: str,
        *,
        source: str,
        form: TextForm = TextForm.WHOLE,
        watch: Callable[[bytes], None] | None = None,
    ) -> AbstractAsyncContextManager[BundleFile]:
        """Write a file; `source` says where its bytes come from, such as an API path, `form` how to look at them.

        `watch` is given each piece as it stands in the file, in a thread of the bundle's. Parts of the path that come
        from a cluster are made safe by `bundle.naming`. Raises UsageError where the path is taken.
        """
        ...

    def missing(self, path: str, *, source: str, why: str, note: bool = False) -> None:
        """Say that there is no such file, and why; as a `note` where this cluster has no such thing to give."""
        ...


class Tally(Protocol):
    """What a redaction took out of one file: how many secrets of each kind, and on which lines the first were."""

    @property
    def counts(self) -> Mapping[str, int]:
        """By rule."""
        ...

    @property
    def lines(self) -> Mapping[str, Sequence[int]]:
        """By rule, from 1 on."""
        ...


class RedactingFile(Protocol):
    """The redaction of one file; used by one thread at a time."""

    @property
    def tally(self) -> Tally:
        """What was taken out so far."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Take a piece, cut anywhere; what is certain by now comes back."""
        ...

    def finish(self) -> bytes:
        """The rest."""
        ...


Redacting = Callable[[TextForm], RedactingFile]
"""Begins the redaction of one file."""
