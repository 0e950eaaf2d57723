"""Anything that is not in the backup makes it incomplete and its run failed, and is named; what was stored stays."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from k8sops.actions.backups.backup import Backup
from k8sops.actions.backups.kinds import choose_kinds
from k8sops.actions.backups.reading import Reading, What
from k8sops.actions.backups.second_look import SecondLook
from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.vault.items import Key
from k8sops.backup.vault.packing import Pace
from k8sops.backup.vault.writing import BackupWriter
from k8sops.cluster.client import KubeCluster
from k8sops.core.clock import Clock, SystemClock, UlidSource
from k8sops.core.errors import ClusterError, ForbiddenError, GoneError, PartialError
from k8sops.core.ports import DiscoveryGap, Resource
from k8sops.core.raw import RawChange, RawPage
from k8sops.sandbox.manager import SandboxHandle
from tests.actions.backups.backing_up import Desk, names, said
from tests.backup.files import counted
from tests.backup.vault.clusters import writer
from tests.backup.vault.world import FaultyStorage, KilledError
from tests.support.clients import client_of
from tests.support.fault_proxy import FaultProxy
from tests.support.journals import NotedJournal
from tests.support.persons import client_as, granted, rule
from tests.support.repositories import RepositoriesHere

KNOWS_THE_CLUSTER = rule("", "namespaces", "get", names=["kube-system"])
SMALL = Pace(uploads=1, packs_per_index=1, pack_bytes=900, batch_items=2)


async def test_what_an_account_may_not_read_is_told_before_and_named_after(
    backups: Desk, sandbox: SandboxHandle, tmp_path: Path
) -> None:
    """The plan says so, the backup says that it is incomplete, and the run has failed."""
    await backups.config_map("a")
    await backups.secret("password", "hunter2")
    person = f"backup-{uuid.uuid4().hex[:8]}"
    rights = [
        KNOWS_THE_CLUSTER,
        rule("", "configmaps", "list", "get"),
        rule("", "serviceaccounts", "list", "get"),
    ]
    async with granted(backups.cluster, person, *rights), client_as(sandbox, tmp_path, person) as client:
        limited = Desk(client, backups.namespace, backups.repositories)
        plan = await limited.plan()
        assert plan.summary.startswith("Incomplete: secrets cannot be read")
        warning = next(finding for finding in plan.findings if finding.code == "not_readable")
        assert warning.subjects == ("secrets", backups.namespace)
        assert warning.override == "--exclude-kinds secrets"
        with pytest.raises(PartialError, match="INCOMPLETE, with 1 gap: secrets") as caught:
            await limited.back_up()
        assert "hunter2" not in str(caught.value)
        body = await limited.body()
        assert not body.complete
        assert [(gap.group, gap.resource, gap.namespace) for gap in body.gaps] == [
            ("", "secrets", backups.namespace)
        ]
        assert names(await limited.objects(), "configmaps") >= {"a"}
        await limited.back_up(exclude_kinds=["secrets"], include_kinds=["configmaps"])
        assert (await limited.body()).complete


async def test_a_list_that_fails_leaves_a_gap_and_the_others_alone(backups: Desk, kubeconfig: Path) -> None:
    """One conversion webhook that is down must not cost the whole night's backup."""
    await backups.config_map("a")
    async with FaultProxy(kubeconfig) as proxy:
        proxy.fail(403, path=f"/{backups.namespace}/secrets", times=1000, message="no conversion today")
        async with client_of(proxy.kubeconfig) as client:
            desk = Desk(client, backups.namespace, backups.repositories)
            with pytest.raises(PartialError, match="no conversion today"):
                await desk.back_up()
            assert names(await desk.objects(), "configmaps") >= {"a"}
            proxy.clear()
            await desk.back_up()
            body = await desk.body()
            assert body.complete
            assert not body.full_read, "of what the incomplete one lacks everything is read"


async def test_a_group_that_cannot_be_discovered_is_a_gap(backups: Desk) -> None:
    """Its kinds are unknown, not absent: where Velero calls a backup completed, this one has failed."""
    desk = Desk(_HalfKnown(backups.cluster), backups.namespace, backups.repositories)
    plan = await desk.plan(include_kinds=[], exclude_kinds=["events"])
    told = [finding.subjects for finding in plan.findings if finding.code == "not_discovered"]
    assert ("shop.example.com",) in told
    with pytest.raises(PartialError, match=r"shop\.example\.com"):
        await desk.back_up(include_kinds=[], exclude_kinds=["events"])
    assert not (await desk.body()).complete


async def test_what_changes_while_it_is_read_is_read_again(backups: Desk) -> None:
    """The backup shows every kind as it was near the end, and says how much changed."""
    for name in ("changed", "deleted", "kept"):
        await backups.config_map(name)

    cluster = _Busy(backups.cluster, lambda: _happens(backups))
    reading, written = await _read(backups, cluster, watched_from=1000, fresh_s=0)
    look = SecondLook(reading, written, SystemClock())
    await look.settle()
    assert (look.changed, look.read_again) == (3, 2)
    await _shows_what_happened(written, backups)


async def test_what_was_listed_a_moment_before_the_end_is_not_listed_again(backups: Desk) -> None:
    """A second look takes as long as that moment is, so it would show nothing younger, for twice the requests."""
    await backups.config_map("a")
    clock = _Later()
    cluster = _Watched(backups.cluster)
    reading, written = await _read(backups, cluster, watched_from=1000, fresh_s=60, clock=clock)
    listed = cluster.lists
    await SecondLook(reading, written, clock).settle()
    assert cluster.lists == listed
    clock.later = 60
    await SecondLook(reading, written, clock).settle()
    assert cluster.lists == 2 * listed
    await written.close()


async def test_a_large_kind_is_watched_and_not_listed_twice(backups: Desk) -> None:
    """What a watch tells by the end is in the backup, with the bytes it brought."""
    for name in ("changed", "deleted", "kept"):
        await backups.config_map(name)
    cluster = _Watched(backups.cluster)

    async def meanwhile() -> None:
        await _happens(backups)
        await cluster.told("deleted")

    reading, written = await _read(backups, cluster)
    listed = cluster.lists
    await meanwhile()
    look = SecondLook(reading, written, SystemClock())
    await look.settle()
    await reading.close()
    assert cluster.lists == listed, "no kind was listed again"
    assert (look.changed, look.read_again) == (3, 2)
    await _shows_what_happened(written, backups)


async def test_a_watch_that_breaks_off_counts_for_nothing(backups: Desk) -> None:
    """The kind is looked at again, as a small one is."""
    await backups.config_map("changed")
    cluster = _Watched(backups.cluster, breaks=True)
    reading, written = await _read(backups, cluster)
    await backups.change("changed", "meanwhile")
    await cluster.broken.wait()
    look = SecondLook(reading, written, SystemClock())
    await look.settle()
    await reading.close()
    assert look.changed == 1
    key = Key("", "configmaps", backups.namespace, "changed")
    assert written.rows[key][1] == (await backups.there("configmaps", "changed"))[1]
    await written.close()


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_a_run_that_is_taken_over_stores_nothing_twice(backups: Desk, fault: Any) -> None:
    """The indexes it wrote are in its record; the next carrier finds its packs by them."""
    for number in range(12):
        await backups.config_map(f"c-{number}", uuid.uuid4().hex + counted(str(number))(2000).hex())
    clock = SystemClock()
    memory = MemoryStorage(clock)
    faulty = FaultyStorage(memory)
    repositories = RepositoriesHere({"memory": faulty}, clock)
    await repositories.make()
    plain = len(faulty.puts)
    faulty.at, faulty.fault = plain + 11, fault
    desk = Desk(backups.cluster, backups.namespace, repositories)
    first = NotedJournal("01JD7Q8Z4N5X6Y7V8W9ARVN100")
    with pytest.raises(KilledError):
        await desk.back_up(journal=first, pace=SMALL)
    stored = {name for name in faulty.puts[:-1] if name.startswith("packs/")}
    recorded = [path for path in first.done if "/index:" in path]
    assert recorded
    again = len(faulty.puts)
    await desk.back_up(journal=NotedJournal(first.run, before=first), pace=SMALL)
    assert (await desk.body()).complete
    assert len(await desk.objects()) >= 12
    put_again = [name for name in faulty.puts[again:] if name.startswith("packs/")]
    assert len(put_again) < len(stored) + 12
    held = (await desk.body()).new_objects
    assert held < (await desk.body()).objects, "what the first carrier stored is not new to the second"


async def test_a_run_that_died_after_its_commit_makes_no_second_backup(backups: Desk) -> None:
    """The manifest names the run: whoever takes over finds it."""
    await backups.config_map("a")
    first = await backups.back_up()
    del first.done["backup/objects"]
    plan = await backups.plan()
    after = NotedJournal(first.run, before=first)
    await Backup(backups.repositories).apply(plan, backups.cluster, after)
    assert await backups.seqs() == (1,)
    assert "is complete" in after.done["backup/objects"]


async def test_nothing_at_all_to_be_read_makes_no_backup(
    backups: Desk, sandbox: SandboxHandle, tmp_path: Path
) -> None:
    """An empty backup would be the newest, and of no use to anybody."""
    await backups.back_up()
    person = f"nobody-{uuid.uuid4().hex[:8]}"
    async with (
        granted(backups.cluster, person, KNOWS_THE_CLUSTER),
        client_as(sandbox, tmp_path, person) as client,
    ):
        desk = Desk(client, backups.namespace, backups.repositories)
        with pytest.raises(ClusterError, match="nothing could be read"):
            await desk.back_up(full=True, journal=NotedJournal("01JD7Q8Z4N5X6Y7V8W9ARVN100"))
    assert await backups.seqs() == (1,)


async def test_a_cluster_whose_uid_is_not_known_is_refused(
    backups: Desk, sandbox: SandboxHandle, tmp_path: Path
) -> None:
    """Its backups would lie under a name that nobody finds again."""
    async with client_as(sandbox, tmp_path, f"nobody-{uuid.uuid4().hex[:8]}") as client:
        with pytest.raises(ForbiddenError, match="uid of cluster"):
            await Desk(client, backups.namespace, backups.repositories).plan()


async def test_retention_follows_a_backup_that_is_complete(backups: Desk) -> None:
    """Older backups of the same selection go; what another selection made stays."""
    await backups.config_map("a")
    await backups.back_up(include_kinds=["configmaps"])
    await backups.back_up()
    await backups.back_up()
    plan = await backups.plan(keep_last=2)
    assert str(plan.risk) == "disruptive"
    assert "retention would then take away 2 " in said(plan)
    journal = await backups.back_up(keep_last=2)
    assert await backups.seqs() == (1, 3, 4)
    assert journal.done["backup/retention"] == "retention: 1 backup removed: 2"


class _HalfKnown(KubeCluster):
    """A group of this cluster cannot be discovered."""

    def __init__(self, cluster: KubeCluster) -> None:
        super().__init__(cluster.transport, cluster.info, cluster.discovery, cluster.clock)

    async def discovery_gaps(self) -> tuple[DiscoveryGap, ...]:
        """One."""
        return (DiscoveryGap(group_version="shop.example.com/v1", message="it is stale"),)


class _Watched(KubeCluster):
    """Counts lists, and knows what its watches told."""

    def __init__(self, cluster: KubeCluster, *, breaks: bool = False) -> None:
        super().__init__(cluster.transport, cluster.info, cluster.discovery, cluster.clock)
        self.lists = 0
        self.broken = asyncio.Event()
        self._breaks = breaks
        self._gone: set[str] = set()
        self._news = asyncio.Event()

    def pages(self, resource: Resource, namespace: str = "", **more: Any) -> AsyncGenerator[RawPage, None]:
        """As the cluster has them."""
        self.lists += 1
        return super().pages(resource, namespace, **more)

    async def changes(
        self, resource: Resource, namespace: str = "", **more: Any
    ) -> AsyncGenerator[RawChange, None]:
        """As the cluster tells them."""
        if self._breaks and resource.plural == "configmaps":
            self.broken.set()
            raise GoneError("too old")
        changes = super().changes(resource, namespace, **more)
        async with aclosing(changes):
            async for change in changes:
                yield change
                # Whoever watches has taken it when it asks for the next.
                if change.gone:
                    self._gone.add(change.object.name)
                    self._news.set()

    async def told(self, name: str) -> None:
        """Return once a watch has told that it is gone."""
        async with asyncio.timeout(180):
            while name not in self._gone:
                await self._news.wait()
                self._news.clear()


async def _read(
    backups: Desk,
    cluster: KubeCluster,
    *,
    watched_from: int = 0,
    fresh_s: float = 60,
    clock: Clock | None = None,
) -> tuple[Reading, BackupWriter]:
    """Everything read once, by default every kind watched."""
    vault = (await backups.repositories.make()).vault
    selection = backups.params().selected
    what = What(
        selection=selection,
        kinds=choose_kinds(await cluster.served(), selection).kinds,
        namespaces=(backups.namespace,),
        watched_from=watched_from,
        fresh_s=fresh_s,
    )
    written = await BackupWriter.begin(vault, writer(vault, cluster=cluster.info.uid, ids=UlidSource()))
    reading = Reading(cluster, clock or SystemClock(), written, what, _nothing)
    await reading.read()
    return reading, written


class _Later(SystemClock):
    """So many seconds later than it is."""

    later = 0.0

    def monotonic(self) -> float:
        """As it would be then."""
        return super().monotonic() + self.later


async def _happens(backups: Desk) -> None:
    """A change, an object more, an object less."""
    await backups.change("changed", "meanwhile")
    await backups.config_map("made")
    await backups.cluster.delete(await backups.cluster.resource("configmaps"), "deleted", backups.namespace)


async def _shows_what_happened(written: BackupWriter, backups: Desk) -> None:
    rows = {key.name: row[1] for key, row in written.rows.items() if key.resource == "configmaps"}
    assert {"changed", "made", "kept"} <= rows.keys()
    assert "deleted" not in rows
    assert rows["changed"] == (await backups.there("configmaps", "changed"))[1]
    await written.close()


async def _nothing() -> None:
    """Nobody is told."""


class _Busy(KubeCluster):
    """Something happens once the ConfigMaps were read for the first time."""

    def __init__(self, cluster: KubeCluster, meanwhile: Any) -> None:
        super().__init__(cluster.transport, cluster.info, cluster.discovery, cluster.clock)
        self._meanwhile = meanwhile

    async def pages(
        self, resource: Resource, namespace: str = "", **more: Any
    ) -> AsyncGenerator[RawPage, None]:
        """The pages, and then what happens."""
        pages = super().pages(resource, namespace, **more)
        async with aclosing(pages):
            async for page in pages:
                yield page
        if resource.plural == "configmaps" and not more.get("at_most") and self._meanwhile is not None:
            meanwhile, self._meanwhile = self._meanwhile, None
            await meanwhile()
