"""What of a backup's objects kubectl can apply to another cluster: restore's table of fields, and whose an object is.

For `backups export`, which tries nothing: what a restore would find out by a dry run is left as it was. Owners are left
out, since under their old uids the garbage collector would take the object for an orphan.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from k8sops.actions.backups.restoring.ownership import left_to
from k8sops.actions.backups.restoring.stripping import Rewrite, strip
from k8sops.backup.listing import Kind, Row
from k8sops.core.plan import JsonObject

_VOLUMES: Final = ("", "persistentvolumes")


class Applicable:
    """Makes objects of a backup fit to be applied."""

    def __init__(self, kinds: tuple[Kind, ...], rows: Iterable[Row], *, everything: bool = False) -> None:
        """`rows` are all that is written; with `everything` also what controllers make of it."""
        self._everything: Final = everything
        owners: set[str] = set()
        volumes: set[str] = set()
        for row in rows:
            owners.add(row.uid)
            if kinds[row.kind].key == _VOLUMES:
                volumes.add(row.name)
        self._owners: Final = frozenset(owners)
        self._rewrite: Final = Rewrite(volumes=frozenset(volumes))

    def __call__(self, kind: Kind, found: JsonObject) -> JsonObject | None:
        """The object without what a server assigned, or None where a controller makes it anew. Changes `found`."""
        name = f"{kind.resource}.{kind.group}" if kind.group else kind.resource
        if not self._everything and left_to(name, found, self._owners):
            return None
        kept = strip(name, found, self._rewrite)
        kept["metadata"].pop("ownerReferences", None)
        return kept
