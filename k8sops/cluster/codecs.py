"""How bodies become items: one codec for slim structs, one for plain JSON objects; tables bring their own.

A codec is what makes pages, watch and reflector generic. Decoding goes by blocks of whole lines, because calling the
decoder per watch event costs more than decoding it.
"""

from __future__ import annotations

from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from k8sops.cluster.known import Identity
from k8sops.cluster.pages import JSON, list_decoder
from k8sops.cluster.structs import Meta
from k8sops.core.errors import ServerError
from k8sops.core.plan import JsonObject

T = TypeVar("T")


class HasMeta(Protocol):
    """A struct that names its metadata."""

    @property
    def metadata(self) -> Meta:
        """Its ObjectMeta."""
        ...


M = TypeVar("M", bound=HasMeta)


class Event(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """A watch event as decoded: ADDED, MODIFIED or DELETED."""

    type: str
    object: T


class Codec(Protocol[T]):
    """Everything that differs between watching structs, JSON objects and table rows."""

    accept: str

    def page(self, data: bytes) -> list[T]:
        """The items of a list body. Raises ServerError."""
        ...

    def events(self, lines: bytes) -> list[Event[T]]:
        """The events in whole lines, none of them a bookmark or an error. Raises ServerError."""
        ...

    def identify(self, item: T) -> Identity:
        """Who the item is."""
        ...

    def keep(self, item: T) -> T:
        """What to remember of an item until its deletion has to be told; may be less than the item."""
        ...


class _Blocks(Generic[T]):
    """Page and event decoding for a type that msgspec decodes directly."""

    accept: str = JSON

    def __init__(self, item_type: type[T]) -> None:
        self._pages = list_decoder(item_type)
        self._events: msgspec.json.Decoder[Event[T]] = msgspec.json.Decoder(Event[item_type])  # type: ignore[valid-type]

    def page(self, data: bytes) -> list[T]:
        """The items of a list body."""
        return self._pages(data)

    def events(self, lines: bytes) -> list[Event[T]]:
        """The events in whole lines."""
        try:
            return self._events.decode_lines(lines)
        except msgspec.MsgspecError as error:
            raise unreadable(error) from error


class StructCodec(_Blocks[M]):
    """For slim structs: they are small enough to be remembered whole."""

    def identify(self, item: M) -> Identity:
        """Who the struct is."""
        meta = item.metadata
        return Identity(meta.namespace, meta.name, meta.uid, meta.resource_version)

    def keep(self, item: M) -> M:
        """The struct itself."""
        return item


class JsonCodec(_Blocks[JsonObject]):
    """For whole JSON objects, of which only the identity is remembered: a deletion found by a re-list has no more."""

    def __init__(self) -> None:
        super().__init__(dict[str, Any])

    def identify(self, item: JsonObject) -> Identity:
        """Who the object is."""
        meta = item.get("metadata") or {}
        return Identity(
            meta.get("namespace", ""),
            meta.get("name", ""),
            meta.get("uid", ""),
            meta.get("resourceVersion", ""),
        )

    def keep(self, item: JsonObject) -> JsonObject:
        """apiVersion, kind and the identifying metadata."""
        meta = item.get("metadata") or {}
        slim: JsonObject = {field: item[field] for field in ("apiVersion", "kind") if field in item}
        slim["metadata"] = {field: meta[field] for field in _IDENTIFYING if field in meta}
        return slim


class RawCodec(_Blocks[msgspec.Raw]):
    """For whoever wants the bytes: nothing is told of them here, and nothing remembered."""

    def __init__(self) -> None:
        super().__init__(msgspec.Raw)

    def identify(self, item: msgspec.Raw) -> Identity:
        """Nobody asks: it is not for reflectors."""
        return Identity("", "", "", "")

    def keep(self, item: msgspec.Raw) -> msgspec.Raw:
        """The bytes."""
        return item


_IDENTIFYING: Final = ("name", "namespace", "uid", "resourceVersion")


def unreadable(error: Exception) -> ServerError:
    """A watch whose lines do not fit: the server, or something between, sent something else."""
    return ServerError(f"the API server's watch cannot be read: {error}")
