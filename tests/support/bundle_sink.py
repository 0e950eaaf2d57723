"""A sink that keeps a bundle in memory, for tests of what goes in; no redaction, so that nothing hides behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from k8sops.core.errors import UsageError
from k8sops.core.redaction import TextForm


class MemoryFile:
    """What was written, and what was said of it."""

    def __init__(self, source: str, limit: int) -> None:
        self.source = source
        self.errors: list[str] = []
        self.notes: list[str] = []
        self.cuts: list[str] = []
        self.dropped = 0
        self.form = TextForm.WHOLE
        self._limit = limit
        self._data = bytearray()

    @property
    def data(self) -> bytes:
        """All that was kept."""
        return bytes(self._data)

    @property
    def text(self) -> str:
        """The same, which must be UTF-8."""
        return self._data.decode()

    @property
    def full(self) -> bool:
        """Whether the limit is reached."""
        return len(self._data) >= self._limit

    async def write(self, data: bytes) -> None:
        """Append up to the limit."""
        room = max(self._limit - len(self._data), 0)
        self._data += data[:room]
        self.dropped += max(len(data) - room, 0)

    def truncated(self, why: str) -> None:
        """Keep why it is not all of it."""
        self.cuts.append(why)

    def error(self, why: str, note: bool = False) -> None:
        """Keep what could not be had."""
        (self.notes if note else self.errors).append(why)


class MemorySink:
    """A bundle as a dictionary of files; `limit` is the most bytes of one."""

    def __init__(self, *, limit: int = 1 << 30) -> None:
        self.files: dict[str, MemoryFile] = {}
        self.absent: dict[str, str] = {}
        """Path to why there is no such file, though there should be one."""
        self.not_here: dict[str, str] = {}
        """Path to why this cluster has nothing of the kind."""
        self._limit = limit

    @asynccontextmanager
    async def file(
        self,
        path: str,
        *,
        source: str,
        form: TextForm = TextForm.WHOLE,
        watch: Callable[[bytes], None] | None = None,
    ) -> AsyncIterator[MemoryFile]:
        """Open a file; `watch` is given all of it at its end. Raises UsageError where the path is taken."""
        if path in self.files:
            raise UsageError(f"{path} is in the bundle already")
        self.files[path] = MemoryFile(source, self._limit)
        self.files[path].form = form
        yield self.files[path]
        if watch is not None:
            watch(self.files[path].data)

    def missing(self, path: str, *, source: str, why: str, note: bool = False) -> None:
        """Keep why there is no such file."""
        assert source
        (self.not_here if note else self.absent)[path] = why

    @property
    def everything(self) -> bytes:
        """All bytes, paths and sentences, to search for what must not be among them."""
        said = [f"{path} {why}" for path, why in (*self.absent.items(), *self.not_here.items())]
        for path, file in self.files.items():
            said += [path, file.source, *file.errors, *file.notes, *file.cuts]
        return b"\n".join([*(file.data for file in self.files.values()), *(one.encode() for one in said)])
