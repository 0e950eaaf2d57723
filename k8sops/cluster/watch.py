"""One watch connection: bytes to batches of events, bookmarks and errors told apart.

Lines are cut out of whatever the socket has ready and decoded block by block, so that a flood costs one decoder call
per read and a quiet watch has no delay. Knows no retries: `reflector` decides what an end of the stream means.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

import msgspec

from k8sops.cluster.codecs import Codec, Event, unreadable
from k8sops.core.errors import (
    CredentialsError,
    ForbiddenError,
    GoneError,
    K8sOpsError,
    ServerError,
    TooManyRequestsError,
    UnreachableError,
)

if TYPE_CHECKING:
    from aiohttp import StreamReader

    from k8sops.cluster.pages import Pairs
    from k8sops.cluster.transport import Transport

T = TypeVar("T")

WATCH_S: Final = 300
"""The server ends a watch after this; ending it is its way to balance load."""
QUIET_S: Final = 90.0
"""Longest silence on a watch. Bookmarks come about once a minute, so more than this is a dead connection."""
ASK_AFTER_S: Final = 10.0
"""Silence after which whoever shows what a watch brought has the server asked whether it is there."""
SETTLED_S: Final = 0.5
"""A watch silent for this long is accepted: an API server that refuses the position (410) says so at once."""
LONGEST_LINE: Final = 64 << 20

_BOOKMARK: Final = b'{"type":"BOOKMARK"'
_ERROR: Final = b'{"type":"ERROR"'
_INITIAL_END: Final = b'"k8s.io/initial-events-end":"true"'


class Batch(NamedTuple, Generic[T]):
    """What one read brought. An empty one, on a quiet watch, says that the server has accepted it."""

    events: Sequence[Event[T]] = ()
    bookmark: str = ""
    """The resourceVersion to resume from, where a bookmark named one after the events."""
    initial_end: bool = False
    """The initial state of a streaming list is complete after these events."""


class _BookmarkMeta(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    resource_version: str = ""


class _Marked(msgspec.Struct, frozen=True, gc=False):
    metadata: _BookmarkMeta = _BookmarkMeta()


class _Bookmark(msgspec.Struct, frozen=True, gc=False):
    object: _Marked


class _Status(msgspec.Struct, frozen=True, gc=False):
    code: int = 0
    reason: str = ""
    message: str = ""


class _Error(msgspec.Struct, frozen=True, gc=False):
    object: _Status


async def watch_batches(
    transport: Transport,
    path: str,
    *,
    codec: Codec[T],
    resource_version: str,
    query: Pairs = (),
    with_initial: bool = False,
    quiet_s: float = QUIET_S,
    watch_s: int = WATCH_S,
    ask_after_s: float | None = None,
    subject: str = "",
) -> AsyncGenerator[Batch[T], None]:
    """Events after `resource_version`; ends when the server ends the watch or it has been silent for `quiet_s`.

    With `with_initial` the present state comes first (KEP-3157), `initial_end` after it; a server without that
    feature answers InvalidError. Raises GoneError for a resourceVersion too old, and what `stream` raises;
    UnreachableError where it was silent for `ask_after_s` and the server, asked by another connection, is so too.
    """
    pairs = [*query, ("watch", "true"), ("allowWatchBookmarks", "true"), ("timeoutSeconds", str(watch_s))]
    if with_initial:
        pairs += [("sendInitialEvents", "true"), ("resourceVersionMatch", "NotOlderThan")]
    if resource_version:
        pairs.append(("resourceVersion", resource_version))
    opened = False
    try:
        async with transport.stream(
            path, query=pairs, accept=codec.accept, read_timeout_s=quiet_s, subject=subject
        ) as reader:
            opened = True
            lines = LineCutter()
            silence = _Silence(transport, reader, ask_after_s)
            first = asyncio.ensure_future(reader.readany())
            try:
                await asyncio.wait({first}, timeout=SETTLED_S)
                if not first.done():
                    yield Batch()
                chunk = await first
                while chunk:
                    silence.broken()
                    if block := lines.feed(chunk):
                        for batch in decode_block(codec, block):
                            yield batch
                    chunk = await reader.readany()
            finally:
                first.cancel()
                await silence.aclose()
    except UnreachableError as error:
        if not opened or not isinstance(error.__cause__, TimeoutError):
            raise


class _Silence:
    """Ends a stream that says nothing while its server says nothing to anybody.

    Beside the reading, and not around each read: a flood must not pay for it.
    """

    def __init__(self, transport: Transport, reader: StreamReader, ask_after_s: float | None) -> None:
        self._pulse = transport.pulse
        self._reader = reader
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self._task: asyncio.Task[None] | None = None
        if ask_after_s is not None:
            self._task = asyncio.create_task(self._listen(ask_after_s), name="a watch's silence")

    def broken(self) -> None:
        """Something came."""
        self._heard_at = self._loop.time()

    async def aclose(self) -> None:
        """The stream is over."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self, ask_after_s: float) -> None:
        while True:
            heard_at = self._heard_at
            await asyncio.sleep(max(heard_at + ask_after_s - self._loop.time(), 0.0))
            if heard_at != self._heard_at:
                continue
            try:
                asked_at = await self._pulse.ask(ask_after_s)
            except UnreachableError as error:
                if heard_at == self._heard_at:
                    # A new one: one with a cause would pass for the end of a watch that was merely quiet.
                    self._reader.set_exception(UnreachableError(error.message, hint=error.hint))
                    return
            else:
                self._heard_at = max(self._heard_at, asked_at)


class LineCutter:
    """Cuts whole lines out of a stream of chunks; a line cut off by the end of the stream never comes out."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> bytes:
        """All lines completed by this chunk, joined; empty if none was. Raises ServerError for an endless line."""
        end = chunk.rfind(b"\n") + 1
        if not end:
            self._rest.append(chunk)
            self._size += len(chunk)
            if self._size > LONGEST_LINE:
                raise ServerError(f"the API server sent a line of more than {LONGEST_LINE >> 20} MiB")
            return b""
        block = b"".join((*self._rest, chunk[:end])) if self._rest else chunk[:end]
        self._rest, self._size = ([chunk[end:]], len(chunk) - end) if end < len(chunk) else ([], 0)
        return block


def decode_block(codec: Codec[T], block: bytes) -> list[Batch[T]]:
    """The batches in a block of whole lines. Raises what an ERROR event says, or ServerError."""
    if _BOOKMARK not in block and _ERROR not in block:
        return [Batch(codec.events(block))]
    batches: list[Batch[T]] = []
    plain: list[bytes] = []
    for line in block.splitlines():
        if line.startswith(_ERROR):
            raise _told_error(line)
        if not line.startswith(_BOOKMARK):
            plain.append(line)
            continue
        events = codec.events(b"\n".join(plain)) if plain else ()
        plain = []
        batches.append(Batch(events, _bookmark(line), _INITIAL_END in line))
    if plain:
        batches.append(Batch(codec.events(b"\n".join(plain))))
    return batches


def _bookmark(line: bytes) -> str:
    try:
        return msgspec.json.decode(line, type=_Bookmark).object.metadata.resource_version
    except msgspec.MsgspecError as error:
        raise unreadable(error) from error


_ERRORS: Final[dict[int, type[K8sOpsError]]] = {
    401: CredentialsError,
    403: ForbiddenError,
    410: GoneError,
    429: TooManyRequestsError,
}


def _told_error(line: bytes) -> K8sOpsError:
    try:
        status = msgspec.json.decode(line, type=_Error).object
    except msgspec.MsgspecError as error:
        return unreadable(error)
    gone = status.code == 410 or status.reason in {"Expired", "Gone"}
    kind = GoneError if gone else _ERRORS.get(status.code, ServerError)
    return kind(f"the API server ended the watch: {status.message or status.reason or status.code}")
