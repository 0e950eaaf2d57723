"""Restores of backups of a namespace of a real control plane, and how its objects were before and are after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from k8sops.actions.backups.restoring.action import RestoreBackup, RestoreParams
from k8sops.actions.backups.restoring.stripping import Rewrite, strip
from k8sops.backup.bodies import Cut, Gap
from k8sops.backup.vault.contents import load_contents
from k8sops.backup.vault.items import Facts, Item
from k8sops.backup.vault.writing import Writer, write_backup
from k8sops.core.clock import rfc3339
from k8sops.core.errors import K8sOpsError, NotFoundError
from k8sops.core.plan import Finding, JsonObject, Plan, Step
from tests.actions.backups.backing_up import Desk
from tests.support.journals import NotedJournal

DEADLINE_S = 180.0
ALL_BUT = ("events", "events.events.k8s.io", "leases.coordination.k8s.io")

State = dict[tuple[str, str], JsonObject]
"""Objects by kind and name, without what the API server assigns."""


class RestoreDesk(Desk):
    """Backs up, takes away, restores."""

    def restore_params(self, backup: str = "latest", **said: Any) -> RestoreParams:
        """Of the namespace, unless something else is said."""
        given: dict[str, Any] = {"backup": backup, "namespace": self.namespace}
        return RestoreParams.model_validate(given | said)

    async def preview(self, backup: str = "latest", **said: Any) -> Plan:
        """The plan of a restore."""
        params = self.restore_params(backup, **said)
        return await RestoreBackup(self.repositories).plan(params, self.cluster, self.clock)

    async def carry(
        self, plan: Plan, journal: NotedJournal | None = None, *, deadline_s: float = DEADLINE_S
    ) -> NotedJournal:
        """Carry a plan out; raises what the run would end with."""
        journal = journal or NotedJournal()
        async with asyncio.timeout(deadline_s):
            await RestoreBackup(self.repositories).apply(plan, self.cluster, journal)
        return journal

    async def restore(self, backup: str = "latest", **said: Any) -> Plan:
        """Plan and carry out; there may be no blockers."""
        plan = await self.preview(backup, **said)
        assert not plan.blockers, plan.blockers
        await self.carry(plan)
        return plan

    async def whole_backup(self, **said: Any) -> None:
        """Everything in the namespace, with the namespace, and what belongs to it."""
        await self.back_up(include_kinds=(), **said)

    async def write_with_gap(self, gap: Gap) -> None:
        """A backup of nothing that says it could not read something."""
        opened = await self.repositories.make()
        assert opened.signer is not None
        now = rfc3339(self.clock.now())

        async def facts() -> Facts:
            found = await self.body(1)
            contents = await load_contents(opened.vault, self.cluster.info.uid, found)
            return Facts(
                name="lacking",
                run="",
                began_at=self.clock.now(),
                cluster_name="",
                server_version="v1",
                kinds=contents.kinds,
                cut=Cut(first_at=now, last_at=now, changed=0, read_again=0),
                full_read=True,
                gaps=(gap,),
            )

        async def items() -> AsyncIterator[Item]:
            for key, (uid, version, data) in (await self.objects(1)).items():
                yield Item(key, uid, version, data=data)

        who = Writer(
            cluster=self.cluster.info.uid,
            signer=opened.signer,
            ids=opened.ids,
            encrypt=opened.encrypt,
            selection={},
        )
        await write_backup(opened.vault, who, items(), facts)

    async def state(self, *kinds: str, namespace: str = "", selector: str = "") -> State:
        """Objects as they are now, comparable."""
        found: State = {}
        for kind in kinds:
            resource = await self.cluster.resource(kind)
            where = (namespace or self.namespace) if resource.namespaced else ""
            async for one in self.cluster.list(resource, where, label_selector=selector):
                if one["metadata"]["name"] == "kube-root-ca.crt":
                    continue
                name = one["metadata"]["name"]
                for reference in one["metadata"].get("ownerReferences", ()):
                    reference["uid"] = ""
                found[resource.qualified, name] = strip(resource.qualified, one, Rewrite())
        return found

    async def delete(self, kind: str, name: str) -> None:
        """Delete one object and wait until it is gone."""
        resource = await self.cluster.resource(kind)
        where = self.namespace if resource.namespaced else ""
        await self.cluster.delete(resource, name, where, propagation="Background")
        await self.gone(kind, name)

    async def gone(self, kind: str, name: str) -> None:
        """Wait until it is gone."""
        resource = await self.cluster.resource(kind)
        where = self.namespace if resource.namespaced else ""

        async def missing() -> bool:
            try:
                await self.cluster.get(resource, name, where)
            except NotFoundError:
                return True
            return False

        await eventually(missing)

    async def get(self, kind: str, name: str, namespace: str = "") -> JsonObject:
        """One object."""
        resource = await self.cluster.resource(kind)
        return await self.cluster.get(
            resource, name, (namespace or self.namespace) if resource.namespaced else ""
        )

    async def exists(self, kind: str, name: str, namespace: str = "") -> bool:
        """Whether there is one."""
        try:
            await self.get(kind, name, namespace)
        except NotFoundError:
            return False
        return True


class Full:
    """A quota that takes no Service, and what waits until it does or does not."""

    def __init__(self, desk: RestoreDesk) -> None:
        self.desk = desk

    async def make(self) -> None:
        """Until it refuses."""
        await self.desk.make("resourcequotas", "none", spec={"hard": {"services": "0"}})
        await self._until(refused=True)

    async def remove(self) -> None:
        """Until it refuses nothing any more: admission sees it some time after it is gone."""
        await self.desk.delete("resourcequotas", "none")
        await self._until(refused=False)

    async def _until(self, *, refused: bool) -> None:
        services = await self.desk.cluster.resource("services")
        metadata = {"name": "tried", "namespace": self.desk.namespace}
        manifest = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"ports": [{"port": 1}]},
        }

        async def so() -> bool:
            try:
                await self.desk.cluster.preview_create(services, manifest)
            except K8sOpsError as error:
                # A quota that is not counted yet refuses too, and says something else.
                return refused and "exceeded quota" in error.message
            return not refused

        await eventually(so)


async def eventually(condition: Any, deadline_s: float = DEADLINE_S) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(deadline_s):
        while not await condition():  # noqa: ASYNC110 - the cluster tells of it by being asked
            await asyncio.sleep(0.05)


def finding(plan: Plan, code: str) -> Finding:
    """The finding of a code."""
    return next(one for one in plan.findings if one.code == code)


def verdicts(plan: Plan) -> dict[str, str]:
    """What each listed object would come to, by its label."""
    return {item.target.label: item.group for step in plan.steps if step.bulk for item in step.bulk.items}


def steps_for(plan: Plan, kind: str) -> list[Step]:
    """The steps for a kind."""
    return [step for step in plan.steps if step.target.kind == kind]


def shown(plan: Plan, journal: NotedJournal | None = None, error: K8sOpsError | None = None) -> str:
    """All that anybody is shown of a restore."""
    texts = [msgspec.json.encode(plan).decode(), *(journal.done.values() if journal else ())]
    texts += [msgspec.json.encode(one).decode() for one in journal.told] if journal else []
    texts += [error.message, error.hint] if error else []
    return "\n".join(texts)
