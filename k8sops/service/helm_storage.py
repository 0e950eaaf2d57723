"""Where Helm keeps its releases on a cluster: Secrets, or ConfigMaps under `HELM_DRIVER=configmap`. Only reads.

Source: Helm's storage drivers. Both name an object `sh.helm.release.v1.NAME.vREVISION`, label it with owner, name,
status and version, and keep a gzip of JSON in base64 under `release`; a Secret's data is in base64 once more.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import gzip
import zlib
from typing import TYPE_CHECKING, Final

import msgspec

from k8sops.core.errors import UsageError
from k8sops.core.plan import JsonObject
from k8sops.core.releases import Release, Storage
from k8sops.core.tables import Row, TableQuery

if TYPE_CHECKING:
    from k8sops.core.ports import ClusterReader

STORAGES: Final[tuple[Storage, ...]] = ("secrets", "configmaps")
TYPE: Final = "helm.sh/release.v1"
PREFIX: Final = "sh.helm.release.v1."
OWNED: Final = "owner=helm"
LARGEST: Final = 64 * 1024 * 1024
"""Of a release unpacked: an object holds 1 MiB, and a bomb in one must not fill the memory."""


class Info(msgspec.Struct, frozen=True):
    """How a revision came out."""

    status: str = ""
    description: str = ""
    last_deployed: str = ""
    notes: str = ""


class ChartMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """What a chart says of itself."""

    name: str = ""
    version: str = ""
    app_version: str = ""


class Chart(msgspec.Struct, frozen=True):
    """The chart of a revision, as far as it is shown."""

    metadata: ChartMetadata | None = None
    values: JsonObject | None = None


class HookRun(msgspec.Struct, frozen=True):
    """How a hook went last."""

    phase: str = ""
    completed_at: str = ""


class HookBody(msgspec.Struct, frozen=True):
    """A hook as Helm writes it."""

    manifest: str = ""
    events: tuple[str, ...] | None = None
    weight: int = 0
    last_run: HookRun | None = None


class Body(msgspec.Struct, frozen=True):
    """What Helm keeps of a revision, as far as it is shown."""

    info: Info | None = None
    chart: Chart | None = None
    config: JsonObject | None = None
    manifest: str = ""
    hooks: tuple[HookBody, ...] | None = None


_BODY: Final = msgspec.json.Decoder(Body)


def object_name(release: Release) -> str:
    """What Helm calls the object of a revision."""
    return f"{PREFIX}{release.name}.v{release.revision}"


async def listed(reader: ClusterReader, storage: Storage, namespace: str, selector: str) -> list[Release]:
    """Revisions as far as labels tell: what they hold is not transferred. Raises ForbiddenError."""
    query = TableQuery(
        kind=storage,
        namespace=namespace,
        label_selector=selector,
        field_selector=f"type={TYPE}" if storage == "secrets" else "",
    )
    found = (await reader.table(query)).rows
    return [one for row in found if (one := _by_labels(row, storage)) is not None]


async def body_of(reader: ClusterReader, release: Release) -> Body:
    """What a revision's object holds. Raises NotFoundError, ForbiddenError, UsageError where it is not Helm's."""
    resource = await reader.resource(release.storage)
    found = await reader.get(resource, object_name(release), release.namespace)
    data = str((found.get("data") or {}).get("release") or "")
    return await asyncio.to_thread(unpacked, data, layers=2 if release.storage == "secrets" else 1)


def unpacked(data: str, *, layers: int = 2, largest: int = LARGEST) -> Body:
    """What stands under `release`, in `layers` of base64. Raises UsageError where it is not what Helm writes."""
    try:
        packed = data.encode()
        for _ in range(layers):
            packed = base64.b64decode(packed, validate=True)
        if packed[:3] == b"\x1f\x8b\x08":
            unzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
            packed = unzip.decompress(packed, largest)
            if unzip.unconsumed_tail:
                raise UsageError(f"the release is larger than {largest:,} bytes unpacked")
        return _BODY.decode(packed)
    except (ValueError, RecursionError, binascii.Error, zlib.error, gzip.BadGzipFile) as error:
        raise UsageError(f"the release cannot be unpacked: {error}") from error


def _by_labels(row: Row, storage: Storage) -> Release | None:
    name, version = row.labels.get("name", ""), row.labels.get("version", "")
    if not row.name.startswith(PREFIX) or not name or not version.isdigit():
        return None
    return Release(
        name=name,
        namespace=row.namespace,
        revision=int(version),
        status=row.labels.get("status", ""),
        updated=row.created,
        uid=row.uid,
        storage=storage,
    )
