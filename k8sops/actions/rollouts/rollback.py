"""Roll a workload back to an earlier revision: the plan shows what differs in the pod template, path by path."""

from __future__ import annotations

from typing import ClassVar, Final

from k8sops.actions.choosing import Chosen
from k8sops.actions.planning import make_plan, no_change
from k8sops.actions.rollouts.revisions import (
    Revision,
    present_number,
    revision_to_go_to,
    revisions_of,
)
from k8sops.actions.rollouts.templates import differences, runs_the_same, template_hash, template_of
from k8sops.actions.rollouts.workloads import (
    TEMPLATE,
    WorkloadParams,
    back,
    hindrances,
    pods_of,
    requirement,
    roll_out,
    workloads,
    write_template,
)
from k8sops.core.clock import Clock
from k8sops.core.errors import DriftedError, UsageError
from k8sops.core.journal import Journal
from k8sops.core.params import option
from k8sops.core.plan import Finding, Forecast, Plan, Step
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.risk import Risk
from k8sops.core.text import counted

REVISION: Final = "revision"


class RollbackParams(WorkloadParams):
    """Which workload, and to which revision."""

    to_revision: int = option(
        "The revision to go back to; 0 is the one before.", default=0, ge=0, metavar="REVISION"
    )


class Rollback:
    """Gives workloads the pod template of an earlier revision."""

    name: ClassVar[str] = "rollback"
    version: ClassVar[int] = 1

    async def plan(self, params: RollbackParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """Find the revision and compare. Raises UsageError where it is not kept any more."""
        found = await workloads(params, cluster, "rolled back")
        if params.to_revision and len(found) > 1:
            raise UsageError("--to-revision is for one workload: each counts its own revisions")
        steps, findings = [], []
        for one in found:
            revisions = await revisions_of(cluster, one.resource, one.object)
            sha = template_hash(one.object)
            wanted = revision_to_go_to(one.target.label, revisions, sha, params.to_revision)
            if wanted.template_sha == sha:
                findings.append(_same(one, wanted))
                continue
            steps.append(_step(one, wanted, present_number(revisions, sha)))
            findings += [*hindrances(one), *_only_restarted(one, wanted, revisions)]
        changing = [one for one in found if any(step.target == one.target for step in steps)]
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=_summary(steps, sum(pods_of(one) for one in changing)),
            steps=steps,
            findings=findings,
            requires=[requirement(one) for one in changing],
            blast_radius={"workloads": len(steps), "pods": sum(pods_of(one) for one in changing)},
            forecast=Forecast(limited_by="how fast pods start and end"),
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Write the earlier template whole, and wait for the rollout."""

        async def write(step: Step) -> str:
            target = step.target
            sha = str(step.after[TEMPLATE])
            resource = await cluster.resource(target.kind)
            workload = await cluster.get(resource, target.name, target.namespace)
            kept = await revisions_of(cluster, resource, workload)
            # By its hash, since a number moves on when a revision becomes the present one again.
            wanted = next((one for one in reversed(kept) if one.template_sha == sha), None)
            if wanted is None:
                raise DriftedError(
                    f"revision {step.after[REVISION]} of {target.label} is no longer kept", hint="plan again"
                )
            body = {"spec": {"template": {"$patch": "replace", **wanted.template}}}
            done = f"{target.label} has the template of revision {step.after[REVISION]}"
            return await write_template(
                cluster, step, body, stands=lambda found: template_hash(found) == sha, done=done
            )

        await roll_out(plan, cluster, journal, write)


def _step(one: Chosen, wanted: Revision, present: int) -> Step:
    before, after = differences(template_of(one.object), wanted.template)
    cause = f": {wanted.cause}" if wanted.cause else ""
    return Step(
        id=f"rollback/{one.path}",
        verb="rollback",
        target=one.target,
        why=f"revision {wanted.number} was asked for{cause}",
        before={REVISION: present, **before, TEMPLATE: template_hash(one.object)},
        after={REVISION: wanted.number, **after, TEMPLATE: wanted.template_sha},
        risk=Risk.DISRUPTIVE,
        undo=back("rollback", one, {"to_revision": present}, "--to-revision", str(present))
        if present
        else None,
    )


def _only_restarted(one: Chosen, wanted: Revision, revisions: list[Revision]) -> list[Finding]:
    """A restart makes a revision too: going back over it changes nothing that runs, which is seldom what is meant."""
    present = template_of(one.object)
    if not runs_the_same(present, wanted.template):
        return []
    label = one.target.label
    text = f"revision {wanted.number} of {label} differs from the present one only by a restart"
    others = [
        each
        for each in revisions
        if each.number < wanted.number and not runs_the_same(present, each.template)
    ]
    if others:
        text += (
            f"; the newest that runs something else is {others[-1].number}: --to-revision {others[-1].number}"
        )
    return [Finding(level="warning", code="only_restarted", text=text, subjects=(label,))]


def _same(one: Chosen, wanted: Revision) -> Finding:
    label = one.target.label
    return no_change(f"{label} has the template of revision {wanted.number} already", label)


def _summary(steps: list[Step], pods: int) -> str:
    if not steps:
        return "Nothing to do: the template is that of the wanted revision already."
    if len(steps) > 1:
        return (
            f"Disruptive: {len(steps)} workloads go back to their revision before; {pods} pods are replaced."
        )
    (step,) = steps
    fields = [path for path in step.after if path not in {REVISION, TEMPLATE}]
    images = [f"{step.before.get(path)} → {step.after[path]}" for path in fields if path.endswith(".image")]
    what = (
        images[0]
        if images
        else f"{counted(len(fields), 'field')} of its template {'changes' if len(fields) == 1 else 'change'}"
    )
    return (
        f"Disruptive: {step.target.label} goes from revision {step.before[REVISION]} to "
        f"{step.after[REVISION]} ({what}); {pods} pods are replaced."
    )
