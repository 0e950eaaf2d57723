"""A plan that would write where nothing can be put, or lock itself out, says so: approval is asked for nothing else."""

from __future__ import annotations

from pathlib import Path

from k8sops.actions.backups.copy import CopyBackups, CopyParams
from k8sops.actions.backups.import_velero import ImportParams, ImportVelero
from k8sops.actions.backups.prune import Prune, PruneParams
from k8sops.actions.backups.rekey import Rekey, RekeyParams
from k8sops.backup.storage.memory import MemoryStorage
from k8sops.backup.storage.readonly import ReadOnlyStorage
from k8sops.core.plan import Finding, Plan
from tests.actions.backups.backing_up import Desk
from tests.actions.backups.test_repository_actions import BOB, Office
from tests.backup.vault.world import RECIPIENT
from tests.backup.velero.test_velero import SHOP, written


def blockers(plan: Plan) -> list[Finding]:
    """Those of a plan."""
    return [finding for finding in plan.findings if finding.level == "blocker"]


async def test_nothing_is_planned_into_a_place_that_is_only_read(tmp_path: Path) -> None:
    """Each plan said that all was fine, and its run then failed as if a policy had denied it."""
    office = Office()
    await office.nightly(2)
    places = office.repositories.storages
    await office.do(CopyBackups, CopyParams(to="offsite"))
    await office.nightly(1)
    for name in places:
        places[name] = ReadOnlyStorage(places[name])
    for made, params in (
        (Rekey, RekeyParams(add=(BOB,))),
        (Prune, PruneParams(keep_last=1)),
        (CopyBackups, CopyParams(to="offsite")),
        (ImportVelero, ImportParams(archive=str(written(tmp_path / "x.tar.gz", SHOP)))),
    ):
        plan = await office.plan(made, params)
        assert [finding.code for finding in blockers(plan)] == ["not_writable"], made
        assert "take another location, or leave read_only out" in blockers(plan)[0].text
    assert blockers(await office.plan(Rekey, RekeyParams(recipient=(RECIPIENT,)))) == [], (
        "nothing is to be done"
    )


async def test_an_epoch_that_would_not_open_here_is_refused_when_it_is_planned() -> None:
    """It was approved as it stood, and failed when the next backup was due."""
    office = Office()
    await office.nightly(1)
    plan = await office.plan(Rekey, RekeyParams(recipient=(BOB,)))
    assert [finding.code for finding in blockers(plan)] == ["locks_itself_out"]
    assert "name with --recipient that of an age identity" in blockers(plan)[0].text
    assert plan.summary.startswith("Blocked: ")
    assert blockers(await office.plan(Rekey, RekeyParams(recipient=(BOB, RECIPIENT)))) == []


async def test_a_backup_is_not_planned_where_it_cannot_be_put(backups: Desk) -> None:
    """Neither where nothing may be written, nor where other files keep the repository from being made."""
    places = backups.repositories.storages
    places["memory"] = ReadOnlyStorage(MemoryStorage(backups.clock))
    fresh = await backups.plan()
    places["memory"] = MemoryStorage(backups.clock)
    await places["memory"].put("notes/hello", b"x")
    taken = await backups.plan()
    places["memory"] = MemoryStorage(backups.clock)
    await backups.back_up()
    assert blockers(await backups.plan()) == []
    places["memory"] = ReadOnlyStorage(places["memory"])
    for plan, code, why in (
        (fresh, "not_writable", "read-only location"),
        (taken, "place_not_empty", r"has files (notes/hello) but no repository.json: take an empty place"),
        (await backups.plan(), "not_writable", "read-only location"),
    ):
        assert plan.summary.startswith("Blocked: nothing can be written to memory; ")
        assert [finding.code for finding in blockers(plan)] == [code]
        assert why in blockers(plan)[0].text
