"""Helm releases, read from the Secrets that Helm 3 keeps them in: no Helm is run, and nothing is changed.

Source: Helm's storage driver `secret`: type helm.sh/release.v1, labels owner, name, status and version, and under
`release` a gzip of JSON, in base64 twice. Only the newest revision of each release is read whole for a list.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import gzip
import json
import zlib
from collections.abc import Iterable
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

import msgspec

from k8sops.core.clock import parse_rfc3339
from k8sops.core.errors import K8sOpsError, NotFoundError, UsageError
from k8sops.core.plan import JsonObject
from k8sops.core.releases import Release, ReleaseDetail
from k8sops.core.tables import Row, TableQuery
from k8sops.service.helm_masking import masked_notes, masked_object, masked_values

if TYPE_CHECKING:
    from k8sops.core.ports import ClusterReader

TYPE: Final = "helm.sh/release.v1"
OWNED: Final = "owner=helm"
AT_ONCE: Final = 4
LARGEST: Final = 64 * 1024 * 1024
"""Of a release unpacked: a Secret holds 1 MiB, and a bomb in one must not fill the memory."""


async def releases(reader: ClusterReader, namespace: str) -> tuple[Release, ...]:
    """The newest revision of every release, by namespace and name. Raises ForbiddenError."""
    newest: dict[tuple[str, str], Release] = {}
    for one in await _listed(reader, namespace, OWNED):
        key = (one.namespace, one.name)
        if key not in newest or newest[key].revision < one.revision:
            newest[key] = one
    return await _whole(reader, [newest[key] for key in sorted(newest)])


async def history(reader: ClusterReader, namespace: str, name: str) -> tuple[Release, ...]:
    """Every revision that Helm has kept, the newest first. Raises NotFoundError, ForbiddenError."""
    listed = await _listed(reader, namespace, f"{OWNED},name={name}")
    if not listed:
        raise NotFoundError(f"there is no release {namespace}/{name}")
    return await _whole(reader, sorted(listed, key=lambda one: -one.revision))


async def detail(reader: ClusterReader, release: Release, *, reveal: bool = False) -> ReleaseDetail:
    """A revision whole. Raises NotFoundError, ForbiddenError, UsageError where it cannot be unpacked."""
    body = await _read(reader, release)
    values: JsonObject = body.get("config") or {}
    everything = laid_over((body.get("chart") or {}).get("values") or {}, values)
    notes = str((body.get("info") or {}).get("notes") or "")
    objects = await asyncio.to_thread(documents, str(body.get("manifest") or ""))
    return ReleaseDetail(
        release=_release(body, release),
        notes=notes if reveal else masked_notes(notes),
        values=values if reveal else masked_values(values),
        all_values=everything if reveal else masked_values(everything),
        objects=objects if reveal else tuple(masked_object(one) for one in objects),
        masked=not reveal,
    )


def secret_name(release: Release) -> str:
    """What Helm calls the Secret of a revision."""
    return f"sh.helm.release.v1.{release.name}.v{release.revision}"


def laid_over(chart: JsonObject, given: JsonObject) -> JsonObject:
    """The chart's values with those given over them; a given null takes one away (Helm, "Values Files")."""
    result: dict[str, Any] = dict(chart)
    for key, value in given.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = laid_over(result[key], value)
        else:
            result[key] = value
    return result


def unpacked(data: str, *, largest: int = LARGEST) -> JsonObject:
    """What stands under `release`. Raises UsageError where it is not what Helm writes."""
    try:
        packed = base64.b64decode(base64.b64decode(data, validate=True), validate=True)
        if packed[:3] == b"\x1f\x8b\x08":
            unzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
            packed = unzip.decompress(packed, largest)
            if unzip.unconsumed_tail:
                raise UsageError(f"the release is larger than {largest:,} bytes unpacked")
        found = json.loads(packed)
    except (ValueError, binascii.Error, zlib.error, gzip.BadGzipFile) as error:
        raise UsageError(f"the release cannot be unpacked: {error}") from error
    if not isinstance(found, dict):
        raise UsageError("the release cannot be unpacked: it is no object")
    return found


def documents(manifest: str) -> tuple[JsonObject, ...]:
    """The objects of a manifest. Raises UsageError where it is no YAML."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        found = list(yaml.load_all(manifest, Loader=loader))
    except yaml.YAMLError as error:
        raise UsageError(f"the release's manifest is no YAML: {error}") from error
    return tuple(one for one in found if isinstance(one, dict))


async def _listed(reader: ClusterReader, namespace: str, selector: str) -> list[Release]:
    """Revisions as far as labels tell: what they hold is not transferred."""
    query = TableQuery(
        kind="secrets", namespace=namespace, label_selector=selector, field_selector=f"type={TYPE}"
    )
    found = (await reader.table(query)).rows
    return [one for row in found if (one := _by_labels(row)) is not None]


def _by_labels(row: Row) -> Release | None:
    name, version = row.labels.get("name", ""), row.labels.get("version", "")
    if not name or not version.isdigit():
        return None
    return Release(
        name=name,
        namespace=row.namespace,
        revision=int(version),
        status=row.labels.get("status", ""),
        updated=row.created,
        uid=row.uid,
    )


async def _whole(reader: ClusterReader, found: Iterable[Release]) -> tuple[Release, ...]:
    """Revisions with what only their Secrets tell, read few at a time."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def whole(one: Release) -> Release:
        async with slots:
            try:
                return _release(await _read(reader, one), one)
            except K8sOpsError as error:
                return msgspec.structs.replace(one, trouble=error.message)

    return tuple(await asyncio.gather(*(whole(one) for one in found)))


async def _read(reader: ClusterReader, release: Release) -> JsonObject:
    secret = await reader.get(await reader.resource("secrets"), secret_name(release), release.namespace)
    return await asyncio.to_thread(unpacked, str((secret.get("data") or {}).get("release") or ""))


def _release(body: JsonObject, known: Release) -> Release:
    info, chart = body.get("info") or {}, (body.get("chart") or {}).get("metadata") or {}
    try:
        deployed = info.get("last_deployed")
        updated = parse_rfc3339(str(deployed)).astimezone(UTC) if deployed else known.updated
    except ValueError:
        updated = known.updated
    return msgspec.structs.replace(
        known,
        status=str(info.get("status") or known.status),
        updated=updated,
        chart="-".join(str(chart[key]) for key in ("name", "version") if chart.get(key)),
        app_version=str(chart.get("appVersion") or ""),
        description=str(info.get("description") or ""),
    )
