"""What the parts of the client share: transport, discovery, clock, and how one object goes out and comes in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from k8sops.cluster.discovery import Discovery
from k8sops.cluster.paths import checked_name, collection_path, object_path, subject_of
from k8sops.cluster.transport import Transport
from k8sops.cluster.transport_url import Query
from k8sops.core.clock import Clock
from k8sops.core.errors import ServerError, UsageError
from k8sops.core.plan import ClusterInfo, JsonObject
from k8sops.core.ports import Resource

APPLY_PATCH: Final = "application/apply-patch+yaml"
MERGE_PATCH: Final = "application/merge-patch+json"
FIELD_MANAGER: Final = "k8sops"
PODS: Final = Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True, singular="pod")


class ClusterBase:
    """One cluster through one transport; owns neither the pool nor the credentials."""

    def __init__(self, transport: Transport, info: ClusterInfo, discovery: Discovery, clock: Clock) -> None:
        self.transport: Final = transport
        self.discovery: Final = discovery
        self.clock: Final = clock
        self._info = info
        self._dry = transport.dry_run_view()

    @property
    def info(self) -> ClusterInfo:
        """The cluster this is."""
        return self._info

    @property
    def default_namespace(self) -> str:
        """The context's namespace, `default` where it names none."""
        return self.transport.credentials.namespace


def decoded(data: bytes, subject: str, *, of_change: bool = False) -> JsonObject:
    """A JSON object. Raises ServerError for anything else; `of_change` where that leaves open what was done."""
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ServerError(
            f"{subject}: the API server's answer cannot be read: {error}", outcome_unknown=of_change
        ) from error


def identity_of(resource: Resource, manifest: Mapping[str, Any]) -> tuple[str, str]:
    """Name and namespace in a manifest; a cluster-scoped kind has none. Raises UsageError."""
    metadata = manifest.get("metadata")
    if not isinstance(metadata, Mapping):
        raise UsageError(f"the manifest of a {resource.kind} has no metadata")
    namespace = str(metadata.get("namespace") or "") if resource.namespaced else ""
    name = str(metadata.get("name") or "")
    if resource.namespaced and not namespace:
        raise UsageError(f"{subject_of(resource, name or 'without a name')}: the manifest names no namespace")
    return name, namespace


async def post(
    transport: Transport,
    resource: Resource,
    manifest: Mapping[str, Any],
    *,
    strict: bool = False,
    retry_429: bool = True,
) -> JsonObject:
    """Create. `generateName` stands for a name."""
    name, namespace = identity_of(resource, manifest)
    if name:
        checked_name(name)
    elif not manifest["metadata"].get("generateName"):
        raise UsageError(f"the manifest of a {resource.kind} has no name")
    subject = subject_of(resource, name or str(manifest["metadata"]["generateName"]), namespace)
    data = await transport.request(
        "POST",
        collection_path(resource, namespace),
        query={"fieldManager": FIELD_MANAGER, **_validation(strict)},
        body=msgspec.json.encode(manifest),
        retry_429=retry_429,
        subject=subject,
    )
    return decoded(data, subject, of_change=True)


async def apply_patch(
    transport: Transport,
    resource: Resource,
    manifest: Mapping[str, Any],
    field_manager: str,
    force: bool,
    *,
    strict: bool = False,
    retry_429: bool = True,
) -> JsonObject:
    """Server-side apply; idempotent, hence repeated after failures on the way."""
    name, namespace = identity_of(resource, manifest)
    path, subject = object_path(resource, name, namespace), subject_of(resource, name, namespace)
    query: Query = {
        "fieldManager": field_manager,
        "force": "true" if force else "false",
        **_validation(strict),
    }
    # JSON is YAML, and the API server reads it several times faster.
    whole = {"apiVersion": resource.api_version, "kind": resource.kind, **manifest}
    data = await transport.request(
        "PATCH",
        path,
        query=query,
        body=msgspec.json.encode(whole),
        content_type=APPLY_PATCH,
        repeatable=True,
        retry_429=retry_429,
        subject=subject,
    )
    return decoded(data, subject, of_change=True)


def _validation(strict: bool) -> dict[str, str]:
    return {"fieldValidation": "Strict"} if strict else {}


async def remove(
    transport: Transport,
    resource: Resource,
    name: str,
    namespace: str,
    options: Mapping[str, Any],
    *,
    repeatable: bool = False,
) -> JsonObject:
    """Delete with DeleteOptions; what comes back is the object on its way out, or a Status."""
    path, subject = object_path(resource, name, namespace), subject_of(resource, name, namespace)
    body = {"apiVersion": "v1", "kind": "DeleteOptions", **options}
    data = await transport.request(
        "DELETE", path, body=msgspec.json.encode(body), repeatable=repeatable, subject=subject
    )
    return decoded(data, subject, of_change=True)


async def post_eviction(
    transport: Transport, name: str, namespace: str, uid: str, grace_period_seconds: int | None = None
) -> None:
    """POST policy/v1 Eviction. A 429 is a budget's answer, given on to the caller at once."""
    options: dict[str, Any] = {"preconditions": {"uid": uid}} if uid else {}
    if grace_period_seconds is not None:
        options["gracePeriodSeconds"] = grace_period_seconds
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace},
        "deleteOptions": options,
    }
    await transport.request(
        "POST",
        object_path(PODS, name, namespace, "eviction"),
        body=msgspec.json.encode(body),
        retry_429=False,
        subject=subject_of(PODS, name, namespace),
    )
