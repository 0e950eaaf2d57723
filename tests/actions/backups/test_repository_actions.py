"""Pruning, copying, rekeying and importing as runs: the plan says all that goes, and doing it twice does it once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pyrage
import pytest
from pydantic import ValidationError

from k8sops.actions.backups.backup_params import BackupParams
from k8sops.actions.backups.copy import CopyBackups, CopyParams
from k8sops.actions.backups.import_velero import ImportParams, ImportVelero
from k8sops.actions.backups.prune import Prune, PruneParams
from k8sops.actions.backups.rekey import Rekey, RekeyParams
from k8sops.actions.backups.restoring.source import open_source
from k8sops.actions.backups.telling import told_while
from k8sops.backup.errors import RepositoryBrokenError, RepositoryRolledBackError
from k8sops.backup.names import GREATEST_EPOCH, key_name
from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.vault.manifests import load_chain
from k8sops.backup.vault.opening import Vault
from k8sops.backup.vault.seen import SeenHere
from k8sops.backup.vault.writing import write_backup
from k8sops.core.drift import drift_between
from k8sops.core.errors import DriftedError, PartialError, UsageError
from k8sops.core.events import Emission, Progress
from k8sops.core.journal import Fenced
from k8sops.core.plan import ClusterInfo, Plan
from k8sops.core.ports import Action, Cluster
from k8sops.core.risk import Risk
from tests.backup.clock import HandClock
from tests.backup.files import CLUSTER, OTHER_CLUSTER, flipped
from tests.backup.vault.clusters import backup, body, each, facts, shop, writer
from tests.backup.vault.world import RECIPIENT, CountedIds, names, overwrite
from tests.backup.velero.test_velero import SHOP, written
from tests.support.journals import NotedJournal
from tests.support.repositories import RepositoriesHere

BOB = str(pyrage.x25519.Identity.generate().to_public())


class _Anywhere:
    """A cluster of which nothing is asked but which it is."""

    info = ClusterInfo(context="shop", server="https://shop.example", uid=CLUSTER, name="shop")


ANYWHERE = cast("Cluster", _Anywhere())


class Office:
    """Two places, the first with a repository, and a clock that stands."""

    def __init__(self) -> None:
        self.clock = HandClock()
        places = {"main": MemoryStorage(self.clock), "offsite": Offsite(self.clock)}
        self.repositories = RepositoriesHere(dict(places), self.clock)

    async def vault(self, location: str = "") -> Vault:
        """The repository there, made if need be."""
        return (await self.repositories.make(location)).vault

    async def nightly(self, count: int) -> Vault:
        """So many backups, a day apart."""
        vault = await self.vault()
        for number in range(count):
            await backup(vault, shop(2, version=number), first_id=number * 10)
            await self.clock.sleep(24 * 3600)
        return vault

    async def live(self, cluster: str = CLUSTER) -> tuple[int, ...]:
        """The backups that count."""
        return (await load_chain(await self.vault(), cluster)).live

    async def plan(self, made: Callable[[RepositoriesHere], Action[Any]], params: Any) -> Plan:
        """What would be done: which makes nothing, no key either."""
        before = self.repositories.asked_to_write
        plan = await made(self.repositories).plan(params, ANYWHERE, self.clock)
        assert self.repositories.asked_to_write == before
        return plan

    async def do(self, made: Callable[[RepositoriesHere], Action[Any]], params: Any) -> NotedJournal:
        """Plan and do it; the next carrier, which knows nothing of it, finds it done."""
        plan = await self.plan(made, params)
        journal = NotedJournal(clock=self.clock)
        await made(self.repositories).apply(plan, ANYWHERE, journal)
        before = await names((await self.vault()).storage)
        await made(self.repositories).apply(plan, ANYWHERE, NotedJournal(clock=self.clock))
        assert await names((await self.vault()).storage) == before
        return journal


class Offsite(MemoryStorage):
    """Another place."""

    @property
    def location(self) -> str:
        """Its name."""
        return "memory://offsite"


@pytest.fixture
def office() -> Office:
    """An office."""
    return Office()


async def test_a_rule_s_plan_names_what_goes_and_what_stays_and_why(office: Office) -> None:
    """Whoever approves sees each backup; the newest stays whatever the rule."""
    await office.nightly(6)
    plan = await office.plan(Prune, PruneParams(keep_last=2))
    assert plan.risk is Risk.DISRUPTIVE
    remove, sweep = plan.steps
    assert sweep.risk is Risk.LOW
    assert remove.bulk is not None
    told = {item.target.name: (item.verb, item.why) for item in remove.bulk.items}
    assert [seq for seq, (verb, _) in told.items() if verb == "remove"] == ["1", "2", "3", "4"]
    assert told["6"] == ("keep", "the newest complete one, one of the last 2")
    assert told["1"] == ("remove", "no rule holds it")
    assert plan.summary.startswith("Final: 4 backups of 1 cluster removed, 2 kept; frees ")
    journal = await office.do(Prune, PruneParams(keep_last=2))
    assert await office.live() == (5, 6)
    assert next(iter(journal.done.values())).endswith("4 backups removed: 1, 2, 3, 4")


async def test_a_backup_that_came_since_is_no_drift(office: Office) -> None:
    """A schedule's prune waits for a person now and then; the rule is what was approved."""
    vault = await office.nightly(4)
    before = await office.plan(Prune, PruneParams(keep_last=2))
    await backup(vault, shop(1), first_id=90)
    assert drift_between(before, await office.plan(Prune, PruneParams(keep_last=2))) == ()
    named = await office.plan(Prune, PruneParams(backups=("1",)))
    await office.do(Prune, PruneParams(backups=("1",)))
    journal = NotedJournal(clock=office.clock)
    await Prune(office.repositories).apply(named, ANYWHERE, journal)
    assert "gone already" in next(iter(journal.done.values()))


async def test_named_backups_are_destroyed_and_never_the_last_good_one(office: Office) -> None:
    """More than a rule does: what is named goes although rules would hold it."""
    await office.nightly(3)
    with pytest.raises(UsageError, match="newest complete"):
        await office.plan(Prune, PruneParams(backups=("3",)))
    first = (await body(await office.vault(), 1)).id
    plan = await office.plan(Prune, PruneParams(backups=(first, "2")))
    assert plan.risk is Risk.DESTRUCTIVE
    assert [finding.code for finding in plan.findings] == ["cannot_be_undone"]
    await office.do(Prune, PruneParams(backups=(first, "2")))
    assert await office.live() == (3,)


async def test_the_last_good_one_of_a_selection_goes_only_with_a_warning(office: Office) -> None:
    """A newer backup of one namespace is the cluster's newest complete one, and no stand-in for the whole."""
    vault = await office.nightly(2)
    small = writer(vault, ids=CountedIds(90), selection={"include_namespaces": ["shop"]})
    await write_backup(vault, small, each(shop(1).values()), facts)
    plan = await office.plan(Prune, PruneParams(backups=("1", "2")))
    assert [(one.code, one.subjects) for one in plan.findings] == [
        ("cannot_be_undone", ()),
        ("last_of_its_selection", ("2",)),
    ]
    plan = await office.plan(Prune, PruneParams(backups=("1",)))
    assert [one.code for one in plan.findings] == ["cannot_be_undone"]


async def test_a_prune_without_a_rule_deletes_what_waited_a_day(office: Office) -> None:
    """And says that there is nothing to do when there is nothing."""
    vault = await office.nightly(3)
    assert (await office.plan(Prune, PruneParams())).steps == ()
    await office.do(Prune, PruneParams(keep_last=1))
    waiting = await office.plan(Prune, PruneParams())
    assert waiting.steps == ()
    assert "waiting" in [finding.code for finding in waiting.findings]
    await office.clock.sleep(timedelta(days=1, seconds=1).total_seconds())
    before = len(await names(vault.storage))
    plan = await office.plan(Prune, PruneParams())
    assert (plan.risk, len(plan.steps)) == (Risk.LOW, 1)
    journal = await office.do(Prune, PruneParams())
    assert "deleted" in journal.done["prune/sweep"]
    assert len(await names(vault.storage)) < before
    assert await names(vault.storage, "doomed") == []


async def test_a_rule_for_every_cluster_judges_each_by_itself(office: Office) -> None:
    """One cluster's new backups never push out another's."""
    vault = await office.nightly(3)
    await backup(vault, shop(1), uid=OTHER_CLUSTER, first_id=90)
    await office.do(Prune, PruneParams(keep_last=1))
    assert (await office.live(), await office.live(OTHER_CLUSTER)) == ((3,), (1,))
    await backup(vault, shop(2), uid=OTHER_CLUSTER, first_id=95)
    await office.do(Prune, PruneParams(keep_last=1, all_clusters=True))
    assert (await office.live(), await office.live(OTHER_CLUSTER)) == ((3,), (2,))


@pytest.mark.parametrize(
    "said",
    [
        {"backups": ("1",), "keep_last": 1},
        {"backups": ("latest",)},
        {"backups": ("1",), "all_clusters": True},
        {"cluster": "shop"},
        {"keep_last": -1},
    ],
)
def test_what_could_be_meant_in_two_ways_is_refused(said: dict[str, Any]) -> None:
    """Before anything is read."""
    with pytest.raises(ValidationError):
        PruneParams(**said)


async def test_a_copy_is_planned_made_and_brought_up_to_date(office: Office) -> None:
    """The plan says how much; the second has nothing to do."""
    vault = await office.nightly(2)
    plan = await office.plan(CopyBackups, CopyParams(to="offsite"))
    assert plan.summary.startswith("Safe: 2 manifests, ")
    journal = await office.do(CopyBackups, CopyParams(to="offsite"))
    assert journal.done["copy/files"].endswith("2 manifests copied to memory://offsite")
    assert await names(office.repositories.storages["offsite"]) == await names(vault.storage)
    assert (await office.plan(CopyBackups, CopyParams(to="offsite"))).steps == ()
    with pytest.raises(UsageError, match="the repository itself"):
        await office.plan(CopyBackups, CopyParams(to="main"))


async def test_a_copy_that_lacks_anything_has_failed(office: Office) -> None:
    """What could not be copied is named, and the run is no success."""
    vault = await office.nightly(1)
    pack = (await names(vault.storage, "packs"))[0]
    data = await vault.storage.read(pack, at_most=1 << 20)
    await overwrite(vault.storage, pack, flipped(data, len(data) - 1, 1))
    with pytest.raises(PartialError, match=pack):
        await office.do(CopyBackups, CopyParams(to="offsite"))


async def test_a_copy_is_not_written_to(office: Office, tmp_path: Path) -> None:
    """It would be another repository from then on; what nothing needs in it is still deleted."""
    await office.nightly(2)
    await office.do(CopyBackups, CopyParams(to="offsite"))
    office.repositories.copies.add("offsite")
    for made, params in (
        (Prune, PruneParams(repo="offsite", keep_last=1)),
        (Rekey, RekeyParams(repo="offsite", add=(BOB,))),
        (ImportVelero, ImportParams(repo="offsite", archive=str(written(tmp_path / "x.tar.gz", SHOP)))),
    ):
        with pytest.raises(UsageError, match="is a copy of another"):
            await office.plan(made, params)
    await office.do(Prune, PruneParams(keep_last=1))
    await office.do(CopyBackups, CopyParams(to="offsite"))
    await office.clock.sleep(timedelta(days=1, seconds=1).total_seconds())
    await office.do(Prune, PruneParams(repo="offsite"))
    await office.clock.sleep(timedelta(days=1, seconds=1).total_seconds())
    await office.do(Prune, PruneParams())
    await office.do(Prune, PruneParams(repo="offsite"))
    offsite = office.repositories.storages["offsite"]
    assert await names(offsite) == await names((await office.vault()).storage)


async def test_keys_are_given_and_an_epoch_begun(office: Office) -> None:
    """The plan says who keeps what they could read."""
    await office.nightly(1)
    given = await office.plan(Rekey, RekeyParams(add=(BOB,)))
    assert (given.risk, given.summary) == (Risk.DISRUPTIVE, "Disruptive: 1 recipient added to 1 epoch.")
    await office.do(Rekey, RekeyParams(add=(BOB,)))
    assert (await office.plan(Rekey, RekeyParams(add=(BOB,)))).steps == ()
    plan = await office.plan(Rekey, RekeyParams(recipient=(RECIPIENT,)))
    assert [finding.code for finding in plan.findings] == ["keeps_what_it_could_read"]
    assert BOB in plan.findings[0].text
    journal = await office.do(Rekey, RekeyParams(recipient=(RECIPIENT,)))
    assert journal.done["rekey/epoch"] == "epoch 2 begun, for 1 recipient"
    plan = await office.plan(Rekey, RekeyParams(recipient=(RECIPIENT, BOB)))
    assert plan.steps[0].before == {"recipients": [RECIPIENT]}
    refused: list[dict[str, Any]] = [{}, {"add": ("age1nobody",)}, {"recipient": ("AGE-SECRET-KEY-1X",)}]
    for said in refused:
        with pytest.raises(ValidationError) as raised:
            RekeyParams(**said)
        assert "SECRET-KEY-1X" not in str(raised.value)


async def test_epochs_that_nobody_proves_or_that_are_lost_are_named(office: Office) -> None:
    """One that anybody may have left is passed over; past one that backups stand under a person has to say so."""
    vault = await office.nightly(1)
    await vault.storage.put(key_name(GREATEST_EPOCH, "a" * 32), b"age-encryption.org/v1")
    await office.do(Rekey, RekeyParams(add=(BOB,)))
    params = RekeyParams(recipient=(RECIPIENT,))
    plan = await office.plan(Rekey, params)
    assert [finding.code for finding in plan.findings] == ["keeps_what_it_could_read", "epoch_unproven"]
    assert f"keys/{GREATEST_EPOCH}" in plan.findings[1].text
    await office.do(Rekey, params)
    await backup(await office.vault(), shop(3), first_id=50)
    await vault.storage.delete(key_name(2, "0" * 32))
    office.repositories.seen = SeenHere()
    plan = await office.plan(Rekey, params)
    assert [(finding.code, finding.level) for finding in plan.findings] == [
        ("epoch_lost", "blocker"),
        ("epoch_unproven", "warning"),
    ]
    journal = await office.do(Rekey, RekeyParams(recipient=(RECIPIENT,), accept_lost_epoch=True))
    assert journal.done["rekey/epoch"] == "epoch 3 begun, for 1 recipient"


async def test_a_velero_backup_is_taken_over_once(office: Office, tmp_path: Path) -> None:
    """It is a backup like any other, and names what it lacks; another file under its name is another plan."""
    await office.nightly(1)
    path = written(tmp_path / "old nightly.tar.gz", SHOP)
    params = ImportParams(archive=str(path))
    plan = await office.plan(ImportVelero, params)
    assert plan.summary.startswith(
        "Safe: 4 objects of 4 kinds become backup 'old-nightly'; the data of 1 volume NOT"
    )
    assert {finding.code for finding in plan.findings} == {"as_velero_left_it", "volumes_not_captured"}
    await office.do(ImportVelero, params)
    assert await office.live() == (1, 2)
    found = await body(await office.vault(), 2)
    assert (found.name, found.volumes_not_captured) == ("old-nightly", (("shop", "data"),))
    stale = await office.plan(ImportVelero, params)
    written(path, {**SHOP, "resources/pods/namespaces/a/b.json": b"{}"})
    with pytest.raises(RepositoryBrokenError):
        await office.plan(ImportVelero, params)
    written(path, {name: data for name, data in SHOP.items() if "clusterroles" not in name})
    with pytest.raises(DriftedError):
        await ImportVelero(office.repositories).apply(
            stale, ANYWHERE, NotedJournal("other", clock=office.clock)
        )
    with pytest.raises(UsageError, match="no file"):
        await office.plan(ImportVelero, ImportParams(archive=str(tmp_path / "missing.tar.gz")))


async def test_a_restore_takes_no_other_cluster_for_one_that_was_hidden(office: Office) -> None:
    """Whoever holds the bucket could leave one cluster's backups alone, and have them put on another."""
    vault = await office.nightly(1)
    await write_backup(
        vault, writer(vault, cluster=OTHER_CLUSTER, ids=CountedIds(50)), each(shop(1).values()), facts
    )
    assert (
        await open_source(office.repositories, "", "latest", cluster=CLUSTER, from_cluster="")
    ).cluster == CLUSTER
    for name in await names(vault.storage, f"backups/{CLUSTER}"):
        await vault.storage.delete(name)
    with pytest.raises(RepositoryRolledBackError):
        await open_source(office.repositories, "", "latest", cluster=CLUSTER, from_cluster="")


class _Taken(NotedJournal):
    """Another carrier has the run by now, which telling anything finds out."""

    async def tell(self, emission: Emission) -> None:
        """Refused, as the store refuses it."""
        raise Fenced("another carrier has the run")


async def test_work_ends_where_another_carrier_has_the_run() -> None:
    """A prune that went on without its lease would delete beside the one that has it."""
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with asyncio.timeout(120):
        with pytest.raises(Fenced):
            await told_while(_Taken(), "prune/sweep", work(), lambda: ("", Progress(unit="backups")))
    assert ended.is_set()


@pytest.mark.parametrize("name", ["latest", "17", "01KAJ4ZZZZZZZZZZZZZZZZZZZZ"])
def test_no_backup_takes_a_name_that_means_another(name: str) -> None:
    """`prune 17` and `restore 01KAJ4…` are approved for what they mean then, not for what is called so later."""
    with pytest.raises(ValidationError, match="take another name"):
        BackupParams(name=name)
    with pytest.raises(ValidationError, match="take another name"):
        ImportParams(archive="x.tar.gz", name=name)
    assert ImportParams(archive=f"{name}.tar.gz").called == f"velero-{name}"
