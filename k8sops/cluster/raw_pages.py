"""Lists and objects as bytes, for whoever keeps them: what tells an object from others is decoded, the rest is not.

Items of a list come without `apiVersion` and `kind` where the kind is built in (they stand on the list), with them
where it is a custom one; a single GET always has them. Here they are always there, so that both ways of reading an
object give the same. But `managedFields`, which are half of what a server sends and nothing that is kept, are taken out
of a page's objects.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import msgspec

from k8sops.cluster import metadata_lists
from k8sops.cluster.codecs import RawCodec
from k8sops.cluster.pages import JSON, PAGE_SIZE, Pairs, meta_of, page_bodies
from k8sops.cluster.paths import collection_path, object_path, subject_of
from k8sops.cluster.watch import watch_batches
from k8sops.core.errors import DeadlineError, InvalidError, ServerError
from k8sops.core.ports import Resource
from k8sops.core.raw import RawChange, RawObject, RawPage

if TYPE_CHECKING:
    from k8sops.cluster.transport import Transport

METADATA: Final = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,{JSON}"
"""What a server answers that cannot leave out the rest is the whole list, which serves as well."""
HEADS: Final = f"{metadata_lists.ACCEPT},{METADATA}"
"""Where the bytes are not wanted, the form that costs the server least."""
DEADLINE_S: Final = 60.0
SMALL_BYTES: Final = 32 << 10
"""A page of less is taken apart sooner than a thread has taken it up; most kinds have no more."""
_MANAGED_FIELDS: Final = b'"managedFields":'
PREFETCH: Final = 1


class _Meta(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None
    managed_fields: msgspec.Raw = msgspec.Raw()


class _Head(msgspec.Struct, frozen=True, gc=False):
    kind: str = ""
    metadata: _Meta = _Meta()


class _ListMeta(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    remaining_item_count: int = -1


class _List(msgspec.Struct, frozen=True, gc=False):
    items: list[msgspec.Raw] | None = None


class _Heads(msgspec.Struct, frozen=True, gc=False):
    metadata: _ListMeta = _ListMeta()
    items: list[_Head] | None = None


_LIST: Final = msgspec.json.Decoder(_List)
_HEADS: Final = msgspec.json.Decoder(_Heads)
_HEAD: Final = msgspec.json.Decoder(_Head)


async def raw_pages(
    transport: Transport,
    resource: Resource,
    namespace: str = "",
    *,
    metadata_only: bool = False,
    with_data: bool = True,
    query: Pairs = (),
    page_size: int = PAGE_SIZE,
    at_most: int = 0,
) -> AsyncGenerator[RawPage, None]:
    """The pages of one list, without `with_data` only what tells objects from others.

    Raises what `request` raises, and ServerError for a page that cannot be read.
    """
    decode = _page if with_data else _page_of_heads
    path = collection_path(resource, namespace)
    accept = JSON if not metadata_only else METADATA if with_data else HEADS
    subject = subject_of(resource, "", namespace)
    if at_most == 1:
        # Without the machinery that would have the next page on its way already.
        data = await transport.request(
            "GET",
            path,
            query=[*query, ("limit", str(page_size))],
            accept=accept,
            deadline_s=DEADLINE_S,
            subject=subject,
        )
        yield decode(data, resource, meta_of(data).resource_version, False)
        return
    bodies = page_bodies(
        transport,
        path,
        query=query,
        accept=accept,
        page_size=page_size,
        # Nobody waits for the first of them: with each page a server goes through all that is to come.
        first_page=page_size,
        prefetch=PREFETCH,
        deadline_s=DEADLINE_S,
        subject=subject,
    )
    left = at_most
    async with aclosing(bodies):
        async for data, meta, restarted in bodies:
            if len(data) < SMALL_BYTES:
                yield decode(data, resource, meta.resource_version, restarted)
            else:
                yield await asyncio.to_thread(decode, data, resource, meta.resource_version, restarted)
            left -= 1
            if left == 0:
                return


async def raw_object(
    transport: Transport, resource: Resource, name: str, namespace: str = "", *, not_older_than: str = ""
) -> RawObject:
    """One object, as it is now or, with the resourceVersion of a list, at any time since that.

    The API server answers the latter from its cache and spares etcd a quorum read (Kubernetes API concepts, Resource
    versions, get). Raises what `request` raises, and ServerError for one that cannot be read.
    """
    path, subject = object_path(resource, name, namespace), subject_of(resource, name, namespace)
    query = {"resourceVersion": not_older_than} if not_older_than else {}
    try:
        data = await transport.request("GET", path, query=query, subject=subject)
    except (DeadlineError, InvalidError):
        if not not_older_than:
            raise
        # A cache that lags behind for 3 s says so by a timeout; an aggregated API need not know such reads at all.
        data = await transport.request("GET", path, subject=subject)
    try:
        return _joined(_HEAD.decode(data), data)
    except msgspec.MsgspecError as error:
        raise ServerError(f"{subject}: the API server's answer cannot be read: {error}") from error


async def raw_changes(
    transport: Transport, resource: Resource, namespace: str = "", *, since: str, query: Pairs = ()
) -> AsyncGenerator[RawChange, None]:
    """What happens after a list's resourceVersion, as it happens; ends when the server ends the watch.

    Raises GoneError for a resourceVersion too old, and what `stream` raises.
    """
    batches = watch_batches(
        transport,
        collection_path(resource, namespace),
        codec=RawCodec(),
        resource_version=since,
        query=query,
        subject=subject_of(resource, "", namespace),
    )
    async with aclosing(batches):
        async for batch in batches:
            for event in batch.events:
                data = bytes(event.object)
                yield RawChange(_joined(_HEAD.decode(data), data), event.type == "DELETED")


def _page(data: bytes, resource: Resource, resource_version: str, restarted: bool) -> RawPage:
    kind = msgspec.json.encode({"apiVersion": resource.api_version, "kind": resource.kind})[:-1] + b","
    try:
        # Two passes over the whole page take a third of the time of one call for each object.
        heads = _HEADS.decode(data)
        found = _LIST.decode(_without_managed_fields(heads.items or (), data))
        objects = [
            _joined(head, bytes(raw), kind)
            for head, raw in zip(heads.items or (), found.items or (), strict=True)
        ]
    except msgspec.MsgspecError as error:
        raise _unreadable(resource, error) from error
    return RawPage(objects, resource_version, restarted, heads.metadata.remaining_item_count, len(data))


def _page_of_heads(data: bytes, resource: Resource, resource_version: str, restarted: bool) -> RawPage:
    if metadata_lists.is_protobuf(data):
        found, remaining = metadata_lists.objects_of(data)
        return RawPage(found, resource_version, restarted, remaining, len(data))
    try:
        heads = _HEADS.decode(data)
    except msgspec.MsgspecError as error:
        raise _unreadable(resource, error) from error
    objects = [_joined(head, b"") for head in heads.items or ()]
    return RawPage(objects, resource_version, restarted, heads.metadata.remaining_item_count, len(data))


def _unreadable(resource: Resource, error: msgspec.MsgspecError) -> ServerError:
    return ServerError(f"a page of {subject_of(resource)} from the API server cannot be read: {error}")


def _without_managed_fields(heads: Sequence[_Head], data: bytes) -> bytes:
    """The page with nothing in its objects' `managedFields`, which else would be decoded only to be forgotten.

    Where there are more such members, as in an object kept within another, nothing is taken out.
    """
    parts: list[bytes] = []
    at = 0
    for head in heads:
        fields = bytes(head.metadata.managed_fields)
        if not fields:
            continue
        begin = data.find(_MANAGED_FIELDS, at) + len(_MANAGED_FIELDS)
        if not data.startswith(fields, begin):
            return data
        parts += (data[at:begin], b"[]")
        at = begin + len(fields)
    # As many members were found as there are objects that have them: one more shows that one may be another's.
    if data.find(_MANAGED_FIELDS, at) >= 0:
        return data
    return b"".join((*parts, data[at:]))


def _joined(head: _Head, data: bytes, kind: bytes = b"") -> RawObject:
    """An object, `kind` put in front of its members where it has none."""
    meta = head.metadata
    return RawObject(
        # One text for all of a namespace: whoever keeps rows of 100,000 objects keeps this.
        sys.intern(meta.namespace),
        meta.name,
        meta.uid,
        meta.resource_version,
        meta.labels or {},
        data if head.kind or not kind else kind + data[1:],
    )
