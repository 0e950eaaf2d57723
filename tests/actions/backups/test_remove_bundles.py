"""Removing log bundles as a run: the plan says all that goes, and doing it twice does it once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from k8sops.actions.backups.copy import CopyBackups, CopyParams
from k8sops.actions.backups.prune import Prune, PruneParams
from k8sops.actions.backups.remove_bundles import RemoveBundles, RemoveBundlesParams
from k8sops.backup.vault.bundles import store_bundle
from k8sops.core.drift import drift_between
from k8sops.core.errors import UsageError
from k8sops.core.risk import Risk
from tests.actions.backups.test_repository_actions import Office
from tests.backup.files import OTHER_CLUSTER
from tests.backup.vault.test_bundles import ID, SECOND, WHO, all_of, new

THIRD = f"{ID[:-1]}3"


@pytest.fixture
async def office(tmp_path: Path) -> Office:
    """Two bundles of this cluster, a month apart, and one of another."""
    office = Office()
    vault = await office.vault()
    archive = tmp_path / "shop.tar.zst"
    archive.write_bytes(b"lines" * 1000)
    await store_bundle(vault, WHO, new(), archive)
    await store_bundle(vault, WHO, new(THIRD, OTHER_CLUSTER), archive)
    office.clock.moment += timedelta(days=31)
    await store_bundle(vault, WHO, new(SECOND), archive)
    return office


async def left(office: Office) -> set[str]:
    """The bundles that are there."""
    return {found.id for found in await all_of(await office.vault())}


async def test_bundles_older_than_a_rule_go_of_this_cluster_alone(office: Office) -> None:
    """On a schedule nothing is kept for longer; another cluster's are another schedule's."""
    rule = RemoveBundlesParams(older_than=30 * 86_400)
    plan = await office.plan(RemoveBundles, rule)
    assert plan.risk is Risk.DISRUPTIVE
    assert plan.summary == "Final: 1 log bundle removed (4.9 KiB), 2 kept."
    (step,) = plan.steps
    assert step.bulk is not None
    assert [item.target.name for item in step.bulk.items] == [ID]
    journal = await office.do(RemoveBundles, rule)
    assert next(iter(journal.done.values())).startswith("1 log bundle removed, ")
    assert await left(office) == {SECOND, THIRD}
    assert (await office.plan(RemoveBundles, rule)).steps == ()
    await office.do(RemoveBundles, RemoveBundlesParams(older_than=30 * 86_400, all_clusters=True))
    assert await left(office) == {SECOND}


async def test_a_named_bundle_is_destroyed_whichever_cluster_it_is_of(office: Office) -> None:
    """What is named goes for good, so it asks for what destruction asks for."""
    named = RemoveBundlesParams(bundles=(THIRD.lower(),))
    plan = await office.plan(RemoveBundles, named)
    assert plan.risk is Risk.DESTRUCTIVE
    assert [finding.code for finding in plan.findings] == ["cannot_be_undone"]
    await office.do(RemoveBundles, named)
    assert await left(office) == {ID, SECOND}
    with pytest.raises(UsageError, match="there is no bundle"):
        await office.plan(RemoveBundles, RemoveBundlesParams(bundles=("01KNONE",)))
    with pytest.raises(UsageError, match="2 bundles begin"):
        await office.plan(RemoveBundles, RemoveBundlesParams(bundles=(ID[:-1],)))


async def test_one_more_bundle_that_became_old_is_no_drift(office: Office) -> None:
    """The rule is what was approved."""
    rule = RemoveBundlesParams(older_than=86_400)
    before = await office.plan(RemoveBundles, rule)
    office.clock.moment += timedelta(days=2)
    after = await office.plan(RemoveBundles, rule)
    assert after.digest != before.digest
    assert drift_between(before, after) == ()


async def test_a_copy_is_written_by_copy_alone_and_pruned_of_what_its_source_removed(office: Office) -> None:
    """Removing in the copy would make it another repository."""
    await office.do(CopyBackups, CopyParams(to="offsite"))
    await office.do(RemoveBundles, RemoveBundlesParams(bundles=(ID,)))
    plan = await office.plan(CopyBackups, CopyParams(to="offsite"))
    assert ", 1 log bundle (0 B) are copied" in plan.summary
    await office.do(CopyBackups, CopyParams(to="offsite"))
    prune = await office.plan(Prune, PruneParams(repo="offsite"))
    assert prune.blast_radius["files"] == 2
    assert prune.summary.startswith("Safe: no backup goes, only files that no backup needs; frees ")


def test_a_rule_or_names_but_not_both() -> None:
    """`bundles remove` alone must not mean all."""
    for wrong in ({}, {"bundles": (ID,), "older_than": 60}, {"bundles": (ID,), "all_clusters": True}):
        with pytest.raises(ValidationError):
            RemoveBundlesParams.model_validate(wrong)
