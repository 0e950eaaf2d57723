"""What a backup has of each object, as a listing keeps it: the rows in order, whole or as the difference to a base.

Pure and heavy with 100,000 objects: call it in a thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import starmap

from k8sops.backup.keyring import Keyring
from k8sops.backup.listing import Kind, Row, check_count, difference, standing_kinds, write_listing
from k8sops.backup.sealed import Entropy, SealedFile
from k8sops.backup.vault.contents import Contents
from k8sops.backup.vault.items import Key, Taken, kind_of


def rows_of(base: Contents) -> dict[Key, Taken]:
    """The rows of a backup. Raises RepositoryBrokenError where its listings do not come to what they say."""
    found: dict[Key, Taken] = {}
    # What a newer listing says stands over what an older one did: nothing has to be merged in order.
    layers = list(zip(base.listings, standing_kinds(base.listings), strict=True))
    for listing, standing in reversed(layers):
        kinds = [kind.key if kind.key in standing else None for kind in listing.head.kinds]
        for row in listing.rows():
            if (kind := kinds[row.kind]) is None:
                continue
            key = Key(*kind, row.namespace, row.name)
            if row.gone:
                found.pop(key, None)
            else:
                found[key] = (row.uid, row.resource_version, row.id)
    check_count(base.listings[0], len(found))
    base.check(Counter(map(kind_of, found)))
    return found


def listing_file(
    taken: Mapping[Key, Taken],
    cluster: str,
    kinds: tuple[Kind, ...],
    keyring: Keyring,
    entropy: Entropy,
    *,
    resting_on: tuple[Contents, Mapping[Key, Taken]] | None,
) -> SealedFile:
    """The listing of these objects; with a base and its rows, only what differs from it.

    Raises ValueError for an object of a kind that is not described.
    """
    described = {kind.key for kind in kinds}
    unknown = set(map(kind_of, taken)) - described
    if unknown:
        raise ValueError(
            f"objects were given of kinds that the backup does not describe: {sorted(unknown)[:4]}"
        )
    base, before = resting_on or (None, {})
    differing = _but(taken, before) if base else taken
    rows: Iterable[Row] = _sorted(differing, kinds)
    if base:
        older = {key: row for key, row in _but(before, taken).items() if kind_of(key) in described}
        rows = difference(_sorted(older, kinds), rows)
    return write_listing(
        rows,
        cluster=cluster,
        kinds=kinds,
        objects=len(taken),
        keyring=keyring,
        base=base.listings[0] if base else None,
        entropy=entropy,
    )


def _but(rows: Mapping[Key, Taken], others: Mapping[Key, Taken]) -> dict[Key, Taken]:
    """These rows without those that are the same in the others."""
    return {key: row for key, row in rows.items() if others.get(key) != row}


def _sorted(rows: Mapping[Key, Taken], kinds: Sequence[Kind]) -> list[Row]:
    """These rows as a listing has them."""
    numbers = {kind.key: number for number, kind in enumerate(kinds)}
    # Tuples are compared without a step of Python's own; the names alone tell them apart.
    found = sorted(
        (numbers[key.group, key.resource], key.namespace, key.name, *row) for key, row in rows.items()
    )
    return list(starmap(Row, found))
