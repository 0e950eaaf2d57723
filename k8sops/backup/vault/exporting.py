"""A backup as a tree of YAML files that `kubectl apply -R -f` takes, for whoever has to do without this program.

    cluster/<kind>/<name>.yaml
    namespaces/<namespace>/<kind>/<name>.yaml
    webhooks/<kind>/<name>.yaml          what may refuse the others (admission) or waits for them (APIServices)

kubectl takes them in the order of their names. Files are for their owner only. Names are escaped: those of a cluster
may hold what a path or a terminal takes amiss. Which of an object's fields are written, and which objects at all, is
the caller's to say. Secrets are written only if that is asked for: they are in the clear.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec

from k8sops.backup.listing import Kind, Row
from k8sops.backup.vault.contents import Contents, load_catalogue
from k8sops.backup.vault.diffing import Wanted
from k8sops.backup.vault.objects import Objects
from k8sops.backup.vault.opening import Vault
from k8sops.backup.yaml_writing import yaml_text
from k8sops.core.errors import UsageError

AT_ONCE: Final = 2048
LONGEST_NAME: Final = 200
"""Bytes of an escaped name; what is longer is cut, and told apart by a digest."""

LAST: Final = frozenset(
    {
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
        "apiservices",
    }
)
"""What can refuse all that comes after it, or has to be answered for by what comes before."""

_GROUPS_OF_LAST: Final = frozenset({"admissionregistration.k8s.io", "apiregistration.k8s.io"})

Clean = Callable[[Kind, dict[str, Any]], dict[str, Any] | None]
"""What of an object is written; None where it is left out."""


class Exported(msgspec.Struct, kw_only=True):
    """How much was written, and how many Secrets, and objects that the caller does without, were left out."""

    objects: int = 0
    bytes: int = 0
    secrets_left_out: int = 0
    left_out: int = 0


async def export_backup(
    vault: Vault,
    contents: Contents,
    folder: Path,
    *,
    clean: Clean,
    wanted: Wanted | None = None,
    secrets: bool = False,
    on_progress: Callable[[Exported, int], None] | None = None,
) -> Exported:
    """Write the wanted objects of a backup below a folder that is new or empty.

    `on_progress` is told what was written and how many objects there are. Raises UsageError for a folder that has
    something in it, OSError where it cannot be written, and what reading the repository raises.
    """
    await asyncio.to_thread(_make_folder, folder)
    exported = Exported()
    rows = await asyncio.to_thread(_rows, contents, wanted, secrets, exported)
    objects = Objects(vault, await load_catalogue(vault, contents.body))
    for at in range(0, len(rows), AT_ONCE):
        by_id: dict[bytes, list[Row]] = {}
        for row in rows[at : at + AT_ONCE]:
            by_id.setdefault(row.id, []).append(row)
        async for id_, data in objects.get_all(by_id):
            await asyncio.to_thread(_write, folder, contents.kinds, by_id[id_], data, clean, exported)
            if on_progress is not None:
                on_progress(exported, len(rows))
    return exported


def path_of(kind: Kind, namespace: str, name: str) -> Path:
    """Where an object's file lies below the tree; no name leads out of it."""
    resource = f"{kind.resource}.{kind.group}" if kind.group else kind.resource
    if namespace:
        where = Path("namespaces", escaped(namespace))
    else:
        where = Path("webhooks" if kind.resource in LAST and kind.group in _GROUPS_OF_LAST else "cluster")
    return where / escaped(resource) / f"{escaped(name)}.yaml"


def escaped(name: str) -> str:
    """A name as one part of a path: what is not a letter, a digit, `-`, `_` or a `.` within is percent-encoded."""
    text = quote(name, safe="", errors="surrogatepass").replace("~", "%7E")
    if text.startswith("."):
        text = f"%2E{text[1:]}"
    if len(text) > LONGEST_NAME:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        text = f"{text[: LONGEST_NAME - 17]}~{digest}"
    return text


def _make_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", hint="name a folder that is new, or empty")


def _rows(contents: Contents, wanted: Wanted | None, secrets: bool, exported: Exported) -> list[Row]:
    """For a thread."""
    found = []
    for row in contents.rows():
        kind = contents.kinds[row.kind]
        if wanted is not None and not wanted(kind, row):
            continue
        if kind.key == ("", "secrets") and not secrets:
            exported.secrets_left_out += 1
            continue
        found.append(row)
    return found


def _write(
    folder: Path, kinds: Sequence[Kind], rows: Iterable[Row], data: bytes, clean: Clean, exported: Exported
) -> None:
    """For a thread."""
    for row in rows:
        kind = kinds[row.kind]
        kept = clean(kind, msgspec.json.decode(data))
        if kept is None:
            exported.left_out += 1
            continue
        text = yaml_text(kept).encode()
        below = path_of(kind, row.namespace, row.name)
        for parent in reversed(below.parents[:-1]):
            # One by one: only the last of a path that is made at once gets its mode.
            (folder / parent).mkdir(mode=0o700, exist_ok=True)
        path = folder / below
        # Nothing that is there is written over, and no link followed.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            file.write(text)
        exported.objects += 1
        exported.bytes += len(text)
