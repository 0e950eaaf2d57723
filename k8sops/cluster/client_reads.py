"""The reads and dry runs of a cluster: everything a planner may ask.

Lists, watches, tables and logs live in modules of their own; here they get a path, a query and a name for messages.
Dry runs go through a view of the transport that adds `dryRun=All` to whatever is sent.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from k8sops.cluster.client_base import (
    FIELD_MANAGER,
    MERGE_PATCH,
    ClusterBase,
    apply_patch,
    decoded,
    post,
    post_eviction,
    remove,
)
from k8sops.cluster.live import LiveTable
from k8sops.cluster.pages import PAGE_SIZE, list_items
from k8sops.cluster.paths import checked_name, collection_path, object_path, subject_of
from k8sops.cluster.questions import ask_access, ask_access_of, ask_identity, ask_version
from k8sops.cluster.raw_pages import raw_changes, raw_object, raw_pages
from k8sops.cluster.reflector import watch_objects
from k8sops.cluster.scale import path_of_scale, scale_view
from k8sops.cluster.table import read_table, selectors
from k8sops.core.actor import Identity
from k8sops.core.plan import JsonObject
from k8sops.core.ports import AccessAnswer, AccessRequest, DiscoveryGap, Resource, ScaleView, WatchEvent
from k8sops.core.raw import RawChange, RawObject, RawPage
from k8sops.core.tables import LiveRows, Table, TableQuery

T = TypeVar("T")


PIECE_BYTES: Final = 128 << 10
"""Many bodies may be read side by side, each by somebody who is slower than the server."""


class ClusterReads(ClusterBase):
    """`ClusterReader` on a real API server."""

    async def whoami(self) -> Identity:
        """Who the API server says the credentials belong to."""
        return await ask_identity(self.transport)

    async def server_version(self) -> str:
        """The server's gitVersion."""
        return await ask_version(self.transport)

    async def can_i(self, request: AccessRequest) -> AccessAnswer:
        """Ask SelfSubjectAccessReview."""
        return await ask_access(self.transport, request)

    async def can_they(
        self, identity: Identity, request: AccessRequest, *, extra: Mapping[str, Sequence[str]] | None = None
    ) -> AccessAnswer:
        """Ask SubjectAccessReview about somebody else. Raises ForbiddenError where we may not ask that."""
        return await ask_access_of(self.transport, identity, request, extra or {})

    async def resource(self, kind: str) -> Resource:
        """Resolve a kind as typed. Raises UnknownKindError or AmbiguousKindError."""
        return await self.discovery.resource(kind)

    async def resources(self) -> tuple[Resource, ...]:
        """Everything discovery found, each kind in the version its group prefers."""
        return await self.discovery.resources()

    async def discovery_gaps(self) -> tuple[DiscoveryGap, ...]:
        """Groups that could not be discovered."""
        return await self.discovery.gaps()

    async def get(self, resource: Resource, name: str, namespace: str = "") -> JsonObject:
        """One object. Raises NotFoundError, ForbiddenError."""
        path, subject = object_path(resource, name, namespace), subject_of(resource, name, namespace)
        return decoded(await self.transport.request("GET", path, subject=subject), subject)

    def list(
        self, resource: Resource, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> AsyncGenerator[JsonObject, None]:
        """All objects, page by page of one consistent list."""
        return self.list_as(
            dict[str, Any],
            resource,
            namespace,
            label_selector=label_selector,
            field_selector=field_selector,
        )

    def list_as(
        self,
        item: type[T],
        resource: Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        page_size: int = PAGE_SIZE,
    ) -> AsyncGenerator[T, None]:
        """The same, decoded to `item`, which should name `metadata.uid`; at most `page_size` with one request."""
        return list_items(
            self.transport,
            collection_path(resource, namespace),
            item_type=item,
            query=_selecting(label_selector, field_selector),
            page_size=page_size,
            subject=subject_of(resource, "", namespace),
        )

    async def served(self, *, anew: bool = False) -> tuple[Resource, ...]:
        """Every resource in every version, the preferred one of each first."""
        found = await (self.discovery.found(no_older_than_s=0) if anew else self.discovery.found())
        return found.resources

    def pages(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        metadata_only: bool = False,
        with_data: bool = True,
        label_selector: str = "",
        page_size: int = PAGE_SIZE,
        at_most: int = 0,
    ) -> AsyncGenerator[RawPage, None]:
        """The pages of one consistent list, objects undecoded."""
        return raw_pages(
            self.transport,
            resource,
            namespace,
            metadata_only=metadata_only,
            with_data=with_data,
            query=_selecting(label_selector, ""),
            page_size=page_size,
            at_most=at_most,
        )

    def changes(
        self, resource: Resource, namespace: str = "", *, since: str, label_selector: str = ""
    ) -> AsyncGenerator[RawChange, None]:
        """What happens after a list's resourceVersion, until the server ends the watch."""
        query = _selecting(label_selector, "")
        return raw_changes(self.transport, resource, namespace, since=since, query=query)

    async def raw(
        self, resource: Resource, name: str, namespace: str = "", *, not_older_than: str = ""
    ) -> RawObject:
        """One object, undecoded, now or at any time since that state. Raises NotFoundError, ForbiddenError."""
        return await raw_object(self.transport, resource, name, namespace, not_older_than=not_older_than)

    def watch(
        self, resource: Resource, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> AsyncGenerator[WatchEvent, None]:
        """The present state as `added`, then `synced`, then changes; survives disconnects and 410."""
        return watch_objects(
            self.transport,
            collection_path(resource, namespace),
            clock=self.clock,
            query=_selecting(label_selector, field_selector),
            subject=subject_of(resource, "", namespace),
        )

    async def scale_of(self, resource: Resource, name: str, namespace: str = "") -> ScaleView:
        """The scale subresource. Raises UsageError where the kind has none."""
        path, subject = path_of_scale(resource, name, namespace), subject_of(resource, name, namespace)
        return scale_view(await self.transport.request("GET", path, subject=subject), subject)

    async def table(self, query: TableQuery) -> Table:
        """The rows the server would print."""
        resource = await self._queried(query)
        return await read_table(self.transport, collection_path(resource, query.namespace), resource, query)

    async def rows(self, query: TableQuery) -> LiveRows:
        """The same, kept true by watching."""
        resource = await self._queried(query)
        return LiveTable(
            self.transport,
            collection_path(resource, query.namespace),
            clock=self.clock,
            query=selectors(query),
            subject=subject_of(resource, "", query.namespace),
        )

    async def bytes_at(
        self,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        *,
        read_timeout_s: float = 60.0,
        subject: str = "",
    ) -> AsyncGenerator[bytes, None]:
        """Any GET, in pieces as it comes."""
        async with self.transport.stream(
            path,
            query=query,
            accept="*/*",
            connect_deadline_s=30.0,
            read_timeout_s=read_timeout_s,
            buffer_bytes=PIECE_BYTES,
            subject=subject or path,
        ) as reader:
            while piece := await reader.readany():
                yield piece

    async def preview_apply(
        self,
        resource: Resource,
        manifest: Mapping[str, Any],
        *,
        field_manager: str,
        force: bool = False,
        strict: bool = False,
        retry_429: bool = True,
    ) -> JsonObject:
        """Server-side apply with dryRun=All."""
        return await apply_patch(
            self._dry, resource, manifest, field_manager, force, strict=strict, retry_429=retry_429
        )

    async def preview_patch(
        self,
        resource: Resource,
        name: str,
        namespace: str = "",
        *,
        body: Mapping[str, Any],
    ) -> JsonObject:
        """A merge patch with dryRun=All; fields the server does not know are refused."""
        subject = subject_of(resource, name, namespace)
        data = await self._dry.request(
            "PATCH",
            object_path(resource, name, namespace),
            query={"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"},
            body=msgspec.json.encode(body),
            content_type=MERGE_PATCH,
            subject=subject,
        )
        return decoded(data, subject, of_change=True)

    async def preview_create(
        self,
        resource: Resource,
        manifest: Mapping[str, Any],
        *,
        strict: bool = False,
        retry_429: bool = True,
    ) -> JsonObject:
        """Create with dryRun=All."""
        return await post(self._dry, resource, manifest, strict=strict, retry_429=retry_429)

    async def preview_delete(self, resource: Resource, name: str, namespace: str = "") -> None:
        """Delete with dryRun=All."""
        await remove(self._dry, resource, name, namespace, {}, repeatable=True)

    async def preview_evict(self, name: str, namespace: str, *, uid: str) -> None:
        """Eviction with dryRun=All. Raises TooManyRequestsError naming the budget that forbids it."""
        await post_eviction(self._dry, name, namespace, uid)

    async def _queried(self, query: TableQuery) -> Resource:
        if query.name:
            checked_name(query.name)
        return await self.discovery.resource(query.kind)


def _selecting(label_selector: str, field_selector: str) -> tuple[tuple[str, str], ...]:
    given = (("labelSelector", label_selector), ("fieldSelector", field_selector))
    return tuple(pair for pair in given if pair[1])
