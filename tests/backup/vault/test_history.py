"""What a writer knows before it begins: all that is stored, as far as memory bears it, and nobody's bare word."""

from __future__ import annotations

import msgspec

from k8sops.backup.retention import Retention
from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.vault.history import read_history
from k8sops.backup.vault.manifests import load_chain
from k8sops.backup.vault.pruning import prune
from k8sops.backup.vault.retaining import judge, retain
from k8sops.backup.vault.verifying import Verifier
from k8sops.backup.vault.writing import GREATEST_INDEXES, BackupWriter
from tests.backup.clock import HandClock
from tests.backup.files import CLUSTER, MALLORY, OTHER_CLUSTER
from tests.backup.vault.breaking import wanted_files
from tests.backup.vault.clusters import State, backup, body, expected, item, read_back, shop, state, writer
from tests.backup.vault.test_pruning import DAY, POLICY, pruned, pruner
from tests.backup.vault.world import CountedIds, made, names


async def test_what_was_stored_long_ago_is_not_stored_again(clock: HandClock) -> None:
    """A whole backup on Sundays, hourly ones of one namespace between: Sunday's rests on the Sunday before."""
    vault = await made(MemoryStorage(clock), clock)
    await backup(vault, shop(8))
    for hour in range(12):
        await backup(
            vault, shop(1, version=hour + 2), first_id=hour * 10 + 10, selection={"namespaces": ["shop"]}
        )
    late = await BackupWriter.begin(vault, writer(vault, ids=CountedIds(500)))
    assert late.base is not None
    assert late.base.body.id == (await body(vault, 1)).id
    await late.close()
    written = await backup(vault, shop(8), first_id=500)
    assert written.body.new_objects == 0
    assert written.body.bases
    assert await read_back(vault, 14) == expected(shop(8))


async def test_another_list_of_ephemeral_kinds_begins_no_new_series(clock: HandClock) -> None:
    """The list is the program's: its next version must neither read all anew nor keep the old ones for ever."""
    vault = await made(MemoryStorage(clock), clock)
    for first_id, kinds in ((0, ["events."]), (10, ["events.", "leases."]), (20, [])):
        chosen = {"include_namespaces": ["shop"], "ephemeral": kinds}
        written = await backup(vault, shop(2), first_id=first_id, selection=chosen)
    assert (written.body.new_objects, len(written.body.bases)) == (0, 2)
    await backup(vault, shop(2), first_id=30, selection={"include_namespaces": ["shop", "till"]})
    asked = {"include_namespaces": ["shop"], "ephemeral": ["events."]}
    done = await retain(vault, pruner(), CLUSTER, asked, Retention(last=1))
    assert done.removed == {CLUSTER: (1, 2)}
    judged = await judge(vault, await load_chain(vault, CLUSTER), Retention(last=1))
    assert [(each.verdict.seq, each.verdict.keep) for each in judged] == [(4, True), (3, True)]


async def test_a_clone_of_a_cluster_shares_what_the_same_key_stored(clock: HandClock) -> None:
    """The objects are the same to the byte; but what another writer says of its packs is not taken for true."""
    vault = await made(MemoryStorage(clock), clock)
    vault = msgspec.structs.replace(vault, trusted={**vault.trusted, MALLORY.key_id: MALLORY.public})
    await backup(vault, shop(5))
    mine = await backup(vault, shop(5), uid=OTHER_CLUSTER, first_id=10)
    assert mine.body.new_objects == 0
    assert await read_back(vault, 1, OTHER_CLUSTER) == expected(shop(5))
    third = OTHER_CLUSTER[:-1] + "3"
    theirs = await backup(vault, shop(5), uid=third, first_id=20, signer=MALLORY)
    assert theirs.body.new_objects == 7
    await backup(vault, shop(1, version=2), first_id=30)
    await prune(vault, pruner(), {CLUSTER: (1,)}, POLICY)
    await clock.sleep(DAY)
    await prune(vault, pruner(), {}, POLICY)
    assert await read_back(vault, 1, OTHER_CLUSTER) == expected(shop(5))
    assert (await Verifier(vault).run(read_data=1)).good


async def test_memory_bounds_what_is_known_but_not_what_is_rested_on(clock: HandClock) -> None:
    """Of a history of years only the newest indexes are read; those of the base in any case."""
    vault = await made(MemoryStorage(clock), clock)
    await backup(vault, shop(6))
    for number in range(30):
        cluster = state(item("pods", f"p-{number}", size=300))
        await backup(vault, cluster, first_id=number * 10 + 10, selection={"n": number})
    chain = await load_chain(vault, CLUSTER)
    everything = await read_history(vault, chain, writer(vault))
    bounded = await read_history(vault, chain, writer(vault), known=1)
    first = (await body(vault, 1)).indexes
    assert {ref for ref, _ in bounded.indexes} == set(first)
    assert len(everything.indexes) == len(first) + 30
    assert everything.base == bounded.base == await body(vault, 1)
    order = [ref for ref, _ in everything.indexes]
    assert order[-len(first) :] == list(first), "newer ones come first"


async def test_many_indexes_become_one(clock: HandClock) -> None:
    """Else a backup of every night would read as many indexes as there were nights; old ones go with their backups."""
    vault = await made(MemoryStorage(clock), clock)
    clusters: dict[int, State] = {}
    cluster: State = {}
    for night in range(1, GREATEST_INDEXES + 8):
        cluster = {**cluster, **state(item("pods", f"p-{night}", size=200))}
        clusters[night] = cluster
        await backup(vault, cluster, first_id=night * 10)
    counts = [len((await body(vault, night)).indexes) for night in clusters]
    assert max(counts) == GREATEST_INDEXES
    assert counts[GREATEST_INDEXES] == 1
    for night in (1, GREATEST_INDEXES, GREATEST_INDEXES + 1, GREATEST_INDEXES + 7):
        assert await read_back(vault, night) == expected(clusters[night])
    assert (await Verifier(vault).run(read_data=1)).good
    before = len(await names(vault.storage, "indexes"))
    await pruned(vault, *range(1, GREATEST_INDEXES + 1))
    await clock.sleep(DAY)
    await prune(vault, pruner(), {}, POLICY)
    assert len(await names(vault.storage, "indexes")) < before - GREATEST_INDEXES + 2
    assert await names(vault.storage) == await wanted_files(vault)
    assert await read_back(vault, GREATEST_INDEXES + 7) == expected(clusters[GREATEST_INDEXES + 7])
