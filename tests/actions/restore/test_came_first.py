"""What somebody else makes between the plan and its step: an account that every namespace gets, or just anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from k8sops.core.errors import PartialError
from k8sops.core.events import MADE
from k8sops.core.journal import Settled
from k8sops.core.plan import JsonObject, Plan, Step
from k8sops.core.ports import Resource
from tests.actions.restore.restoring import RestoreDesk, eventually, steps_for, verdicts
from tests.support.clients import client_of
from tests.support.cuts import NoWaiting
from tests.support.fault_proxy import FaultProxy
from tests.support.journals import NotedJournal


class SomebodyFirst(NotedJournal):
    """Before the step for a kind, somebody else acts."""

    def __init__(self, kind: str, act: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._kind = kind
        self._act = act

    async def step(
        self,
        step: Step,
        do: Callable[[], Awaitable[str]],
        *,
        settle: Callable[[], Awaitable[Settled]] | None = None,
    ) -> str:
        """With somebody before it."""
        if step.target.kind == self._kind:
            await self._act()
        return await super().step(step, do, settle=settle)


def _made(journal: NotedJournal) -> set[str]:
    """What is on record as made."""
    told = [one.data[MADE] for one in journal.told if MADE in one.data]
    return {target for one in told for target in one["targets"]}


async def _gone_namespace(desk: RestoreDesk, **said: str) -> Plan:
    """The plan of a restore of a namespace that is gone, with all that is in it."""
    await desk.back_up(include_kinds=["namespaces", "serviceaccounts", "configmaps"])
    await desk.cluster.delete(await desk.cluster.resource("namespaces"), desk.namespace)
    await desk.gone("namespaces", desk.namespace)
    plan = await desk.preview(**said)
    assert not plan.blockers, plan.blockers
    assert set(verdicts(plan).values()) == {"created", "created_unverified"}
    return plan


async def _pull_secrets(desk: RestoreDesk, *names: str) -> None:
    """As everybody does who pulls from a registry of their own."""
    await eventually(lambda: desk.exists("serviceaccounts", "default"))
    body = {"imagePullSecrets": [{"name": name} for name in names]}
    accounts = await desk.cluster.resource("serviceaccounts")
    await desk.cluster.patch(accounts, "default", desk.namespace, body=body)


async def test_the_default_account_of_a_deleted_namespace_comes_back_as_it_was(desk: RestoreDesk) -> None:
    """Its controller makes an empty one as soon as the namespace is there, before its turn has come."""
    await _pull_secrets(desk, "registry")
    plan = await _gone_namespace(desk)
    journal = SomebodyFirst(
        "serviceaccounts", lambda: eventually(lambda: desk.exists("serviceaccounts", "default"))
    )
    await desk.carry(plan, journal)
    account = await desk.get("serviceaccounts", "default")
    assert account["imagePullSecrets"] == [{"name": "registry"}]
    assert _made(journal) == {f"namespaces/{desk.namespace}"}, "the account is its controller's"


def _somebody_else_makes(desk: RestoreDesk, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A ConfigMap `theirs`: when the step has looked, and has not yet made it."""
    tried = desk.cluster.preview_create

    async def first(resource: Resource, manifest: JsonObject, **said: bool) -> JsonObject:
        if manifest["metadata"]["name"] == "theirs":
            await desk.config_map("theirs", text)
        return await tried(resource, manifest, **said)

    monkeypatch.setattr(desk.cluster, "preview_create", first)


async def test_what_somebody_makes_just_the_same_is_fine_and_is_theirs(
    desk: RestoreDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is as in the backup; taking the restore back must not delete it."""
    await desk.config_map("theirs", "same")
    await desk.config_map("ours", "same")
    plan = await _gone_namespace(desk)
    _somebody_else_makes(desk, monkeypatch, "same")
    journal = await desk.carry(plan)
    assert {"configmaps/ours"} == {one for one in _made(journal) if one.startswith("configmaps/")}
    (step,) = steps_for(plan, "configmaps")
    assert journal.done[step.id] == f"1 configmap in {desk.namespace} created, 1 was there already"


async def test_what_somebody_makes_otherwise_stays_theirs_and_is_named(
    desk: RestoreDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No plan said to change it, with `--existing update` neither: it was not there when that was approved."""
    await desk.config_map("theirs", "as it was")
    plan = await _gone_namespace(desk, existing="update")
    _somebody_else_makes(desk, monkeypatch, "other")
    with pytest.raises(PartialError, match=r"configmaps/theirs \(.*data\.text"):
        await desk.carry(plan)
    assert (await desk.get("configmaps", "theirs"))["data"] == {"text": "other"}


async def test_an_update_that_failed_in_its_step_is_tried_once_more(
    desk: RestoreDesk, kubeconfig: Path
) -> None:
    """As what was to be made is: what stood in its way may have gone while the rest was restored."""
    await desk.config_map("settings", "as it was")
    await desk.back_up()
    await desk.change("settings", "other")
    plan = await desk.preview(existing="update", force_conflicts=True)
    journal = NotedJournal()
    async with FaultProxy(kubeconfig) as proxy, client_of(proxy.kubeconfig, clock=NoWaiting()) as client:
        proxy.fail(403, path="/configmaps/settings", method="PATCH", times=1)
        await RestoreDesk(client, desk.namespace, desk.repositories).carry(plan, journal)
    assert any("1 not: " in text for text in journal.notes), "its step failed"
    assert (await desk.get("configmaps", "settings"))["data"] == {"text": "as it was"}
    assert not _made(journal), "what is updated is not made"
