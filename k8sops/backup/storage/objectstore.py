"""A storage in a bucket or container: S3 and its like, Google Cloud Storage, Azure, all through obstore.

Every file is one conditional PUT, never a multipart upload: only a single PUT is refused when the name is taken, and
buckets with default retention put multipart uploads under no lock on some servers. obstore repeats what failed; each
call here ends at a deadline all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from k8sops.backup.errors import broken
from k8sops.backup.storage.errors import NameTakenError, NotThereError
from k8sops.backup.storage.objectstore_errors import ends_early, no_such_bucket, told
from k8sops.backup.storage.port import Entry, check_name, is_name
from k8sops.core.errors import DeadlineError, K8sOpsError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_PAGE: Final = 1000


class ObjectStorage:
    """A `Storage` in a bucket.

    `writing` may carry headers that only requests which write should have; `deadline` bounds each call, in seconds.
    `called` is what failures call the location, `credentials` where those come from that it may refuse.
    """

    def __init__(
        self,
        location: str,
        *,
        reading: ObjectStore,
        writing: ObjectStore,
        deadline: float,
        called: str = "",
        credentials: str = "",
    ) -> None:
        self._location: Final = location
        self._called: Final = called or location
        self._credentials: Final = credentials
        self._reading: Final = reading
        self._writing: Final = writing
        self._deadline: Final = deadline

    @property
    def location(self) -> str:
        """The bucket and prefix as a URL."""
        return self._location

    async def put(self, name: str, data: bytes) -> None:
        """Keep the bytes. Raises NameTakenError."""
        check_name(name)
        try:
            async with asyncio.timeout(self._deadline):
                with self._in_words(f"writing {name}", writing=True):
                    await obstore.put_async(self._writing, name, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            # Our own earlier try whose answer was lost, or somebody else's file: its bytes tell.
            if not await self._holds(name, data):
                raise NameTakenError(
                    f"{self._called}: {name} exists already, and is never overwritten"
                ) from None
        except NotThereError:
            # Only a bucket can be missing where something is put.
            raise no_such_bucket(self._called) from None
        except TimeoutError:
            raise self._late(f"writing {name}", writing=True) from None

    async def read(self, name: str, *, at_most: int) -> bytes:
        """A file's bytes. Raises NotThereError, RepositoryBrokenError."""
        data, whole = await self._read(name, at_most)
        if not whole:
            raise broken(name, f"is larger than the {at_most:,} bytes that such a file may have")
        return data

    async def read_range(self, name: str, offset: int, length: int) -> bytes:
        """So many bytes of a file. Raises NotThereError, RepositoryBrokenError."""
        check_name(name)
        doing = f"reading {name}"
        try:
            async with asyncio.timeout(self._deadline):
                found = await obstore.get_range_async(self._reading, name, start=offset, length=length)
                data = found.to_bytes()
        except (BaseError, FileNotFoundError, ValueError) as error:
            if ends_early(error):
                raise broken(name, f"ends before byte {offset + length:,}") from None
            raise self._told(error, doing) from None
        except TimeoutError:
            raise self._late(doing) from None
        if len(data) != length:
            raise broken(name, f"ends before byte {offset + length:,}")
        return data

    async def stat(self, name: str) -> Entry | None:
        """A file's size and time, or None."""
        check_name(name)
        try:
            async with asyncio.timeout(self._deadline):
                with self._in_words(f"looking at {name}"):
                    found = await obstore.head_async(self._reading, name)
        except NotThereError:
            return None
        except TimeoutError:
            raise self._late(f"looking at {name}") from None
        return Entry(name, found["size"], found["last_modified"])

    async def entries(self, folder: str = "", *, after: str = "") -> AsyncIterator[Entry]:
        """The files below a folder, a page at a time."""
        doing = f"listing {folder}" if folder else "listing it"
        prefix, offset = (check_name(folder) if folder else None), (check_name(after) if after else None)
        with self._in_words(doing):
            pages = obstore.list(self._reading, prefix, offset=offset, chunk_size=_PAGE)
        while True:
            try:
                async with asyncio.timeout(self._deadline):
                    with self._in_words(doing):
                        page = await anext(pages)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise self._late(doing) from None
            for found in page:
                name = found["path"]
                if is_name(name) and name > after:
                    yield Entry(name, found["size"], found["last_modified"])

    async def delete(self, name: str) -> None:
        """Remove a file. Raises RetainedError."""
        check_name(name)
        try:
            async with asyncio.timeout(self._deadline):
                with self._in_words(f"deleting {name}", writing=True):
                    await obstore.delete_async(self._writing, name)
        except NotThereError:
            return
        except TimeoutError:
            raise self._late(f"deleting {name}", writing=True) from None

    async def unwritable(self) -> str:
        """Only trying tells what a bucket's policies allow."""
        return ""

    async def sweep_drafts(self, *, older_than: timedelta) -> int:
        """None: a single PUT leaves nothing behind."""
        return 0

    async def _holds(self, name: str, data: bytes) -> bool:
        try:
            kept, whole = await self._read(name, len(data))
        except NotThereError:
            return False
        return whole and kept == data

    async def _read(self, name: str, at_most: int) -> tuple[bytes, bool]:
        check_name(name)
        try:
            async with asyncio.timeout(self._deadline):
                with self._in_words(f"reading {name}"):
                    found = await obstore.get_async(self._reading, name)
                    if found.meta["size"] > at_most:
                        return b"", False
                    data = (await found.bytes_async()).to_bytes()
        except TimeoutError:
            raise self._late(f"reading {name}") from None
        if len(data) != found.meta["size"]:
            raise broken(name, "has not the size that its storage says")
        return data, True

    @contextmanager
    def _in_words(self, doing: str, *, writing: bool = False) -> Iterator[None]:
        try:
            yield
        except AlreadyExistsError:
            raise
        except (BaseError, FileNotFoundError, ValueError) as error:
            # Not `from error`: what obstore says can hold a signed URL, and a traceback would show it.
            raise self._told(error, doing, writing=writing) from None

    def _told(self, error: BaseException, doing: str, *, writing: bool = False) -> K8sOpsError:
        return told(error, self._called, doing, writing=writing, credentials=self._credentials)

    def _late(self, doing: str, *, writing: bool = False) -> DeadlineError:
        return DeadlineError(
            f"{self._called} took longer than {self._deadline:.0f} s ({doing})", outcome_unknown=writing
        )
