"""A backup as a tree of YAML files that `kubectl apply -R -f` takes, for whoever has to do without this program.

    cluster/<kind>/<name>.yaml
    namespaces/<namespace>/<kind>/<name>.yaml

Files are for their owner only. Names are escaped: those of a cluster may hold what a path or a terminal takes amiss.
What a server assigned is left out. Secrets are written only if that is asked for: they are in the clear.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec
import yaml

from k8sops.backup.listing import Kind, Row
from k8sops.backup.vault.contents import Contents, load_catalogue
from k8sops.backup.vault.diffing import Wanted
from k8sops.backup.vault.objects import Objects
from k8sops.backup.vault.opening import Vault
from k8sops.core.errors import UsageError

AT_ONCE: Final = 2048
LONGEST_NAME: Final = 200
"""Bytes of an escaped name; what is longer is cut, and told apart by a digest."""

_ASSIGNED: Final = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "managedFields",
    "ownerReferences",
)
_PLAIN: Final = re.compile(r"[A-Za-z/][A-Za-z0-9/._-]*(?: [A-Za-z0-9/._-]+)*")
# Every word that some YAML reader takes for something else than text: kubectl's reads YAML 1.1, with exceptions.
_WORDS: Final = frozenset(
    {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf", "infinity"}
)

Clean = Callable[[dict[str, Any]], dict[str, Any]]


class Exported(msgspec.Struct, kw_only=True):
    """How much was written, and how many Secrets were left out."""

    objects: int = 0
    bytes: int = 0
    secrets_left_out: int = 0


def applicable(found: dict[str, Any]) -> dict[str, Any]:
    """The object without its status and what a server assigns.

    Owners are left out as well: under their old uids the garbage collector would take the object for an orphan.
    """
    metadata = found.get("metadata")
    kept = {key: value for key, value in found.items() if key != "status"}
    if isinstance(metadata, dict):
        kept["metadata"] = {key: value for key, value in metadata.items() if key not in _ASSIGNED}
    return kept


async def export_backup(
    vault: Vault,
    contents: Contents,
    folder: Path,
    *,
    wanted: Wanted | None = None,
    secrets: bool = False,
    clean: Clean = applicable,
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
            exported.bytes += await asyncio.to_thread(_write, folder, contents.kinds, by_id[id_], data, clean)
            exported.objects += len(by_id[id_])
            if on_progress is not None:
                on_progress(exported, len(rows))
    return exported


def path_of(kind: Kind, namespace: str, name: str) -> Path:
    """Where an object's file lies below the tree; no name leads out of it."""
    resource = f"{kind.resource}.{kind.group}" if kind.group else kind.resource
    where = Path("namespaces", escaped(namespace)) if namespace else Path("cluster")
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


def yaml_text(found: dict[str, Any]) -> str:
    """The object as YAML that every reader takes for the same: text is quoted wherever one might not.

    What is nested too deeply for block style is written as JSON, which is YAML, too.
    """
    try:
        text: str = yaml.dump(found, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    except RecursionError:
        return msgspec.json.encode(found).decode() + "\n"
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


def _write(folder: Path, kinds: Sequence[Kind], rows: Iterable[Row], data: bytes, clean: Clean) -> int:
    """For a thread; the bytes written."""
    text = yaml_text(clean(msgspec.json.decode(data))).encode()
    size = 0
    for row in rows:
        below = path_of(kinds[row.kind], row.namespace, row.name)
        for parent in reversed(below.parents[:-1]):
            # One by one: only the last of a path that is made at once gets its mode.
            (folder / parent).mkdir(mode=0o700, exist_ok=True)
        path = folder / below
        # Nothing that is there is written over, and no link followed.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            file.write(text)
        size += len(text)
    return size


class _Dumper(yaml.CSafeDumper):
    """Block style throughout; texts of several lines as literal blocks."""

    def ignore_aliases(self, data: Any) -> bool:
        """Anchors help no reader."""
        return True


def _represent_text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    style: str | None = '"'
    if "\n" in text:
        style = "|"
    elif _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        style = None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
