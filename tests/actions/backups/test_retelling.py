"""What the API server still remembers of changes is not read object by object; what it does not is, as before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, cast

from k8sops.actions.backups.incremental import Place
from k8sops.actions.backups.kinds import ChosenKind
from k8sops.actions.backups.retelling import OTHERS_TOLD, TOLD_PER_WANTED, retold
from k8sops.actions.backups.sources import Source
from k8sops.backup.vault.items import Key
from k8sops.cluster.client import KubeCluster
from k8sops.core.errors import ForbiddenError, GoneError, K8sOpsError
from k8sops.core.ports import ClusterReader, Resource
from k8sops.core.raw import RawChange, RawObject
from tests.actions.backups.backing_up import Desk

CONFIG_MAPS = Resource(
    group="",
    version="v1",
    plural="configmaps",
    kind="ConfigMap",
    namespaced=True,
    verbs=("get", "list", "watch"),
)


class _Counting(KubeCluster):
    """Counts the single requests for objects, and watches that were too late where it is told to be forgetful."""

    def __init__(self, cluster: KubeCluster, *, forgetful: bool = False) -> None:
        super().__init__(cluster.transport, cluster.info, cluster.discovery, cluster.clock)
        self.asked: list[str] = []
        self._forgetful = forgetful

    async def raw(self, resource: Resource, name: str, namespace: str = "", **more: Any) -> RawObject:
        """The object, once that is noted."""
        self.asked.append(name)
        return await super().raw(resource, name, namespace, **more)

    async def changes(
        self, resource: Resource, namespace: str = "", **more: Any
    ) -> AsyncGenerator[RawChange, None]:
        """As the cluster tells them; where it is forgetful, none since a state so old."""
        if self._forgetful:
            raise GoneError("too old resource version")
        changes = super().changes(resource, namespace, **more)
        async with aclosing(changes):
            async for change in changes:
                yield change


async def _second_backup(backups: Desk, *, forgetful: bool) -> _Counting:
    for number in range(12):
        await backups.config_map(f"m-{number:02d}")
    await backups.back_up()
    await backups.change("m-00", "once")
    await backups.change("m-01", "once")
    await backups.change("m-01", "again")
    await backups.config_map("new")
    await backups.cluster.delete(await backups.cluster.resource("configmaps"), "m-02", backups.namespace)
    cluster = backups.cluster = _Counting(backups.cluster, forgetful=forgetful)
    await backups.back_up()
    return cluster


async def test_what_changed_is_told_by_one_request(backups: Desk) -> None:
    """Each object by a request of its own was two thirds of a second backup's work on the API server."""
    cluster = await _second_backup(backups, forgetful=False)
    found = await backups.objects()
    for name in ("m-00", "m-01", "new"):
        assert found[Key("", "configmaps", backups.namespace, name)] == await backups.there(
            "configmaps", name
        )
    assert Key("", "configmaps", backups.namespace, "m-02") not in found
    assert (await backups.body()).new_objects == 3
    assert [name for name in cluster.asked if name in {"m-00", "m-01", "new"}] == ["m-00", "m-01", "new"], (
        "only the test itself asked for them"
    )


async def test_what_it_has_forgotten_is_read_as_ever(backups: Desk) -> None:
    """A night is long: of a busy kind the API server remembers minutes."""
    cluster = await _second_backup(backups, forgetful=True)
    assert sorted(cluster.asked) == ["m-00", "m-01", "new"]
    body = await backups.body()
    assert body.complete
    assert body.new_objects == 3


class _Told:
    """A cluster that tells these changes, then is silent for ever or says why it tells no more."""

    def __init__(self, changes: Sequence[RawChange], then: K8sOpsError | None = None) -> None:
        self._changes = changes
        self._then = then
        self.told = 0

    async def changes(
        self, resource: Resource, namespace: str = "", **_: Any
    ) -> AsyncGenerator[RawChange, None]:
        """Those."""
        for change in self._changes:
            self.told += 1
            yield change
        if self._then is not None:
            raise self._then
        await asyncio.Event().wait()


def _change(name: str, version: str, *, gone: bool = False) -> RawChange:
    found = RawObject("shop", name, f"uid-{name}", version, {}, b"{}")
    return RawChange(found, gone)


async def _retold(cluster: _Told, wanted: dict[Place, str], *, resource: Resource = CONFIG_MAPS) -> list[str]:
    source = Source(kind=ChosenKind(resource=resource, served=("v1",)))
    reader = cast("ClusterReader", cluster)
    answers = retold(reader, source, "shop", "100", wanted, quiet_s=0.01)
    async with aclosing(answers):
        return [f"{found.name}@{found.resource_version}" async for found in answers]


def _wanted(*names: str, version: str = "110") -> dict[Place, str]:
    return {("shop", name): version for name in names}


async def test_only_the_state_that_was_listed_is_taken() -> None:
    """An older state is no more what it was, a later one belongs to the second look."""
    wanted = _wanted("a", "b", "c")
    told = [_change("a", "105"), _change("a", "110"), _change("b", "120"), _change("c", "110", gone=True)]
    assert await _retold(_Told(told), wanted) == ["a@110"]
    assert wanted == _wanted("b", "c")


async def test_a_refusal_on_the_way_leaves_what_was_not_told() -> None:
    """A role that may list and not watch makes a backup all the same."""
    wanted = _wanted("a", "b", "c")
    cluster = _Told([_change("a", "110")], ForbiddenError("you may not watch configmaps"))
    assert await _retold(cluster, wanted) == ["a@110"]
    assert wanted == _wanted("b", "c")


async def test_one_that_changes_all_the_time_does_not_hold_up_the_rest() -> None:
    """Its every state would be read, to find three objects."""
    busy = [_change("busy", str(number)) for number in range(10_000)]
    wanted = _wanted("a", "b", "c")
    cluster = _Told([*busy, _change("a", "110")])
    assert not await _retold(cluster, wanted)
    assert cluster.told == OTHERS_TOLD + TOLD_PER_WANTED * 3


async def test_nothing_more_is_awaited_once_all_were_told() -> None:
    """A watch goes on for minutes."""
    cluster = _Told([_change(name, "110") for name in "abcdef"])
    assert await _retold(cluster, _wanted("a", "b", "c")) == ["a@110", "b@110", "c@110"]
    assert cluster.told == 3


async def test_a_kind_that_cannot_be_watched_and_one_or_two_objects_are_not_asked_for() -> None:
    """Two requests cost less than to be told."""
    cluster = _Told([_change(name, "110") for name in "abc"])
    assert not await _retold(cluster, _wanted("a", "b"))
    unwatchable = Resource(
        group="", version="v1", plural="bindings", kind="Binding", namespaced=True, verbs=("list",)
    )
    assert not await _retold(cluster, _wanted("a", "b", "c"), resource=unwatchable)
    assert cluster.told == 0
