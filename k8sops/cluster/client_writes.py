"""The mutations of a cluster, each conditional where Kubernetes lets it be, none repeated where that could harm.

A PUT under a resourceVersion is not repeated either: a repeat would be harmless, but would report our own first
write as somebody else's conflict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from k8sops.cluster.client_base import (
    FIELD_MANAGER,
    MERGE_PATCH,
    PODS,
    ClusterBase,
    apply_patch,
    decoded,
    post,
    post_eviction,
    remove,
)
from k8sops.cluster.paths import object_path, subject_of
from k8sops.cluster.scale import path_of_scale, scale_body, scale_view
from k8sops.core.plan import JsonObject
from k8sops.core.ports import PatchType, Resource, ScaleView
from k8sops.core.raw import CommandResult

MOST_OUTPUT: Final = 64 * 1024
"""Bytes kept of what a command writes."""

PATCH_CONTENT_TYPES: Final[dict[PatchType, str]] = {
    "json": "application/json-patch+json",
    "merge": MERGE_PATCH,
    "strategic": "application/strategic-merge-patch+json",
}


class ClusterWrites(ClusterBase):
    """What `Cluster` adds to `ClusterReader`."""

    async def create(
        self,
        resource: Resource,
        manifest: Mapping[str, Any],
        *,
        strict: bool = False,
        retry_429: bool = True,
    ) -> JsonObject:
        """Create. Raises AlreadyExistsError, InvalidError, ForbiddenError."""
        return await post(self.transport, resource, manifest, strict=strict, retry_429=retry_429)

    async def apply(
        self,
        resource: Resource,
        manifest: Mapping[str, Any],
        *,
        field_manager: str,
        force: bool = False,
        strict: bool = False,
        retry_429: bool = True,
    ) -> JsonObject:
        """Server-side apply. Raises ConflictError naming the other manager unless `force`."""
        return await apply_patch(
            self.transport, resource, manifest, field_manager, force, strict=strict, retry_429=retry_429
        )

    async def patch(
        self,
        resource: Resource,
        name: str,
        namespace: str = "",
        *,
        body: Any,
        patch_type: PatchType = "merge",
        subresource: str = "",
    ) -> JsonObject:
        """Patch; a `metadata.uid` or `metadata.resourceVersion` in the body is a precondition."""
        return await self._put_or_patch(
            "PATCH", resource, name, namespace, subresource, body, PATCH_CONTENT_TYPES[patch_type]
        )

    async def replace(
        self,
        resource: Resource,
        name: str,
        namespace: str = "",
        *,
        body: Mapping[str, Any],
        subresource: str = "",
    ) -> JsonObject:
        """PUT, conditional on the resourceVersion in the body."""
        return await self._put_or_patch(
            "PUT", resource, name, namespace, subresource, body, "application/json"
        )

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        resource_version: str = "",
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",
        grace_period_seconds: int | None = None,
    ) -> JsonObject:
        """Delete with preconditions. Raises ConflictError where they fail, NotFoundError where it is gone."""
        given = {"uid": uid, "resourceVersion": resource_version}
        options: dict[str, Any] = {"propagationPolicy": propagation}
        if preconditions := {key: value for key, value in given.items() if value}:
            options["preconditions"] = preconditions
        if grace_period_seconds is not None:
            options["gracePeriodSeconds"] = grace_period_seconds
        # Under a uid a repeat can only hit the object that was meant.
        return await remove(self.transport, resource, name, namespace, options, repeatable=bool(uid))

    async def evict(
        self, name: str, namespace: str, *, uid: str, grace_period_seconds: int | None = None
    ) -> None:
        """The Eviction API (policy/v1). Raises TooManyRequestsError while a budget forbids it."""
        await post_eviction(self.transport, name, namespace, uid, grace_period_seconds)

    async def execute(
        self,
        pod: str,
        namespace: str,
        command: Sequence[str],
        *,
        container: str = "",
        deadline_s: float = 60.0,
    ) -> CommandResult:
        """Run a command in a container to its end, never twice. Raises DeadlineError, ClusterError."""
        from k8sops.cluster.websocket_exec import run_command  # noqa: PLC0415 - loaded when needed

        ended = await run_command(
            self.transport,
            object_path(PODS, pod, namespace, "exec"),
            command,
            container=container,
            deadline_s=deadline_s,
            most_output=MOST_OUTPUT,
            subject=subject_of(PODS, pod, namespace),
        )
        return CommandResult(
            exit_code=ended.exit_code,
            stdout=ended.stdout.decode(errors="replace"),
            stderr=ended.stderr.decode(errors="replace"),
        )

    async def set_scale(
        self, resource: Resource, name: str, namespace: str, *, replicas: int, uid: str, resource_version: str
    ) -> ScaleView:
        """PUT the scale subresource under the lock of `resource_version`. Raises ConflictError."""
        path, subject = path_of_scale(resource, name, namespace), subject_of(resource, name, namespace)
        body = scale_body(name, namespace, replicas=replicas, uid=uid, resource_version=resource_version)
        data = await self.transport.request(
            "PUT", path, query={"fieldManager": FIELD_MANAGER}, body=body, subject=subject
        )
        return scale_view(data, subject, of_change=True)

    async def _put_or_patch(
        self,
        method: Literal["PUT", "PATCH"],
        resource: Resource,
        name: str,
        namespace: str,
        subresource: str,
        body: Any,
        content_type: str,
    ) -> JsonObject:
        subject = subject_of(resource, name, namespace)
        data = await self.transport.request(
            method,
            object_path(resource, name, namespace, subresource),
            query={"fieldManager": FIELD_MANAGER},
            body=msgspec.json.encode(body),
            content_type=content_type,
            subject=subject,
        )
        return decoded(data, subject, of_change=True)
