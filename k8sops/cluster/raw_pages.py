"""Lists and objects as bytes, for whoever keeps them: what tells an object from others is decoded, the rest is not.

Items of a list come without `apiVersion` and `kind` where the kind is built in (they stand on the list), with them
where it is a custom one; a single GET always has them. Here they are always there, so that both ways of reading an
object give the same.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import msgspec

from k8sops.cluster.codecs import RawCodec
from k8sops.cluster.pages import JSON, PAGE_SIZE, Pairs, meta_of, page_bodies
from k8sops.cluster.paths import collection_path, object_path, subject_of
from k8sops.cluster.watch import watch_batches
from k8sops.core.errors import ServerError
from k8sops.core.ports import Resource
from k8sops.core.raw import RawChange, RawObject, RawPage

if TYPE_CHECKING:
    from k8sops.cluster.transport import Transport

METADATA: Final = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,{JSON}"
"""What a server answers that cannot leave out the rest is the whole list, which serves as well."""
DEADLINE_S: Final = 60.0
PREFETCH: Final = 1


class _Meta(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None


class _Head(msgspec.Struct, frozen=True, gc=False):
    kind: str = ""
    metadata: _Meta = _Meta()


class _ListMeta(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    remaining_item_count: int = -1


class _List(msgspec.Struct, frozen=True, gc=False):
    metadata: _ListMeta = _ListMeta()
    items: list[msgspec.Raw] | None = None


class _Heads(msgspec.Struct, frozen=True, gc=False):
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
    query: Pairs = (),
    page_size: int = PAGE_SIZE,
    at_most: int = 0,
) -> AsyncGenerator[RawPage, None]:
    """The pages of one list. Raises what `request` raises, and ServerError for a page that cannot be read."""
    path, accept = collection_path(resource, namespace), METADATA if metadata_only else JSON
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
        yield await asyncio.to_thread(_page, data, resource, meta_of(data).resource_version, False)
        return
    bodies = page_bodies(
        transport,
        path,
        query=query,
        accept=accept,
        page_size=page_size,
        prefetch=PREFETCH,
        deadline_s=DEADLINE_S,
        subject=subject,
    )
    left = at_most
    async with aclosing(bodies):
        async for data, meta, restarted in bodies:
            yield await asyncio.to_thread(_page, data, resource, meta.resource_version, restarted)
            left -= 1
            if left == 0:
                return


async def raw_object(transport: Transport, resource: Resource, name: str, namespace: str = "") -> RawObject:
    """One object. Raises what `request` raises, and ServerError for one that cannot be read."""
    path, subject = object_path(resource, name, namespace), subject_of(resource, name, namespace)
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
        found, heads = _LIST.decode(data), _HEADS.decode(data).items or ()
        return RawPage(
            [_joined(head, bytes(raw), kind) for head, raw in zip(heads, found.items or (), strict=True)],
            resource_version,
            restarted,
            found.metadata.remaining_item_count,
            len(data),
        )
    except msgspec.MsgspecError as error:
        raise ServerError(
            f"a page of {subject_of(resource)} from the API server cannot be read: {error}"
        ) from error


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
