"""The network cut at every request of a backup: it ends complete, or says what is not in it; what was stored stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8sops.backup.vault.items import Key
from k8sops.backup.vault.verifying import Verifier
from k8sops.core.errors import ClusterError, K8sOpsError, PartialError, UnreachableError
from tests.actions.backups.backing_up import Desk
from tests.support.clients import client_of
from tests.support.cuts import EVEN, EVERY, ODD, Cut, CutAt, NoWaiting, cut_at
from tests.support.fault_proxy import FaultProxy
from tests.support.journals import NotedJournal

Held = dict[Key, tuple[str, str, bytes]]

FEWEST_REQUESTS = 8


@pytest.mark.parametrize(
    ("full", "how", "numbers"),
    [
        (True, "before", EVERY),
        (False, "within", EVERY),
        (True, "for good", ODD),
        (False, "for good", EVEN),
    ],
)
async def test_a_cut_at_any_request_never_makes_a_backup_that_lies(
    backups: Desk, kubeconfig: Path, full: bool, how: Cut, numbers: range
) -> None:
    """A backup that lacks an object and is called complete is found out on the day it is needed."""
    for name in ("same", "changed"):
        await backups.config_map(name)
    await backups.secret("password", "hunter2")
    await backups.back_up()
    truth = await backups.objects()
    changed = Key("", "configmaps", backups.namespace, "changed")
    met, seqs = 0, await backups.seqs()
    async with FaultProxy(kubeconfig) as proxy:
        for number in numbers:
            await backups.change("changed", f"at request {number}")
            truth[changed] = await backups.there("configmaps", "changed")
            rule, error = await _cut(proxy, backups, number, how, full=full)
            if not rule.hits:
                break
            met = number
            if error is not None:
                await _check_failed(backups, error, seqs, truth)
                await backups.back_up()
            assert (await backups.body()).complete
            assert await backups.objects() == truth, f"it is called complete, after a cut at {rule.which}"
            assert error is not None or how != "for good", "a network that is away for good is noticed"
            seqs = await backups.seqs()
    assert FEWEST_REQUESTS < met < numbers[-1], "each request was cut, and there was an end of them"
    report = await Verifier(await backups.vault()).run(read_data=1.0)
    assert report.good, report.findings


async def _cut(
    proxy: FaultProxy, desk: Desk, number: int, how: Cut, *, full: bool
) -> tuple[CutAt, K8sOpsError | None]:
    """One backup whose request of that number is cut, if it makes so many, and how it failed."""
    proxy.clear()
    clock = NoWaiting()
    async with client_of(proxy.kubeconfig, clock=clock) as client:
        rule = cut_at(proxy, number, how)
        journal = NotedJournal(f"01JD7Q8Z4N5X6Y7V8W9ACVT{number:03d}", clock=clock)
        try:
            await Desk(client, desk.namespace, desk.repositories).back_up(full=full, journal=journal)
        except K8sOpsError as error:
            return rule, error
    return rule, None


async def _check_failed(desk: Desk, error: K8sOpsError, before: tuple[int, ...], truth: Held) -> None:
    """Either no backup was made, or one that names every kind of which it lacks anything."""
    if not isinstance(error, PartialError):
        assert isinstance(error, UnreachableError | ClusterError), error
        assert await desk.seqs() == before
        return
    body, held = await desk.body(), await desk.objects()
    assert not body.complete
    gaps = {(gap.group, gap.resource) for gap in body.gaps}
    lacking = {(key.group, key.resource) for key, found in truth.items() if held.get(key) != found}
    assert gaps
    assert lacking <= gaps, "what is not as on the cluster is of a kind that is named"
    assert all(resource in error.message for _, resource in gaps)
