"""A whole repository on every kind of storage: made, written, read, verified, pruned, copied, and cut off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest

from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.storage.port import Entry, Storage
from k8sops.backup.vault.copying import copy_repository
from k8sops.backup.vault.making import make_repository
from k8sops.backup.vault.manifests import load_chain
from k8sops.backup.vault.opening import Access, Vault, open_repository
from k8sops.backup.vault.pruning import Pruner, prune
from k8sops.backup.vault.seen import SeenHere
from k8sops.backup.vault.verifying import Verifier
from k8sops.core.clock import SystemClock
from tests.backup.files import ALICE, CLUSTER, TRUSTED
from tests.backup.storage.places import names, opened
from tests.backup.vault.breaking import BreakingStorage, wanted_files
from tests.backup.vault.clusters import State, backup, expected, item, read_back, shop, state
from tests.backup.vault.world import OPENERS, SEALED, CountedIds, KilledError, maker
from tests.support.s3_signed import S3Admin
from tests.support.storage_servers import KEY, SECRET

WRITER = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}


class DayOld(BreakingStorage):
    """A storage whose files, but for probes just put, are a day older than they are: no test waits so long."""

    async def stat(self, name: str) -> Entry | None:
        """A file, a day older."""
        found = await super().stat(name)
        return found if found is None or name.startswith("probes/") else _older(found)

    async def entries(self, folder: str = "", *, after: str = "") -> AsyncIterator[Entry]:
        """The files, a day older."""
        async for entry in super().entries(folder, after=after):
            yield _older(entry)


def _older(entry: Entry) -> Entry:
    return msgspec.structs.replace(entry, modified=entry.modified - timedelta(hours=25))


def here() -> Access:
    """What a process brings."""
    return Access(trusted=TRUSTED, openers=OPENERS, seen=SeenHere(), clock=SystemClock())


async def made_at(storage: Storage) -> Vault:
    """A repository there, with keys of its own in every run: places are kept between runs."""
    return await make_repository(storage, SEALED, here(), maker())


def pruner() -> Pruner:
    """Alice."""
    return Pruner(signer=ALICE, ids=CountedIds(5000), run="run-9")


async def filled(vault: Vault) -> dict[int, State]:
    """Three backups."""
    clusters: dict[int, State] = {}
    for seq in range(1, 4):
        clusters[seq] = shop(4) | state(item("pods", f"web-{seq}", version=seq + 1, size=700))
        await backup(vault, clusters[seq], first_id=seq * 10)
    return clusters


async def test_a_repository_lives_on_every_storage(storage: Storage) -> None:
    """What is written there is read and proved there, goes when it is pruned, and comes from there into a copy."""
    vault = await made_at(storage)
    clusters = await filled(vault)
    again = await open_repository(storage, here())
    for seq, cluster in clusters.items():
        assert await read_back(again, seq) == expected(cluster)
    assert (await Verifier(again).run(read_data=1)).good
    aged = msgspec.structs.replace(vault, storage=DayOld(storage))
    await prune(vault, pruner(), {CLUSTER: (1,)}, {"named": True})
    await prune(aged, pruner(), {}, {})
    assert (await load_chain(again, CLUSTER)).live == (2, 3)
    assert await names(storage) == await wanted_files(vault)
    assert (await Verifier(again).run(read_data=1)).good
    target = MemoryStorage(SystemClock())
    await copy_repository(vault, target)
    copy = await open_repository(target, here())
    assert await read_back(copy, 3) == expected(clusters[3])


async def test_a_run_cut_off_on_any_storage_leaves_what_counts(storage: Storage) -> None:
    """A few of the places where it may be cut; all of them are gone through in memory."""
    place = BreakingStorage(storage)
    vault = await made_at(place)
    clusters = await filled(vault)
    for at in (2, 9, 14, 19):
        place.requests, place.at, place.how = 0, at, "killed after"
        with pytest.raises(KilledError):
            await _backup_and_prune(vault, at)
        place.at = 0
        again = await open_repository(storage, here())
        for seq in (2, 3):
            assert await read_back(again, seq) == expected(clusters[seq])
        assert (await Verifier(again).run(read_data=1)).good


async def _backup_and_prune(vault: Vault, version: int) -> None:
    await backup(vault, shop(6, version=version), first_id=version * 100)
    await prune(vault, pruner(), {CLUSTER: (1,)}, {"named": True})


async def test_object_lock_keeps_everything_and_the_prune_ends_well(s3_endpoint: str) -> None:
    """A bucket with retention: backups that were removed count no more, and not one byte of them is lost."""
    admin = S3Admin(s3_endpoint, KEY, SECRET)
    await admin.make_bucket("locked-vault", days=1)
    storage = await opened(f"s3://locked-vault/x?endpoint={s3_endpoint}", WRITER)
    vault = await made_at(storage)
    clusters = await filled(vault)
    before = set(await names(storage))
    await prune(vault, pruner(), {CLUSTER: (1,)}, {"named": True})
    await prune(msgspec.structs.replace(vault, storage=DayOld(storage)), pruner(), {}, {})
    again = await open_repository(storage, here())
    assert (await load_chain(again, CLUSTER)).live == (2, 3)
    for seq in (2, 3):
        assert await read_back(again, seq) == expected(clusters[seq])
    assert (await Verifier(again).run(read_data=1)).good
    _, versions = await admin.request("GET", "/locked-vault", query={"versions": ""})
    assert all(f"x/{name}</Key>" in versions for name in before if not name.startswith("probes/"))
