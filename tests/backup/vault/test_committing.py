"""The commit: never under keys that were left behind, nor long after the look, nor given up at one lost answer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pyrage
import pytest

from k8sops.backup.bodies import seal_body
from k8sops.backup.errors import RepositoryError, RepositoryKeyError
from k8sops.backup.keys import FIRST, Openers, new_epoch, write_key_file
from k8sops.backup.names import key_name
from k8sops.backup.storage.errors import NameTakenError
from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.storage.port import Entry
from k8sops.backup.vault.committing import LONGEST, commit
from k8sops.backup.vault.manifests import ManifestFiles, load_chain
from k8sops.backup.vault.opening import open_repository
from k8sops.backup.vault.transfer import ATTEMPTS, put_surely
from k8sops.core.errors import UnreachableError
from tests.backup.clock import HandClock
from tests.backup.files import ALICE, CLUSTER
from tests.backup.vault.clusters import backup, expected, read_back, shop
from tests.backup.vault.world import FaultyStorage, access, made


class _NeverAnswers(FaultyStorage):
    """Every put is done, and its answer lost."""

    async def put(self, name: str, data: bytes) -> None:
        """Put, and say nothing."""
        self.fault, self.at = "unknown", len(self.puts) + 1
        await super().put(name, data)


async def test_a_look_that_is_long_past_is_no_ground_to_commit_on(clock: HandClock) -> None:
    """A machine that slept for a day: a prune may have deleted what was seen before that."""
    vault = await made(MemoryStorage(clock), clock)
    written = await backup(vault, shop(1))
    sealed, files = seal_body(written.body, vault.keyring), ManifestFiles(vault, CLUSTER)
    seen = clock.monotonic()
    await clock.sleep(LONGEST + 1)
    with pytest.raises(RepositoryError, match="too long ago"):
        await commit(vault, CLUSTER, sealed, ALICE, files, looked_at=seen)
    assert (await load_chain(vault, CLUSTER)).live == (1,)


async def test_whoever_was_left_out_of_the_newest_epoch_writes_no_more(clock: HandClock) -> None:
    """The new recipient starts anew without the old keys; the old one is refused, and reads what it could read."""
    place = MemoryStorage(clock)
    vault = await made(place, clock)
    await backup(vault, shop(2))
    identity = pyrage.x25519.Identity.generate()
    second = new_epoch(vault.id, 2, vault.keyring.id_key)
    recipients = [str(identity.to_public())]
    await place.put(key_name(2, FIRST), write_key_file(second, recipients, ALICE))
    theirs = await open_repository(place, access(clock, openers=Openers(str(identity))))
    written = await backup(theirs, shop(2))
    assert [type(error) for error in written.unusable] == [RepositoryKeyError]
    assert await read_back(theirs, 2) == expected(shop(2))
    ours = await open_repository(place, access(clock))
    with pytest.raises(RepositoryKeyError, match="epoch 2"):
        await backup(ours, shop(3))
    assert await read_back(ours, 1) == expected(shop(2))
    with pytest.raises(RepositoryKeyError):
        await read_back(ours, 2)


async def test_a_storage_that_never_answers_is_told_at_last(clock: HandClock) -> None:
    """After some tries the outcome stays unknown, and is said to be; other bytes under the name are no such case."""
    place = _NeverAnswers(MemoryStorage(clock))
    with pytest.raises(UnreachableError) as raised:
        await put_surely(place, "listings/" + "a" * 32, b"one", clock)
    assert raised.value.outcome_unknown
    assert len(place.puts) == ATTEMPTS
    with pytest.raises(NameTakenError):
        await put_surely(place, "listings/" + "a" * 32, b"two", clock)


async def test_a_writer_that_always_loses_its_number_gives_up(clock: HandClock) -> None:
    """Somebody whose manifests never show in listings: it ends, with a sentence, instead of turning for ever."""
    place = MemoryStorage(clock)
    vault = await made(place, clock)
    hidden = _Hides(place)
    await place.put(f"backups/{CLUSTER}/000000000001", b"x")
    with pytest.raises(RepositoryError, match="took the number first"):
        await backup(msgspec.structs.replace(vault, storage=hidden), shop(1))


class _Hides(FaultyStorage):
    """A storage whose listings never show a manifest."""

    def entries(self, folder: str = "", *, after: str = "") -> AsyncIterator[Entry]:
        """As the storage behind, without what lies under `backups`."""
        return self.storage.entries("probes" if folder.startswith("backups") else folder, after=after)
