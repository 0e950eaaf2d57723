"""The network cut at every request of a restore: it ends with all as in the backup, or says truly what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from k8sops.core.errors import K8sOpsError, PartialError
from k8sops.core.events import Emission
from k8sops.core.plan import Plan
from tests.actions.restore.restoring import RestoreDesk, State
from tests.support.clients import client_of
from tests.support.cuts import EVEN, EVERY, ODD, Cut, CutAt, NoWaiting, cut_at
from tests.support.fault_proxy import FaultProxy
from tests.support.journals import NotedJournal

FEWEST_REQUESTS = 8
KINDS = ("configmaps", "secrets")
CHOICES: dict[str, dict[str, Any]] = {
    "update": {"existing": "update", "force_conflicts": True},
    "recreate": {"existing": "recreate"},
}


@pytest.mark.parametrize(
    ("existing", "how", "numbers"),
    [
        ("update", "before", ODD),
        ("recreate", "within", EVEN),
        ("update", "for good", ODD),
        ("recreate", "for good", EVEN),
    ],
)
async def test_a_cut_at_any_request_never_makes_a_restore_that_lies(
    desk: RestoreDesk, kubeconfig: Path, existing: str, how: Cut, numbers: range
) -> None:
    """What was done and what was not is all that a person has to go by; the next try makes the rest, once."""
    before = await _backed_up(desk)
    met = 0
    async with FaultProxy(kubeconfig) as proxy:
        for number in numbers:
            await _harm(desk, number)
            plan = await desk.preview(**CHOICES[existing])
            rule, error, journal = await _cut(proxy, desk, plan, number, how)
            if not rule.hits:
                break
            met = number
            if error is None:
                assert how != "for good", "a network that is away for good is noticed"
            else:
                await _check_failed(desk, error, journal, before)
                await _again(desk, plan, journal, number)
            assert await desk.state(*KINDS) == before, f"after a cut at {rule.which}"
    assert FEWEST_REQUESTS < met < numbers[-1], "each request was cut, and there was an end of them"
    assert error is None, "it was not disturbed at all"


async def test_a_preview_outlives_a_cut_at_any_of_its_requests(desk: RestoreDesk, kubeconfig: Path) -> None:
    """A dry run changes nothing: a thousand of them must not be for nothing because one connection broke."""
    await _backed_up(desk)
    await _harm(desk, 0)
    undisturbed = await desk.preview(**CHOICES["update"])
    met = 0
    async with FaultProxy(kubeconfig) as proxy:
        for number in EVERY:
            proxy.clear()
            clock = NoWaiting()
            async with client_of(proxy.kubeconfig, clock=clock) as client:
                rule = cut_at(proxy, number, "before")
                through = RestoreDesk(client, desk.namespace, desk.repositories)
                through.clock = clock
                plan = await through.preview(**CHOICES["update"])
            assert plan.steps == undisturbed.steps, f"after a cut at {rule.which}"
            if not rule.hits:
                break
            met = number
    assert met > 8


async def test_one_object_that_no_connection_outlives_does_not_stop_the_others(
    desk: RestoreDesk, kubeconfig: Path
) -> None:
    """A proxy on the way may choke on one large object; only a server that is away for all ends the run."""
    await _backed_up(desk)
    await _harm(desk, 0)
    plan = await desk.preview(**CHOICES["update"])
    clock = NoWaiting()
    async with FaultProxy(kubeconfig) as proxy, client_of(proxy.kubeconfig, clock=clock) as client:
        proxy.reset(path="/configmaps/changed", method="PATCH", times=100_000)
        with pytest.raises(PartialError, match="configmaps/changed") as caught:
            await RestoreDesk(client, desk.namespace, desk.repositories).carry(
                plan, NotedJournal(clock=clock)
            )
    assert "3 of 4 objects are as in backup" in caught.value.message
    assert await desk.exists("configmaps", "gone")
    assert await desk.exists("secrets", "password")


async def _backed_up(desk: RestoreDesk) -> State:
    for name in ("gone", "changed"):
        await desk.config_map(name)
    await desk.secret("password", "hunter2")
    await desk.back_up()
    return await desk.state(*KINDS)


async def _harm(desk: RestoreDesk, number: int) -> None:
    """One object of each kind is gone, and one is another."""
    await desk.delete("configmaps", "gone")
    await desk.delete("secrets", "password")
    await desk.change("changed", f"at request {number}")


async def _cut(
    proxy: FaultProxy, desk: RestoreDesk, plan: Plan, number: int, how: Cut
) -> tuple[CutAt, K8sOpsError | None, NotedJournal]:
    """Carry the plan out while its request of that number is cut, if it makes so many, and how that failed."""
    proxy.clear()
    clock = NoWaiting()
    journal = NotedJournal(clock=clock)
    async with client_of(proxy.kubeconfig, clock=clock) as client:
        rule = cut_at(proxy, number, how)
        try:
            await RestoreDesk(client, desk.namespace, desk.repositories).carry(plan, journal)
        except K8sOpsError as error:
            return rule, error, journal
    return rule, None, journal


async def _check_failed(desk: RestoreDesk, error: K8sOpsError, journal: NotedJournal, before: State) -> None:
    """What is told to be done is as in the backup; of the rest nothing is told, or that it is not."""
    now = await desk.state(*KINDS)
    label = {key: f"{desk.namespace}/{key[0]}/{key[1]}" for key in before}
    right = {label[key] for key, found in before.items() if now.get(key) == found}
    done, failed = _listed(journal.told, "done"), _listed(journal.told, "failed")
    assert done <= right, error.message
    assert not done & failed
    if isinstance(error, PartialError):
        assert failed - right <= {name for name in label.values() if name in error.message}
        if "broke off" in error.message:
            assert f"Done: {len(done)} of 3 objects" in error.message
        for name in failed - right:
            if name.endswith("/changed") and ("configmaps", "changed") not in now:
                assert "deleted" in error.message or "may have been done" in error.message
    else:
        assert not done | failed, "whoever has done something says what"


async def _again(desk: RestoreDesk, plan: Plan, journal: NotedJournal, number: int) -> None:
    """Carried on by another carrier every other time, else asked for anew."""
    if number // 2 % 2:
        await desk.carry(plan, NotedJournal(journal.run, before=journal))
    else:
        await desk.restore(**CHOICES[plan.params["existing"]])


def _listed(told: list[Emission], which: str) -> set[str]:
    notes = [emission.data or {} for emission in told if emission.kind == "note"]
    return {name for data in notes for name in data.get(which, ())}
