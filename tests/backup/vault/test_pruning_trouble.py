"""Pruning in trouble: cut off anywhere, beside others, in any order; all that counts is whole, and nothing is left."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.vault.manifests import load_chain
from k8sops.backup.vault.pruning import prune
from k8sops.core.errors import UnreachableError
from tests.backup.clock import HandClock
from tests.backup.files import CLUSTER
from tests.backup.vault.breaking import Break, BreakingStorage, wanted_files
from tests.backup.vault.clusters import State, backup, shop
from tests.backup.vault.test_pruning import DAY, POLICY, check_whole, history, pruned, pruner
from tests.backup.vault.world import KilledError, made, names


@pytest.mark.parametrize("how", ["killed before", "killed after", "cut before", "cut after"])
async def test_a_prune_cut_off_at_any_request_is_finished_by_the_next(how: Break) -> None:
    """At each request in turn: all that counts is whole, and in the end nothing is left that nothing needs."""
    at = 0
    while True:
        at += 1
        clock = HandClock()
        place = BreakingStorage(MemoryStorage(clock))
        vault = await made(place, clock)
        clusters: dict[int, State] = {1: shop(2), 2: shop(2, version=2), 3: shop(1, version=3)}
        for seq, cluster in clusters.items():
            await backup(vault, cluster, first_id=seq * 10)
        await pruned(vault, 1)
        await clock.sleep(DAY)
        place.requests, place.at, place.how = 0, at, how
        try:
            await pruned(vault, 2)
        except (KilledError, UnreachableError):
            pass
        else:
            if place.requests < at:
                break
        place.at = 0
        await check_whole(vault, clusters)
        await pruned(vault, 2)
        for _ in range(2):
            await clock.sleep(DAY)
            await prune(vault, pruner(), {}, POLICY)
        await check_whole(vault, clusters)
        assert (await load_chain(vault, CLUSTER)).live == (3,)
        assert await names(place) == await wanted_files(vault)
    assert at > 30


async def test_a_tombstone_that_loses_its_number_looks_again(clock: HandClock) -> None:
    """A backup that came in between may need what the tombstone would have called unneeded."""
    vault = await made(MemoryStorage(clock), clock)
    clusters = await history(vault, clock)

    class Overtaken(BreakingStorage):
        """A backup of what backup 1 holds commits just before the tombstone."""

        async def put(self, name: str, data: bytes) -> None:
            if name.endswith("000000000005") and not self.requests < 0:
                self.requests = -(10**6)
                await backup(vault, clusters[1], first_id=90)
            await super().put(name, data)

    await pruned(msgspec.structs.replace(vault, storage=Overtaken(vault.storage)), 1, 2)
    chain = await load_chain(vault, CLUSTER)
    assert (chain.live, sorted(chain.removed)) == ((3, 4, 5), [1, 2])
    clusters[5] = clusters[1]
    await clock.sleep(DAY)
    await prune(vault, pruner(), {}, POLICY)
    await check_whole(vault, clusters)


async def test_two_prunes_and_a_backup_at_once_leave_everything_whole(clock: HandClock) -> None:
    """Nothing is locked: whoever loses a number takes the next."""
    vault = await made(MemoryStorage(clock), clock)
    clusters = await history(vault, clock)
    clusters[5] = clusters[6] = clusters[7] = shop(3, version=5)
    await asyncio.gather(pruned(vault, 1, 2), pruned(vault, 2, 3), backup(vault, clusters[5], first_id=90))
    assert sorted((await load_chain(vault, CLUSTER)).removed) == [1, 2, 3]
    await check_whole(vault, clusters)
    for _ in range(3):
        await clock.sleep(DAY)
        await prune(vault, pruner(), {}, POLICY)
    await check_whole(vault, clusters)
    assert await names(vault.storage) == await wanted_files(vault)


events = st.lists(
    st.one_of(
        st.tuples(st.just("backup"), st.integers(1, 3), st.integers(1, 3)),
        st.tuples(st.just("prune"), st.integers(0, 40), st.integers(0, 60)),
        st.tuples(st.just("wait"), st.sampled_from([1, 13, 25]), st.just(0)),
        st.tuples(st.just("die"), st.integers(1, 3), st.integers(1, 9)),
    ),
    max_size=14,
)


@settings(max_examples=30, deadline=None)
@given(events)
async def test_whatever_happens_in_whatever_order_nothing_that_counts_is_lost(
    steps: list[tuple[str, int, int]],
) -> None:
    """Backups, prunes cut off anywhere, writers that die, days that pass; after quiet days nothing is left over."""
    clock = HandClock()
    place = BreakingStorage(MemoryStorage(clock))
    vault = await made(place, clock)
    clusters: dict[int, State] = {}
    for number, (what, first, second) in enumerate(steps):
        if what == "wait":
            await clock.sleep(first * 3600)
        elif what == "prune":
            live = (await load_chain(vault, CLUSTER)).live[:-1]
            place.requests, place.at = 0, second
            with suppress(KilledError):
                await pruned(vault, *(seq for bit, seq in enumerate(live) if first >> bit & 1))
            place.at = 0
        else:
            cluster = shop(first, version=second)
            place.requests, place.at = 0, second * 2 if what == "die" else 0
            with suppress(KilledError):
                written = await backup(vault, cluster, first_id=number * 10)
                clusters[written.mark.seq] = cluster
            place.at = 0
    await check_whole(vault, clusters)
    for _ in range(3):
        await clock.sleep(DAY)
        await prune(vault, pruner(), {}, POLICY)
    await check_whole(vault, clusters)
    assert await names(place) == await wanted_files(vault)
