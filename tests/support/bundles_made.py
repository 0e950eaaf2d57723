"""Log bundles put into a configured repository without a cluster, for commands that look at them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from k8sops.actions.backups.telling import signer_of
from k8sops.backup.vault.bundles import BundleStored, BundleWriter, NewBundle, store_bundle
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.service.config import Config, load_config
from k8sops.service.repositories import ConfiguredRepositories
from k8sops.service.storing import Storage
from tests.support.backups_made import SHOP


def make_bundle(archive: Path, *, id_: str = "", cluster: str = SHOP, redacted: bool = True) -> BundleStored:
    """A bundle in the repository that the environment configures, made outside any loop."""
    return asyncio.run(keep_bundle(load_config({}), archive, id_=id_, cluster=cluster, redacted=redacted))


async def keep_bundle(
    config: Config, archive: Path, *, id_: str = "", cluster: str = SHOP, redacted: bool = True
) -> BundleStored:
    """The same in a configuration's repository."""
    clock, ids = SystemClock(), UlidSource()
    storage = Storage(config, clock, ids)
    try:
        opened = await ConfiguredRepositories(config, storage, clock, ids).make("")
        wanted = NewBundle(
            id=id_ or ids.new(),
            name=archive.name,
            cluster=cluster,
            cluster_name="shop",
            since=clock.now() - timedelta(hours=1),
            until=clock.now(),
            redacted=redacted,
            requested_by="alice",
        )
        who = BundleWriter(signer=signer_of(opened), run=ids.new())
        return await store_bundle(opened.vault, who, wanted, archive)
    finally:
        await storage.aclose()
