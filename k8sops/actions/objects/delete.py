"""Delete objects: the plan says what goes with them and what may hold them up, the run waits until they are gone.

Every deletion is under the uid that was planned. There is no undo: a plan says so, and a backup is the way back.
"""

from __future__ import annotations

from typing import ClassVar, Final, Literal

import msgspec

from k8sops.actions.choosing import Chosen, ChosenParams, chosen
from k8sops.actions.objects.dependents import Found, dependents_of
from k8sops.actions.objects.gone import wait_until_gone
from k8sops.actions.planning import make_plan, resting_on_uids, walk_steps
from k8sops.core.clock import Clock
from k8sops.core.errors import ConflictError, K8sOpsError, NotFoundError
from k8sops.core.journal import Journal
from k8sops.core.params import Seconds, option
from k8sops.core.plan import Finding, Forecast, Plan, Step, bulk_of
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.risk import Risk, riskiest
from k8sops.core.text import counted
from k8sops.forecast.objects import Pod

PROPAGATION: Final[dict[str, Literal["Background", "Foreground", "Orphan"]]] = {
    "background": "Background",
    "foreground": "Foreground",
    "orphan": "Orphan",
}
NEVER: Final = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})
NAMED: Final = 4


class DeleteParams(ChosenParams):
    """Which objects, and how."""

    cascade: Literal["background", "foreground", "orphan"] = option(
        "What becomes of what they own: gone after them, gone before them, or left behind.",
        default="background",
    )
    grace_period: int | None = option(
        "Seconds a pod is given to end; its own where not given.", metavar="SECONDS", default=None, ge=0
    )
    no_wait: bool = option("Do not wait until they are gone.", default=False)
    timeout: Seconds = option(
        "How long to wait until they are gone, as in 90s or 5m.",
        metavar="DURATION",
        default=300,
        ge=1,
        le=86_400,
    )


class Delete:
    """Deletes objects and waits until they are gone."""

    name: ClassVar[str] = "delete"
    version: ClassVar[int] = 1

    async def plan(self, params: DeleteParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """Read what is meant and what goes with it, and ask the server by a dry run."""
        objects = await chosen(params, cluster, "deleted")
        along = Found(dependents=()) if params.cascade == "orphan" else await dependents_of(objects, cluster)
        steps = [_step(one, along) for one in objects]
        findings = [finding for one in objects for finding in await _findings(one, along, cluster)]
        if along.unread:
            text = (
                f"what goes with them among {', '.join(along.unread)} could not be read, so it is not listed"
            )
            findings.append(
                Finding(level="warning", code="dependents_unread", text=text, subjects=along.unread)
            )
        targets = [one.target for one in objects] + [one.target for one in along.dependents]
        namespaces = {target.namespace for target in targets if target.namespace}
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=_summary(objects, along, steps),
            steps=steps,
            findings=findings,
            requires=resting_on_uids(steps),
            blast_radius={
                "objects": len(targets),
                "targets": len(targets),
                "namespaces": sorted(namespaces | _themselves(objects)),
            },
            forecast=Forecast(limited_by="how long the objects take to be gone"),
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Delete each under its uid; what is gone already is done."""
        params = DeleteParams.model_validate(plan.params)

        async def delete(step: Step) -> str:
            target = step.target
            resource = await cluster.resource(target.kind)
            try:
                await cluster.delete(
                    resource,
                    target.name,
                    target.namespace,
                    uid=target.uid,
                    propagation=PROPAGATION[params.cascade],
                    grace_period_seconds=params.grace_period,
                )
            except NotFoundError:
                return f"{target.label} is gone"
            except ConflictError:
                return f"{target.label} is gone; another one has its name, and stays"
            if params.no_wait:
                return f"{target.label} is being deleted"
            return await wait_until_gone(
                cluster, resource, step, timeout_s=params.timeout, emit=journal.tell, clock=journal.clock
            )

        await walk_steps(plan, journal, delete)


def _step(one: Chosen, along: Found) -> Step:
    items = along.items_of(one.target.uid)
    return Step(
        id=f"delete/{one.path}",
        verb="delete",
        target=one.target,
        why=f"{counted(len(items), 'object goes', 'objects go')} with it"
        if items
        else "nothing goes with it",
        before={"exists": True},
        after={"exists": False},
        risk=risk_of(one),
        bulk=bulk_of(items) if items else None,
    )


def risk_of(one: Chosen) -> Risk:
    """A pod that is made again is disruptive, what has finished is low; all else has no way back."""
    kind = one.resource.qualified
    if kind == "pods":
        pod = msgspec.convert(one.object, Pod, strict=False)
        if pod.finished:
            return Risk.LOW
        return Risk.DISRUPTIVE if pod.metadata.controller else Risk.DESTRUCTIVE
    status = one.object.get("status") or {}
    # Between two tries a Job has failed pods and no active one, and has not finished all the same.
    over = {each["type"] for each in status.get("conditions") or () if each.get("status") == "True"}
    if kind == "jobs.batch" and over & {"Complete", "Failed"}:
        return Risk.LOW
    if kind == "replicasets.apps" and not one.object["spec"].get("replicas") and not status.get("replicas"):
        return Risk.LOW
    return Risk.DESTRUCTIVE


async def _findings(one: Chosen, along: Found, cluster: ClusterReader) -> list[Finding]:
    label = one.target.label
    metadata = one.object["metadata"]
    found = []
    if one.resource.qualified == "namespaces" and one.target.name in NEVER:
        text = f"{label} belongs to Kubernetes itself: it is not deleted here"
        found.append(Finding(level="blocker", code="system_namespace", text=text, subjects=(label,)))
    if metadata.get("deletionTimestamp"):
        text = f"{label} is being deleted already"
        found.append(Finding(level="note", code="being_deleted", text=text, subjects=(label,)))
    if finalizers := metadata.get("finalizers"):
        text = f"{label} goes only once its finalizers have acted: {', '.join(finalizers)}"
        found.append(Finding(level="warning", code="finalizers", text=text, subjects=(label,)))
    held = [other for other in along.dependents if other.of == one.target.uid and other.finalizers]
    if held:
        named = ", ".join(f"{other.target.label} ({', '.join(other.finalizers)})" for other in held[:NAMED])
        more = f" and {len(held) - NAMED} more" if len(held) > NAMED else ""
        text = f"with {label} go objects that have finalizers: {named}{more}"
        found.append(Finding(level="warning", code="finalizers_along", text=text, subjects=(label,)))
    if owner := next(
        (owner for owner in metadata.get("ownerReferences", ()) if owner.get("controller")), None
    ):
        text = f"{label} belongs to {owner['kind']} {owner['name']}, which may make it again"
        found.append(Finding(level="note", code="owned", text=text, subjects=(label,)))
    found += await _asked(one, cluster)
    return found


async def _asked(one: Chosen, cluster: ClusterReader) -> list[Finding]:
    """What admission says: better now than when half of it is deleted."""
    target = one.target
    try:
        await cluster.preview_delete(one.resource, target.name, target.namespace)
    except NotFoundError:
        return []
    except K8sOpsError as error:
        text = f"{target.label} cannot be deleted: {error.message}"
        return [Finding(level="blocker", code="refused_by_server", text=text, subjects=(target.label,))]
    return []


def _themselves(objects: list[Chosen]) -> set[str]:
    return {one.target.name for one in objects if one.resource.qualified == "namespaces"}


def one_of(plural: str) -> str:
    """The word for one object of a kind, from its plural: `ingresses` → `ingress`, `policies` → `policy`."""
    if plural.endswith("ies"):
        return f"{plural[:-3]}y"
    return plural.removesuffix("es") if plural.endswith(("sses", "xes")) else plural.removesuffix("s")


def _summary(objects: list[Chosen], along: Found, steps: list[Step]) -> str:
    risk = riskiest(step.risk for step in steps)
    verdict = {"low": "Safe", "disruptive": "Disruptive"}.get(str(risk), "Destructive")
    what = objects[0].target.label if len(objects) == 1 else f"{len(objects)} objects"
    kinds: dict[str, int] = {}
    for one in along.dependents:
        kind = one.target.kind.split(".", 1)[0]
        kinds[kind] = kinds.get(kind, 0) + 1
    along_too = [
        counted(count, one_of(kind), kind) for kind, count in sorted(kinds.items(), key=lambda pair: -pair[1])
    ]
    rest = f" and {counted(len(along_too) - NAMED, 'more kind')}" if len(along_too) > NAMED else ""
    more = (
        f", and with {'it' if len(objects) == 1 else 'them'} {', '.join(along_too[:NAMED])}{rest}"
        if along_too
        else ""
    )
    back = "" if risk.rank < Risk.DESTRUCTIVE.rank else "; there is no undo"
    return f"{verdict}: {what} deleted{more}{back}."
