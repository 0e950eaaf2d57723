"""Metadata of many objects in protobuf, which costs an API server a quarter of what the same costs it in JSON.

Only what tells an object from others is declared; whatever else a message holds is passed over. Field numbers are those
of Kubernetes' generated.proto (meta/v1 and runtime), which never change. A server that does not speak protobuf answers
in JSON, as it is asked to: `is_protobuf` tells which it was.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, NamedTuple

from k8sops.core.errors import ServerError
from k8sops.core.raw import RawObject

MAGIC: Final = b"k8s\0"
ACCEPT: Final = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

_STRING, _MESSAGE, _BYTES, _INT64 = 9, 11, 12, 3
_ONE, _MANY = 1, 3
_LIST_META: Final = (("resourceVersion", 2, _STRING), ("continue", 3, _STRING), ("remaining", 4, _INT64))
_OBJECT_META: Final = (
    ("name", 1, _STRING),
    ("namespace", 3, _STRING),
    ("uid", 5, _STRING),
    ("resourceVersion", 6, _STRING),
)


class ListHead(NamedTuple):
    """Of a page: the state it shows, and the token of the next one."""

    resource_version: str
    continue_: str


def is_protobuf(data: bytes) -> bool:
    """Whether an answer is in Kubernetes' protobuf envelope."""
    return data.startswith(MAGIC)


def list_head(data: bytes) -> ListHead:
    """What stands on a page. Raises ServerError for what is none."""
    meta = _parsed("HeadingEnvelope", data).metadata
    return ListHead(meta.resourceVersion, getattr(meta, "continue"))


def objects_of(data: bytes) -> tuple[list[RawObject], int]:
    """The objects of a page, without bytes, and how many are to come (-1: not said). Raises ServerError."""
    page, found = _parsed("ListEnvelope", data), []
    # Copies of one template have the same labels, and taking these apart is most of the work.
    known: dict[tuple[bytes, ...], dict[str, str]] = {}
    for item in page.items:
        meta = item.metadata
        entries = tuple(meta.labels)
        labels = known.get(entries)
        if labels is None:
            labels = known[entries] = _labels_of(entries)
        # One text for all of a namespace: whoever keeps rows of 100,000 objects keeps this.
        found.append(
            RawObject(sys.intern(meta.namespace), meta.name, meta.uid, meta.resourceVersion, labels, b"")
        )
    return found, page.metadata.remaining if page.metadata.HasField("remaining") else -1


def _labels_of(entries: tuple[bytes, ...]) -> dict[str, str]:
    with _told():
        labels = [_messages()["Label"].FromString(entry) for entry in entries]
    return {label.key: label.value for label in labels}


def _parsed(name: str, data: bytes) -> Any:
    with _told():
        # A view: a page is some megabytes, and is parsed once for what stands on it and once for its objects.
        return _messages()[name].FromString(memoryview(data)[len(MAGIC) :]).raw


@contextmanager
def _told() -> Iterator[None]:
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - see `_messages`

    try:
        yield
    except DecodeError as error:
        raise ServerError(f"the API server's list of metadata cannot be read: {error}") from error


@cache
def _messages() -> dict[str, Any]:
    """The messages by name, made when first needed."""
    # The library takes as long to load as most commands take in all, and few of them read metadata.
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # noqa: PLC0415

    file = descriptor_pb2.FileDescriptorProto(name="k8sops/metadata.proto", package="k8sops", syntax="proto2")

    def message(name: str, *fields: tuple[str, int, int] | tuple[str, int, int, str, int]) -> None:
        made = file.message_type.add(name=name)
        for field, number, kind, *rest in fields:
            of, label = rest or ("", _ONE)
            made.field.add(
                name=field, number=number, type=kind, label=label, type_name=f".k8sops.{of}" if of else None
            )

    message("ListMeta", *_LIST_META)
    message("Label", ("key", 1, _STRING), ("value", 2, _STRING))
    message("ObjectMeta", *_OBJECT_META, ("labels", 11, _BYTES, "", _MANY))
    message("Object", ("metadata", 1, _MESSAGE, "ObjectMeta", _ONE))
    message("Heading", ("metadata", 1, _MESSAGE, "ListMeta", _ONE))
    message("List", ("metadata", 1, _MESSAGE, "ListMeta", _ONE), ("items", 2, _MESSAGE, "Object", _MANY))
    # runtime.Unknown has `raw` as bytes, which on the wire is what a message is: so they are parsed where they lie.
    message("HeadingEnvelope", ("raw", 2, _MESSAGE, "Heading", _ONE))
    message("ListEnvelope", ("raw", 2, _MESSAGE, "List", _ONE))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        made.name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"k8sops.{made.name}"))
        for made in file.message_type
    }
