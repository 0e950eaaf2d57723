"""Restart workloads: a new annotation in the pod template, so that their controllers replace every pod in their way.

The same annotation as `kubectl rollout restart` writes, with the time the plan was made; so a run that is taken over
finds its own mark and restarts nothing twice.
"""

from __future__ import annotations

from typing import ClassVar

from k8sops.actions.choosing import Chosen
from k8sops.actions.planning import make_plan
from k8sops.actions.rollouts.templates import RESTARTED_AT, template_hash
from k8sops.actions.rollouts.workloads import (
    TEMPLATE,
    WorkloadParams,
    hindrances,
    pods_of,
    requirement,
    roll_out,
    workloads,
    write_template,
)
from k8sops.core.clock import Clock, rfc3339
from k8sops.core.journal import Journal
from k8sops.core.params import option
from k8sops.core.plan import Forecast, JsonObject, Plan, Step
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.risk import Risk


class RestartParams(WorkloadParams):
    """Which workloads, and how many at a time."""

    wave: int = option(
        "How many workloads to restart at a time, each wave complete before the next; 0 is all.",
        default=0,
        ge=0,
        le=1000,
        metavar="N",
    )


class Restart:
    """Replaces every pod of workloads, as their update strategy says."""

    name: ClassVar[str] = "restart"
    version: ClassVar[int] = 1

    async def plan(self, params: RestartParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """One step for each workload."""
        found = await workloads(params, cluster, "restarted")
        pods = sum(pods_of(one) for one in found)
        what = found[0].target.label if len(found) == 1 else f"{len(found)} workloads"
        waves = f", {params.wave} at a time" if params.wave and len(found) > params.wave else ""
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=f"Disruptive: {what} restarted{waves}; {pods} pods replaced as the update strategy says.",
            steps=[_step(one) for one in found],
            findings=[finding for one in found for finding in hindrances(one)],
            requires=[requirement(one) for one in found],
            blast_radius={"workloads": len(found), "pods": pods},
            forecast=Forecast(limited_by="how fast pods start and end"),
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Mark each template with the time of the plan, and wait for the rollouts."""
        params = RestartParams.model_validate(plan.params)
        mark = rfc3339(plan.made_at)

        def is_marked(found: JsonObject) -> bool:
            annotations = (found["spec"]["template"].get("metadata") or {}).get("annotations") or {}
            return bool(annotations.get(RESTARTED_AT) == mark)

        async def write(step: Step) -> str:
            body = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: mark}}}}}
            done = f"{step.target.label} is restarting"
            return await write_template(cluster, step, body, stands=is_marked, done=done)

        await roll_out(plan, cluster, journal, write, wave=params.wave)


def _step(one: Chosen) -> Step:
    return Step(
        id=f"restart/{one.path}",
        verb="restart",
        target=one.target,
        why="its pods are to be replaced by new ones of the same template",
        before={TEMPLATE: template_hash(one.object)},
        after={TEMPLATE: "the same, marked as restarted"},
        risk=Risk.DISRUPTIVE,
    )
