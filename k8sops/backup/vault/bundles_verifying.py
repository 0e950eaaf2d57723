"""Whether the log bundles of a repository are what was stored: their manifests, and their parts as far as is asked."""

from __future__ import annotations

import math
import random
from collections.abc import Collection

import msgspec

from k8sops.backup.bundle_manifest import BundlePart
from k8sops.backup.errors import RepositoryError, RepositoryKeyError, broken
from k8sops.backup.names import bundle_part_name
from k8sops.backup.vault.bundles_reading import FoundBundle, bundles_in, read_part
from k8sops.backup.vault.opening import Vault
from k8sops.backup.vault.transfer import names_below
from k8sops.core.errors import K8sOpsError


class BundlesVerified(msgspec.Struct, kw_only=True):
    """How many bundles have all their parts, how many parts were read, and what is wrong, by cluster."""

    bundles: int = 0
    parts_read: int = 0
    wrong: list[tuple[str, K8sOpsError]] = msgspec.field(default_factory=list)


async def verify_bundles(
    vault: Vault, clusters: Collection[str], share: float, rng: random.Random
) -> BundlesVerified:
    """Verify the bundles of these clusters, or all, and read so large a share of their parts.

    Raises what the storage raises when it is away.
    """
    done = BundlesVerified()
    sizes = await names_below(vault.storage, "bundles")
    good: list[tuple[FoundBundle, BundlePart]] = []
    async for found in bundles_in(vault):
        if clusters and found.cluster not in clusters:
            continue
        if found.wrong is not None:
            done.wrong.append((found.cluster, found.wrong))
        parts = found.body.parts if found.body is not None else ()
        there = [part for part in parts if _is_there(found, part, sizes, done)]
        done.bundles += found.body is not None and len(there) == len(parts)
        good += [(found, part) for part in there]
    for found, part in rng.sample(good, math.ceil(len(good) * share)):
        try:
            await read_part(vault, found.cluster, found.id, part)
        except (RepositoryError, RepositoryKeyError) as error:
            done.wrong.append((found.cluster, error))
            continue
        done.parts_read += 1
    return done


def _is_there(found: FoundBundle, part: BundlePart, sizes: dict[str, int], done: BundlesVerified) -> bool:
    name = bundle_part_name(found.cluster, found.id, part.id)
    size = sizes.get(name)
    if size == part.size:
        return True
    what = "is not there" if size is None else f"has {size:,} bytes; {part.size:,} were written"
    done.wrong.append((found.cluster, broken(name, what)))
    return False
