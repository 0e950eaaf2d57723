r"""A pod as the API server stores it, for writing its restart count: `k8s\0`, then an `Unknown` that holds a `Pod`.

The API server gives the same on request, with the resourceVersion, which it does not store. Only the few fields on the
way to the count and to one annotation are understood; all else is carried along byte for byte. Field numbers are those
of Kubernetes' generated.proto (core/v1, meta/v1, runtime), which never change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

MAGIC: Final = b"k8s\0"
_VARINT, _BYTES = 0, 2
_FIXED: Final = {1: 8, 5: 4}
_RAW: Final = 2
_CONTINUE, _ITEMS = 3, 2
_POD_TYPE: Final = b"\x0a\x09\x0a\x02v1\x12\x03Pod"
"""`Unknown.typeMeta` of one pod, which a list's items do not bear."""
_METADATA, _STATUS = 1, 3
_UID, _RESOURCE_VERSION, _ANNOTATIONS = 5, 6, 12
_CONTAINER_STATUSES: Final = 8
_RESTART_COUNT: Final = 5
_KEY, _VALUE = 1, 2


def listed(answer: bytes) -> tuple[list[bytes], str]:
    """A page of a list of pods: what the API server would have given for each, and where the next page begins.

    Raises ValueError for what is no such page.
    """
    if not answer.startswith(MAGIC):
        raise ValueError("the API server gave it in another form than was asked for")
    page = _content(answer[len(MAGIC) :], _RAW)
    pods = [
        MAGIC + _POD_TYPE + _bytes(_RAW, page[content:end])
        for number, _, _, content, end in _fields(page)
        if number == _ITEMS
    ]
    metadata = _content(page, _METADATA)
    token = [metadata[content:end] for number, _, _, content, end in _fields(metadata) if number == _CONTINUE]
    return pods, token[0].decode() if token else ""


def uid_of(answer: bytes) -> str:
    """The uid of one pod as the API server gave it. Raises ValueError for what is no pod."""
    return _content(_content(_content(answer[len(MAGIC) :], _RAW), _METADATA), _UID).decode()


class StoredPod:
    """A pod around the restart count of its first container, as it is to be stored.

    `revision` is etcd's, in which it lies there.
    """

    __slots__ = ("_bare", "_noted", "revision", "uid")

    def __init__(self, answer: bytes, annotation: str, text: str) -> None:
        """`answer` is what the API server gave; the annotation is the note, with this text, and may be there already.

        Raises ValueError for what is no pod with a container that was started.
        """
        if not answer.startswith(MAGIC):
            raise ValueError("the API server gave it in another form than was asked for")
        whole = answer[len(MAGIC) :]
        pod = _content(whole, _RAW)
        metadata = _content(pod, _METADATA)
        self.uid: Final = _content(metadata, _UID).decode()
        self.revision = int(_content(metadata, _RESOURCE_VERSION))
        metadata = _without(metadata, lambda number, _: number == _RESOURCE_VERSION)
        bare = _unannotated(metadata, annotation.encode())
        note = _bytes(_ANNOTATIONS, _bytes(_KEY, annotation.encode()) + _bytes(_VALUE, text.encode()))
        self._bare, self._noted = (
            _around(_with(whole, _RAW, _with(pod, _METADATA, metadata))) for metadata in (bare, bare + note)
        )

    def with_count(self, count: int, *, noted: bool) -> bytes:
        """The value with this restart count, and with the note or without."""
        levels = self._noted if noted else self._bare
        head, tail = levels[-1]
        inner = head + _varint(count) + tail
        for head, tail in levels[-2::-1]:
            inner = b"".join((head, _varint(len(inner)), inner, tail))
        return inner


def _around(message: bytes) -> list[tuple[bytes, bytes]]:
    """What stands before and after the count, message by message, the outermost first."""
    levels, before = [], MAGIC
    for number in (_RAW, _STATUS, _CONTAINER_STATUSES):
        start, content, end = _field(message, number)
        levels.append((before + message[:start] + _tag(number, _BYTES), message[end:]))
        message, before = message[content:end], b""
    start, _, end = _field(message, _RESTART_COUNT, _VARINT)
    levels.append((message[:start] + _tag(_RESTART_COUNT, _VARINT), message[end:]))
    return levels


def _unannotated(metadata: bytes, key: bytes) -> bytes:
    return _without(metadata, lambda number, entry: number == _ANNOTATIONS and _content(entry, _KEY) == key)


def _without(message: bytes, unwanted: Callable[[int, bytes], bool]) -> bytes:
    return b"".join(
        message[start:end]
        for number, _, start, content, end in _fields(message)
        if not unwanted(number, message[content:end])
    )


def _with(message: bytes, number: int, content: bytes) -> bytes:
    start, _, end = _field(message, number)
    return message[:start] + _bytes(number, content) + message[end:]


def _content(message: bytes, number: int) -> bytes:
    _, start, end = _field(message, number)
    return message[start:end]


def _field(message: bytes, number: int, wire: int = _BYTES) -> tuple[int, int, int]:
    """Where the first field of that number begins, where its content does, and where it ends."""
    for found, kind, start, content, end in _fields(message):
        if (found, kind) == (number, wire):
            return start, content, end
    raise ValueError(f"it has no field {number} where one belongs")


def _fields(message: bytes) -> Iterator[tuple[int, int, int, int, int]]:
    """Number, wire type, begin, begin of the content, and end of each field. Raises ValueError for what is cut."""
    at, size = 0, len(message)
    while at < size:
        start = at
        tag, at = _read_varint(message, at)
        content = at
        if tag & 7 == _VARINT:
            _, end = _read_varint(message, at)
        elif tag & 7 == _BYTES:
            length, content = _read_varint(message, at)
            end = content + length
        elif tag & 7 in _FIXED:
            end = at + _FIXED[tag & 7]
        else:
            raise ValueError(f"it has a field of the unknown wire type {tag & 7}")
        if end > size:
            raise ValueError("it is cut off within a field")
        yield tag >> 3, tag & 7, start, content, end
        at = end


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("it is cut off within a number")


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _tag(number: int, wire: int) -> bytes:
    return _varint(number << 3 | wire)


def _bytes(number: int, content: bytes) -> bytes:
    return _tag(number, _BYTES) + _varint(len(content)) + content
