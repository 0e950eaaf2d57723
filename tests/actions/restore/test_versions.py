"""Objects stored in a version that the cluster does not serve: restored in another where they fit it whole."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import pytest

from k8sops.actions.backups.restoring.groups import Group, group_of
from k8sops.actions.backups.restoring.ownership import Owners, Reference
from k8sops.backup.listing import Kind
from k8sops.cluster.client import KubeCluster
from k8sops.cluster.discovery import Discovery
from k8sops.core.errors import K8sOpsError, NotFoundError, PartialError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import ClusterReader, Resource
from tests.actions.restore.restoring import RestoreDesk, eventually, finding, verdicts
from tests.support.journals import NotedJournal


def schema(*fields: str) -> JsonObject:
    """Of a kind whose spec has these fields, and no others."""
    spec = {"type": "object", "properties": {field: {"type": "string"} for field in fields}}
    return {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}


class Sails:
    """A kind in two versions, of which the older lacks a field, with an object that fits both and one that does not."""

    def __init__(self, desk: RestoreDesk) -> None:
        self.desk = desk
        self.group = f"{desk.namespace.replace('test-', 'v')}.example.com"
        self.kind = f"sails.{self.group}"
        self.plain = f"{desk.namespace}/sails/plain"
        self.painted = f"{desk.namespace}/sails/painted"

    async def install(self) -> None:
        """The definition, and both objects as v1."""
        names = {"plural": "sails", "singular": "sail", "kind": "Sail", "listKind": "SailList"}
        old = {"name": "v1beta1", "served": True, "storage": False, "schema": schema("cloth")}
        new = {"name": "v1", "served": True, "storage": True, "schema": schema("cloth", "colour")}
        await self.desk.cluster.create(
            await self.desk.cluster.resource("customresourcedefinitions"),
            {
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": {"name": self.kind},
                "spec": {
                    "group": self.group,
                    "scope": "Namespaced",
                    "names": names,
                    "versions": [new, old],
                },
            },
        )
        await self.served("v1", "v1beta1")
        for name, spec in {"plain": {"cloth": "hemp"}, "painted": {"cloth": "hemp", "colour": "red"}}.items():

            async def made(name: str = name, spec: JsonObject = spec) -> bool:
                try:
                    await self.desk.make(self.kind, name, spec=spec)
                except K8sOpsError:
                    return False
                return True

            await eventually(made)

    async def back_to_the_older(self) -> None:
        """As in a cluster where the operator is an older one: v1 is not served."""
        for name in ("plain", "painted"):
            await self.desk.delete(self.kind, name)
        old = {"name": "v1beta1", "served": True, "storage": True, "schema": schema("cloth")}
        new = {"name": "v1", "served": False, "storage": False, "schema": schema("cloth", "colour")}
        definitions = await self.desk.cluster.resource("customresourcedefinitions")
        await self.desk.cluster.patch(definitions, self.kind, body={"spec": {"versions": [old, new]}})

        await self.served("v1beta1")

    async def served(self, *versions: str) -> None:
        """Wait until the server tells of these versions and no others, to who asks for the first time."""

        async def seen() -> bool:
            old = self.desk.cluster
            discovery = Discovery(old.transport, old.clock)
            self.desk.cluster = KubeCluster(old.transport, old.info, discovery, old.clock)
            found = [one.version for one in await self.desk.cluster.served() if one.group == self.group]
            return found == list(versions)

        await eventually(seen)

    @contextlib.asynccontextmanager
    async def collected(self, name: str) -> AsyncIterator[None]:
        """Do the garbage collector's part while the block runs: an object without dependents loses its finalizer.

        It looks for kinds every half minute, and of one whose versions change in between it may know nothing for good.
        """

        async def collect() -> None:
            while True:
                with contextlib.suppress(NotFoundError):
                    finalizers = (await self.older(name))["metadata"].get("finalizers", [])
                    if "foregroundDeletion" in finalizers:
                        resource = await self.desk.cluster.resource(f"sails.v1beta1.{self.group}")
                        body = {"metadata": {"finalizers": None}}
                        await self.desk.cluster.patch(resource, name, self.desk.namespace, body=body)
                await asyncio.sleep(0.2)

        collecting = asyncio.create_task(collect())
        try:
            yield
        finally:
            collecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await collecting

    async def older(self, name: str, namespace: str = "") -> JsonObject:
        """An object as v1beta1."""
        return await self.desk.get(f"sails.v1beta1.{self.group}", name, namespace)


@pytest.fixture
async def sails(desk: RestoreDesk) -> AsyncIterator[Sails]:
    """Backed up as v1, with their definition, and gone; the cluster serves v1beta1 only."""
    sails = Sails(desk)
    try:
        await sails.install()
        await desk.back_up(include_kinds=())
        await sails.back_to_the_older()
        yield sails
    finally:
        with contextlib.suppress(NotFoundError):
            await desk.cluster.delete(await desk.cluster.resource("customresourcedefinitions"), sails.kind)


async def test_what_fits_the_version_that_is_served_comes_back_and_what_does_not_is_refused(
    desk: RestoreDesk, sails: Sails
) -> None:
    """An unknown field would be dropped without a word; what fits whole loses nothing."""
    plan = await desk.preview(include_kinds=["sails"])
    (blocker,) = plan.blockers
    assert blocker.code == "refused"
    assert blocker.subjects == (sails.painted,)
    assert f"stored as {sails.group}/v1, this cluster serves {sails.group}/v1beta1: " in blocker.text
    assert 'unknown field "spec.colour"' in blocker.text
    assert finding(plan, "other_version").subjects == (sails.kind,)
    assert verdicts(plan) == {sails.plain: "created"}
    (item,) = (item for step in plan.steps if step.bulk for item in step.bulk.items)
    assert item.why == f"as {sails.group}/v1beta1"
    partial = await desk.preview(include_kinds=["sails"], allow_partial=True)
    with pytest.raises(PartialError, match="sails/painted is not there: stored as "):
        await desk.carry(partial)
    assert (await sails.older("plain"))["spec"] == {"cloth": "hemp"}
    assert not await desk.exists(f"sails.v1beta1.{sails.group}", "painted")
    there = await desk.preview(object=["sail/plain"])
    assert there.steps == (), there.steps
    assert there.blast_radius["unchanged"] == 1


@pytest.mark.parametrize("existing", ["update", "recreate"])
async def test_what_is_there_in_the_other_version_is_changed_in_it(
    desk: RestoreDesk, sails: Sails, existing: str
) -> None:
    """Compared in that version; what would lose a field is refused before anything of it is deleted."""
    older = f"sails.v1beta1.{sails.group}"
    for name in ("plain", "painted"):
        await desk.make(older, name, spec={"cloth": "linen"})
    plan = await desk.preview(
        object=["sail/plain", "sail/painted"],
        existing=existing,
        force_conflicts=existing == "update",
        allow_partial=True,
    )
    assert verdicts(plan) == {sails.plain: "changed"}
    (item,) = (item for step in plan.steps if step.bulk for item in step.bulk.items)
    assert item.why == f'as {sails.group}/v1beta1; spec.cloth: "hemp" → "linen"'
    refused = finding(plan, "refused")
    assert refused.subjects == (sails.painted,)
    assert "spec.colour" in refused.text
    before = await sails.older("painted")
    async with sails.collected("plain"):
        with pytest.raises(PartialError, match="sails/painted"):
            await desk.carry(plan)
    assert (await sails.older("plain"))["spec"] == {"cloth": "hemp"}
    assert await sails.older("painted") == before


async def test_what_cannot_be_tried_before_loses_nothing_either(desk: RestoreDesk, sails: Sails) -> None:
    """Its namespace is itself to come: the API server is asked as strictly when the object is made."""
    copy = f"{desk.namespace}-copy"
    plan = await desk.preview(
        include_kinds=["sails", "namespaces"], namespace_mapping=[f"{desk.namespace}:{copy}"]
    )
    assert not plan.blockers
    try:
        journal = NotedJournal()
        with pytest.raises(PartialError, match="sails/painted is not there: "):
            await desk.carry(plan, journal)
        (missing,) = (text for text in journal.notes if text.startswith("missing: "))
        assert re.search(r"sails/painted: is not there: .*unknown field", missing)
        assert (await sails.older("plain", copy))["spec"] == {"cloth": "hemp"}
    finally:
        await desk.cluster.delete(await desk.cluster.resource("namespaces"), copy)


async def test_a_definition_that_is_updated_brings_the_version_back(desk: RestoreDesk, sails: Sails) -> None:
    """Then nothing has to be put into another version, and nothing is refused."""
    plan = await desk.preview(existing="update", force_conflicts=True)
    assert not plan.blockers, plan.blockers
    assert verdicts(plan)[sails.painted] == "created_unverified"
    await desk.carry(plan)
    await sails.served("v1", "v1beta1")
    assert (await desk.get(f"sails.v1.{sails.group}", "painted"))["spec"]["colour"] == "red"


KNOWN = Kind(
    group="example.com",
    version="v2",
    resource="sails",
    kind="Sail",
    namespaced=True,
    served=("v2", "v1", "v1beta1"),
    preferred="v2",
    resource_version="1",
)


def group(*served: Resource, stay: bool = True, defined: bool = False) -> Group:
    """The kind on a cluster that serves this."""
    definitions = frozenset({"sails.example.com"} if defined else ())
    return group_of(KNOWN, [], served, definitions=definitions, apis=frozenset(), definitions_stay=stay)


def served(versions: Sequence[str], **other: Any) -> list[Resource]:
    """The kind in these versions, in the cluster's order."""
    said: dict[str, Any] = {"kind": "Sail", "namespaced": True} | other
    verbs = ("create", "list")
    return [
        Resource(group="example.com", version=one, plural="sails", verbs=verbs, **said) for one in versions
    ]


def test_the_version_that_both_servers_know_is_taken_in_the_order_of_this_one() -> None:
    """What the backup's server did not know itself was never converted by anybody."""
    assert group(*served(["v3", "v1", "v2"])).stored_as == ""
    found = group(*served(["v3", "v1beta1", "v1"]))
    assert (found.resource.version, found.stored_as, found.refused) == ("v1beta1", "example.com/v2", "")
    unknown = group(*served(["v3"]))
    assert (
        unknown.refused
        == "stored as example.com/v2, this cluster serves example.com/v3, which its own did not"
    )
    assert group(*served(["v1"], namespaced=False)).refused
    assert group(*served(["v1"], kind="Boat")).refused


def test_a_definition_that_is_restored_too_decides_the_version_unless_it_stays() -> None:
    """With `--existing skip` the definition that is there stays as it is."""
    assert group(*served(["v1"]), stay=False, defined=True).resource.version == "v2"
    assert group(*served(["v1"]), stay=True, defined=True).resource.version == "v1"
    assert group(defined=True).resource.version == "v2"


def test_an_owner_is_named_in_the_version_that_is_served() -> None:
    """The garbage collector asks for it by that, and never finds one in a version that nobody serves."""
    (sail,) = served(["v1"])
    owners = Owners(cast("ClusterReader", None), {("example.com/v2", "Sail"): sail}, {})
    owners.made("old", {"metadata": {"uid": "new"}})
    reference = Reference(api_version="example.com/v2", kind="Sail", name="plain", uid="old")
    assert owners.linked((reference,)) == [
        {"apiVersion": "example.com/v1", "kind": "Sail", "name": "plain", "uid": "new"}
    ]
