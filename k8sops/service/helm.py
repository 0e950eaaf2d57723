"""Helm releases, read from what Helm 3 itself keeps on the cluster: no Helm is run, and nothing is changed.

Only the newest revision of each release is read whole for a list.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from k8sops.core.clock import parse_rfc3339
from k8sops.core.errors import ForbiddenError, K8sOpsError, NotFoundError, UsageError
from k8sops.core.plan import JsonObject
from k8sops.core.releases import Hook, Release, ReleaseDetail, Releases, Storage
from k8sops.redact.masking import masked_values
from k8sops.service.helm_masking import masked_notes, masked_object
from k8sops.service.helm_storage import (
    OWNED,
    STORAGES,
    Body,
    Chart,
    ChartMetadata,
    HookBody,
    HookRun,
    Info,
    body_of,
    listed,
)

if TYPE_CHECKING:
    from k8sops.core.ports import ClusterReader

AT_ONCE: Final = 4
NEVER: Final = "0001-01-01T00:00:00Z"
"""How Go writes a time that was not set."""


async def releases(reader: ClusterReader, namespace: str) -> Releases:
    """The newest revision of every release, by namespace and name. Raises ForbiddenError."""
    newest: dict[tuple[str, str, str], Release] = {}
    found, unread = await _everywhere(reader, namespace, OWNED)
    for one in found:
        key = (one.namespace, one.name, one.storage)
        if key not in newest or newest[key].revision < one.revision:
            newest[key] = one
    return Releases(await _whole(reader, [newest[key] for key in sorted(newest)]), unread)


async def history(reader: ClusterReader, namespace: str, name: str) -> tuple[Release, ...]:
    """Every revision that Helm has kept, the newest first. Raises NotFoundError, ForbiddenError."""
    found, _ = await _everywhere(reader, namespace, f"{OWNED},name={name}")
    if not found:
        raise NotFoundError(f"there is no release {namespace}/{name}")
    return await _whole(reader, sorted(found, key=lambda one: -one.revision))


async def detail(reader: ClusterReader, release: Release, *, reveal: bool = False) -> ReleaseDetail:
    """A revision whole. Raises NotFoundError, ForbiddenError, UsageError where it cannot be unpacked."""
    body = await body_of(reader, release)
    values = body.config or {}
    everything = laid_over((body.chart or Chart()).values or {}, values)
    notes = (body.info or Info()).notes
    objects = await asyncio.to_thread(documents, body.manifest)
    hooks = await asyncio.to_thread(lambda: tuple(_hooks(body.hooks or ())))
    if not reveal:
        notes, values, everything = masked_notes(notes), masked_values(values), masked_values(everything)
        objects = tuple(masked_object(one) for one in objects)
        hooks = tuple(msgspec.structs.replace(one, object=masked_object(one.object)) for one in hooks)
    return ReleaseDetail(
        release=_release(body, release),
        notes=notes,
        values=values,
        all_values=everything,
        objects=objects,
        hooks=hooks,
        masked=not reveal,
    )


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


def documents(manifest: str) -> tuple[JsonObject, ...]:
    """The objects of a manifest. Raises UsageError where it is no YAML."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        found = list(yaml.load_all(manifest, Loader=loader))
    except yaml.YAMLError as error:
        raise UsageError(f"the release's manifest is no YAML: {error}") from error
    return tuple(one for one in found if isinstance(one, dict))


async def _everywhere(
    reader: ClusterReader, namespace: str, selector: str
) -> tuple[list[Release], tuple[Storage, ...]]:
    """Revisions in Secrets and ConfigMaps, and which of these may not be listed. Raises ForbiddenError (`releases`)."""
    answers = await asyncio.gather(
        *(listed(reader, storage, namespace, selector) for storage in STORAGES), return_exceptions=True
    )
    found: list[Release] = []
    refused: dict[Storage, ForbiddenError] = {}
    for storage, answer in zip(STORAGES, answers, strict=True):
        if isinstance(answer, ForbiddenError):
            refused[storage] = answer
        elif isinstance(answer, BaseException):
            raise answer
        else:
            found += answer
    if "secrets" in refused and not found:
        raise refused["secrets"]
    return found, tuple(refused)


async def _whole(reader: ClusterReader, found: Iterable[Release]) -> tuple[Release, ...]:
    """Revisions with what only their objects tell, read few at a time."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def whole(one: Release) -> Release:
        async with slots:
            try:
                return _release(await body_of(reader, one), one)
            except K8sOpsError as error:
                return msgspec.structs.replace(one, trouble=error.message)

    return tuple(await asyncio.gather(*(whole(one) for one in found)))


def _release(body: Body, known: Release) -> Release:
    info, chart = body.info or Info(), (body.chart or Chart()).metadata or ChartMetadata()
    return msgspec.structs.replace(
        known,
        status=info.status or known.status,
        updated=_time(info.last_deployed) or known.updated,
        chart="-".join(part for part in (chart.name, chart.version) if part),
        app_version=chart.app_version,
        description=info.description,
    )


def _hooks(found: Iterable[HookBody]) -> Iterator[Hook]:
    for one in found:
        ran = one.last_run or HookRun()
        for manifest in documents(one.manifest):
            yield Hook(
                events=one.events or (),
                weight=one.weight,
                phase=ran.phase,
                ended=_time(ran.completed_at),
                object=manifest,
            )


def _time(written: str) -> datetime | None:
    """A time of Helm's; nothing where none was set, or it is none."""
    if not written or written == NEVER:
        return None
    try:
        return parse_rfc3339(written).astimezone(UTC)
    except ValueError:
        return None
