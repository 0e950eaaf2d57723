"""A log bundle on every kind of storage: what a repository asks for its bundles, each of them can do."""

from __future__ import annotations

import hashlib
from pathlib import Path

from k8sops.backup.bundle_manifest import BundlePlace
from k8sops.backup.names import bundle_name
from k8sops.backup.storage.port import Storage
from k8sops.backup.vault.bundles import store_bundle
from k8sops.backup.vault.bundles_reading import PART, bring_bundle
from k8sops.backup.vault.bundles_removing import remove_bundles
from tests.backup.clock import HandClock
from tests.backup.files import CLUSTER
from tests.backup.storage.places import names
from tests.backup.vault.test_bundles import ID, WHO, all_of, held, new
from tests.backup.vault.world import made


async def test_a_bundle_goes_there_and_back_and_away(storage: Storage, tmp_path: Path) -> None:
    """S3, Google's and Azure's conditional PUT, a folder: parts, manifest, and the removal that outlives both."""
    archive, back = tmp_path / "shop.tar.zst", tmp_path / "back.tar.zst"
    archive.write_bytes(hashlib.shake_256(b"there").digest(PART + 1))
    vault = await made(storage, HandClock())
    await store_bundle(vault, WHO, new(), archive)
    (found,) = await all_of(vault)
    await bring_bundle(vault, found, back)
    assert held(back) == held(archive)
    done = await remove_bundles(vault, WHO, [BundlePlace(vault.id, CLUSTER, ID)], "named")
    assert (done.bundles, done.retained) == (1, [])
    assert await names(storage, "bundles") == [bundle_name(CLUSTER, ID, "removed")]
