"""Writing: what goes in comes out, once stored is stored, and a writer that dies leaves a repository that holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.backup.errors import RepositoryError, RepositoryUntrustedError
from k8sops.backup.names import doomed_name, file_name
from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.storage.port import Storage
from k8sops.backup.vault.contents import load_index
from k8sops.backup.vault.items import Item, Key
from k8sops.backup.vault.making import Protection
from k8sops.backup.vault.manifests import load_chain
from k8sops.backup.vault.opening import Vault, open_repository
from k8sops.backup.vault.writing import BackupWriter
from tests.backup.clock import HandClock
from tests.backup.files import CLUSTER, MALLORY, OTHER_CLUSTER
from tests.backup.vault.clusters import (
    Notes,
    State,
    backup,
    body,
    each,
    expected,
    facts,
    item,
    read_back,
    shop,
    state,
    writer,
)
from tests.backup.vault.world import (
    PLAIN,
    SEALED,
    Fault,
    FaultyStorage,
    KilledError,
    access,
    made,
    names,
    places,
)

objects = st.builds(
    item,
    st.sampled_from(["nodes", "pods", "deployments"]),
    st.sampled_from(["a", "b", "web-1", "Ünïcode\U0001f600", "x\ny"]),
    version=st.integers(1, 3),
    size=st.sampled_from([0, 40, 900]),
)
clusters = st.lists(objects, max_size=8).map(lambda items: state(*items))


@settings(max_examples=25, deadline=None)
@given(st.lists(clusters, min_size=1, max_size=5), st.booleans())
async def test_every_backup_gives_back_the_cluster_it_was_made_of(steps: list[State], sealed: bool) -> None:
    """Whatever changed from one to the next, and however many differences a listing rests on."""
    clock = HandClock()
    vault = await made(MemoryStorage(clock), clock, SEALED if sealed else PLAIN)
    for cluster in steps:
        await backup(vault, cluster)
    for seq, cluster in enumerate(steps, 1):
        assert await read_back(vault, seq) == expected(cluster)


async def test_a_backup_is_read_back_on_every_storage(
    storage: Storage, protection: Protection, clock: HandClock
) -> None:
    """By another process, which opens the repository anew."""
    written = await backup(await made(storage, clock, protection), shop())
    assert (written.mark.seq, written.body.objects, written.body.complete) == (1, 14, True)
    assert await read_back(await open_repository(storage, access(clock)), 1) == expected(shop())


async def test_what_is_stored_is_not_stored_again(clock: HandClock) -> None:
    """The second backup of the same objects writes a listing and a manifest, no pack and no index."""
    place = FaultyStorage(MemoryStorage(clock))
    vault = await made(place, clock)
    await backup(vault, shop())
    place.puts.clear()
    written = await backup(vault, shop())
    assert [name.partition("/")[0] for name in place.puts] == ["listings", "backups"]
    assert (written.body.new_objects, written.body.objects) == (0, 14)
    await backup(vault, shop() | state(item("pods", "web-3", version=2)))
    assert (await body(vault, 3)).new_objects == 1
    assert await read_back(vault, 3) == expected(shop() | state(item("pods", "web-3", version=2)))


async def test_an_index_that_nothing_listed_lies_in_is_no_longer_named(clock: HandClock) -> None:
    """Manifests name what a reader needs, not all there ever was."""
    vault = await made(MemoryStorage(clock), clock)
    first = await backup(vault, state(item("pods", "a")))
    second = await backup(vault, state(item("pods", "a", version=2)))
    assert set(first.body.indexes).isdisjoint(second.body.indexes)
    assert len(second.body.indexes) == 1


async def test_the_thirty_second_difference_is_a_whole_listing(clock: HandClock) -> None:
    """Otherwise a listing would rest on every night of years."""
    vault = await made(MemoryStorage(clock), clock, PLAIN)
    for version in range(1, 34):
        await backup(vault, state(item("pods", "a", version=version)))
    depths = [len((await body(vault, seq)).bases) for seq in (1, 32, 33)]
    assert depths == [0, 31, 0]
    assert await read_back(vault, 32) == expected(state(item("pods", "a", version=32)))


async def test_an_object_is_taken_over_by_its_id(clock: HandClock) -> None:
    """What the cluster says is unchanged need not be read: its row goes on, and what is gone goes."""
    vault = await made(MemoryStorage(clock), clock)
    await backup(vault, shop(3))
    old = await BackupWriter.begin(vault, writer(vault))
    assert old.base is not None
    kinds = old.base.kinds
    taken = [
        Item(Key(*kinds[row.kind].key, row.namespace, row.name), row.uid, row.resource_version, known=row.id)
        for row in old.base.rows()
    ]
    assert all(old.holds(one.known or b"") for one in taken)
    await old.add(each([*taken, Item(Key("", "pods", "shop", "web-2"))]))
    await old.commit(await facts())
    wanted = expected(shop(3))
    del wanted[Key("", "pods", "shop", "web-2")]
    assert await read_back(vault, 2) == wanted


async def test_a_taken_over_object_that_is_not_stored_is_read(clock: HandClock) -> None:
    """Its pack may be doomed since: then its bytes are asked for, and without anybody to ask nothing is committed."""
    vault = await made(MemoryStorage(clock), clock)
    one = item("pods", "a")
    unknown = msgspec.structs.replace(one, data=None, known=b"?" * 32)

    async def again(keys: Sequence[Key]) -> AsyncIterator[Item]:
        for key in keys:
            assert key == one.key
            yield one

    with pytest.raises(RepositoryError, match="1 objects of the backup are not stored"):
        await backup(vault, {one.key: unknown})
    await backup(vault, {one.key: unknown}, read_again=again)
    assert await read_back(vault, 1) == expected(state(one))


async def test_what_cannot_be_kept_is_a_gap(clock: HandClock) -> None:
    """A backup without one of its objects says which and why, and does not call itself complete."""
    vault = await made(MemoryStorage(clock), clock)
    bad = item("pods", "bad", data=b'{"metadata": {}, "n": 1e999}')
    written = await backup(vault, shop(1) | state(bad))
    assert not written.body.complete
    (gap,) = written.body.gaps
    assert (gap.resource, gap.namespace, gap.why[:4]) == ("pods", "shop", "bad:")
    assert bad.key not in await read_back(vault, 1)


async def test_two_writers_at_once_get_a_number_each(
    storage: Storage, protection: Protection, clock: HandClock
) -> None:
    """No lock: both are whole, chained one after the other, and of two clusters neither minds the other."""
    vault = await made(storage, clock, protection)
    written = await asyncio.gather(
        *(backup(vault, shop(number + 1), first_id=number * 10) for number in range(3)),
        backup(vault, shop(9), uid=OTHER_CLUSTER, first_id=90),
    )
    assert sorted(one.mark.seq for one in written) == [1, 1, 2, 3]
    chain = await load_chain(vault, CLUSTER)
    assert chain.live == (1, 2, 3)
    for number, one in enumerate(written[:3]):
        assert await read_back(vault, one.mark.seq) == expected(shop(number + 1))
    assert await read_back(vault, 1, OTHER_CLUSTER) == expected(shop(9))


@pytest.mark.parametrize("fault", ["before", "after"])
@pytest.mark.parametrize("kind", ["memory", "folder"])
async def test_a_writer_killed_at_any_put_leaves_a_repository_that_holds(
    kind: str, fault: Fault, clock: HandClock, tmp_path: Path
) -> None:
    """The backup before stays whole; the next run finishes, and stores nothing again that an index told of."""
    for at in range(1, 100):
        place, notes = places(tmp_path / f"{at}", clock)[kind], Notes()
        before = await made(place, clock)
        await backup(before, state(item("nodes", "n0")))
        killed = False
        try:
            await backup(_behind(before, FaultyStorage(place, at, fault)), shop(), on_index=notes.keep)
        except KilledError:
            killed = True
        assert await read_back(before, 1) == expected(state(item("nodes", "n0")))
        indexes = [await load_index(before, ref) for ref in notes.refs]
        held = sum(pack.objects for index in indexes for pack in index.packs)
        again = await backup(before, shop(), resume=notes.refs)
        assert again.body.new_objects <= len(shop()) - held
        assert await read_back(before, again.mark.seq) == expected(shop())
        if not killed:
            assert at > 8, "there were that many puts to be killed at"
            return
    pytest.fail("a backup of fourteen objects ends after less than a hundred puts")


@pytest.mark.parametrize("kind", ["packs", "indexes", "listings", "backups"])
async def test_a_lost_answer_is_no_second_backup(kind: str, clock: HandClock) -> None:
    """The put is repeated with the same bytes: one backup, under one number, and every file once."""
    place = MemoryStorage(clock)
    vault = await made(place, clock)
    faulty = _LosesAnswers(place, kind)
    await backup(_behind(vault, faulty), shop())
    contested = [name for name in faulty.puts if name.startswith(kind)]
    assert len(contested) == 2 * len(set(contested)) > 0
    assert (await load_chain(vault, CLUSTER)).live == (1,)
    assert await read_back(vault, 1) == expected(shop())


async def test_a_resumed_run_stores_no_pack_twice(clock: HandClock) -> None:
    """All packs were put and indexed when the first run died at its listing: the second writes only the rest."""
    place, notes = MemoryStorage(clock), Notes()
    vault = await made(place, clock)
    with pytest.raises(KilledError):
        await backup(_behind(vault, _DiesAt(place, "listings")), shop(), on_index=notes.keep)
    recorder = FaultyStorage(place)
    await backup(_behind(vault, recorder), shop(), resume=notes.refs)
    assert [name.partition("/")[0] for name in recorder.puts] == ["listings", "backups"]
    assert await read_back(vault, 1) == expected(shop())


@pytest.mark.parametrize("how", ["doomed", "gone"])
@pytest.mark.parametrize("folder", ["packs", "indexes", "listings"])
@pytest.mark.parametrize("most", [1, 99])
async def test_what_is_doomed_or_gone_is_not_relied_on(
    most: int, folder: str, how: str, clock: HandClock
) -> None:
    """A prune that runs beside must not take what the new backup needs: it is stored anew, and read from there.

    Where one pack of an index is lost, the new place of its objects counts, though the old index still names the old.
    """
    place = MemoryStorage(clock)
    vault = await made(place, clock)
    await backup(vault, shop())
    old = (await names(place, folder))[:most]
    for name in old:
        await _lose(place, name, how)
    await backup(vault, shop())
    for name in old:
        await place.delete(name)
    assert await read_back(vault, 2) == expected(shop())


@pytest.mark.parametrize("most", [1, 99])
@pytest.mark.parametrize("folder", ["packs", "indexes", "listings"])
async def test_what_is_lost_before_the_commit_is_stored_anew(
    most: int, folder: str, clock: HandClock
) -> None:
    """The look right before the manifest finds it, and the objects are read from the cluster again."""
    place = MemoryStorage(clock)
    vault = await made(place, clock)
    await backup(vault, shop())
    cluster = shop() | state(item("pods", "new", size=300))

    async def again(keys: Sequence[Key]) -> AsyncIterator[Item]:
        for key in keys:
            yield cluster[key]

    running = await BackupWriter.begin(vault, writer(vault, read_again=again))
    await running.add(each(cluster.values()))
    old = (await names(place, folder))[:most]
    for name in old:
        await _lose(place, name, "doomed")
    await running.commit(await facts())
    for name in old:
        await place.delete(name)
    assert await read_back(vault, 2) == expected(cluster)


async def test_a_damaged_older_backup_does_not_stop_the_next(clock: HandClock) -> None:
    """What cannot be used of it is told, not relied on, and its objects are stored anew."""
    place = MemoryStorage(clock)
    vault = await made(place, clock)
    await backup(vault, shop())
    for name in [*await names(place, "indexes"), *await names(place, "listings")]:
        await place.delete(name)
        await place.put(name, b"rotten")
    written = await backup(vault, shop())
    assert len(written.unusable) == 1 + len(await names(place, "indexes")) // 2
    assert await read_back(vault, 2) == expected(shop())


async def test_a_writer_nobody_trusts_writes_nothing(clock: HandClock) -> None:
    """Its backup would be refused by every reader, and would block the numbers after it."""
    vault = await made(MemoryStorage(clock), clock)
    with pytest.raises(RepositoryUntrustedError):
        await backup(vault, shop(), signer=MALLORY)
    with pytest.raises(RepositoryError, match="is encrypted"):
        await backup(vault, shop(), encrypt=False)


async def test_a_cancelled_writer_ends_what_is_on_its_way(clock: HandClock) -> None:
    """Ctrl-C while packs are being put: no upload goes on, nothing was committed, and the next run finishes."""
    place = MemoryStorage(clock)
    vault = await made(place, clock)
    stuck = _NeverEnds(place)
    running = asyncio.create_task(backup(_behind(vault, stuck), shop()))
    await asyncio.wait_for(stuck.begun.wait(), 60)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert stuck.ended == len(stuck.puts)
    assert (await load_chain(vault, CLUSTER)).newest is None
    await backup(vault, shop())
    assert await read_back(vault, 1) == expected(shop())


class _NeverEnds(FaultyStorage):
    """Puts begin, and end only when they are cancelled."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage)
        self.begun = asyncio.Event()
        self.ended = 0

    async def put(self, name: str, data: bytes) -> None:
        """Begin."""
        self.puts.append(name)
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended += 1


class _LosesAnswers(FaultyStorage):
    """Every first put of a kind of file is done, and its answer lost."""

    def __init__(self, storage: Storage, kind: str) -> None:
        super().__init__(storage, fault="unknown")
        self._kind = kind

    async def put(self, name: str, data: bytes) -> None:
        """Put; the first time with the answer lost."""
        first = name not in self.puts and name.startswith(self._kind)
        self.at = len(self.puts) + 1 if first else 0
        await super().put(name, data)


class _DiesAt(FaultyStorage):
    """The process dies before the first put of a kind of file."""

    def __init__(self, storage: Storage, kind: str) -> None:
        super().__init__(storage)
        self._kind = kind

    async def put(self, name: str, data: bytes) -> None:
        """Put, or die."""
        self.at = len(self.puts) + 1 if name.startswith(self._kind) else 0
        await super().put(name, data)


def _behind(vault: Vault, storage: Storage) -> Vault:
    """The same repository by another process, whose storage fails."""
    return msgspec.structs.replace(vault, storage=storage)


async def _lose(place: Storage, name: str, how: str) -> None:
    folder, id_ = name.partition("/")[0], name.rpartition("/")[2]
    if how == "gone":
        await place.delete(name)
        return
    for known in ("packs", "indexes", "listings"):
        if known == folder:
            assert file_name(known, id_) == name
            await place.put(doomed_name("d" * 32, known, id_), b"x")
