"""Where a source puts what it gathers: files under paths, redacted on their way, of bounded size, with what went wrong.

A file is never all or nothing. What could be read stays, and the index says what is missing of it and why.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol


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

    def error(self, why: str) -> None:
        """Say what could not be had; what was written stays."""
        ...


class BundleSink(Protocol):
    """A bundle being made. Files may be written side by side; the layout does not depend on which ends first."""

    def file(self, path: str, *, source: str) -> AbstractAsyncContextManager[BundleFile]:
        """Write a file; `source` says where its bytes come from, such as an API path.

        Parts of the path that come from a cluster are made safe by `bundle.naming`. Raises UsageError where the path
        is taken.
        """
        ...

    def missing(self, path: str, *, source: str, why: str) -> None:
        """Say that there is no such file, and why."""
        ...
