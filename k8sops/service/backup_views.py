"""Backups as doors show them: plain data out of a manifest, and which cluster they are of."""

from __future__ import annotations

from typing import Final

import msgspec

from k8sops.backup.bodies import BackupBody
from k8sops.backup.differences import Difference
from k8sops.backup.selection import read_selection, selection_text
from k8sops.core.backups import BackupView, GapView
from k8sops.core.clock import parse_rfc3339
from k8sops.core.errors import UsageError
from k8sops.core.plan import JsonObject

MOST_SHOWN: Final = 20


class ObjectChange(msgspec.Struct, frozen=True, kw_only=True):
    """An object that differs: `added`, `removed`, `changed`, `recreated` (another uid), or `unknown`, in a gap.

    `not_selected`: one of two backups was never to have it, so that nothing is known of it. Of a changed one every
    field that does.
    """

    kind: str
    namespace: str
    name: str
    change: str
    fields: tuple[Difference, ...] = ()


def view_of(cluster: str, seq: int, body: BackupBody, *, signer: str, sha256: str) -> BackupView:
    """A backup's manifest as doors show it."""
    return BackupView(
        seq=seq,
        id=body.id,
        name=body.name,
        cluster=cluster,
        cluster_name=body.cluster_name,
        run=body.run,
        began_at=parse_rfc3339(body.began_at),
        made_at=parse_rfc3339(body.made_at),
        first_read_at=parse_rfc3339(body.cut.first_at),
        last_read_at=parse_rfc3339(body.cut.last_at),
        changed_meanwhile=body.cut.changed,
        read_again=body.cut.read_again,
        server_version=body.server_version,
        selection=body.selection,
        selected=_selected(body.selection),
        objects=body.objects,
        bytes=body.bytes,
        new_objects=body.new_objects,
        new_bytes=body.new_bytes,
        kinds=tuple((_qualified(kind.group, kind.resource), kind.count) for kind in body.kinds),
        complete=body.complete,
        gaps=tuple(
            GapView(kind=_qualified(gap.group, gap.resource), namespace=gap.namespace, why=gap.why)
            for gap in body.gaps
        ),
        volumes_not_captured=tuple(f"{namespace}/{name}" for namespace, name in body.volumes_not_captured),
        full_read=body.full_read,
        signer=signer,
        sha256=sha256,
    )


def _qualified(group: str, resource: str) -> str:
    if not resource:
        return f"all of {group or 'the core group'}"
    return f"{resource}.{group}" if group else resource


def _selected(selection: JsonObject) -> str:
    try:
        return selection_text(read_selection(selection))
    except UsageError:
        return "as an unknown version of k8sops selects"
