"""Suspend and resume a CronJob, and trigger it now: a Job made from its template, as `kubectl create job --from` does.

The Job's name follows from the plan, so that a run that is taken over finds the Job it made instead of making another.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from typing import Any, ClassVar, Final

from pydantic import model_validator

from k8sops.actions.choosing import Chosen, ChosenParams, chosen, of_one_kind
from k8sops.actions.locked_patch import patch_locked
from k8sops.actions.planning import make_plan, no_change, resting_on, walk_steps
from k8sops.core.clock import Clock
from k8sops.core.errors import AlreadyExistsError, DriftedError, UsageError
from k8sops.core.journal import Journal
from k8sops.core.object_names import AS_TYPED
from k8sops.core.params import KIND_AND_NAME, PlainText, positional
from k8sops.core.plan import Finding, Forecast, JsonObject, Plan, Requirement, Step
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.risk import Risk

CRON_JOBS: Final = "cronjobs.batch"
SUFFIX_LENGTH: Final = 6
LONGEST_JOB_NAME: Final = 63
MADE_BY: Final = "k8sops.dev/plan"
SECONDS_PER_OBJECT: Final = 0.1


class CronJobParams(ChosenParams):
    """Which CronJobs."""

    nothing_named: ClassVar[str] = "name at least one CronJob, or give --selector"
    targets: tuple[PlainText, ...] = positional(
        f"CronJobs, by name or as {AS_TYPED}.", metavar="CRONJOB...", names=KIND_AND_NAME, default=()
    )

    @model_validator(mode="before")
    @classmethod
    def _bare_names(cls, given: Any) -> Any:
        return of_one_kind(given, CRON_JOBS)


async def _cron_jobs(params: ChosenParams, cluster: ClusterReader, doing: str) -> list[Chosen]:
    found = await chosen(params, cluster, doing)
    for one in found:
        if one.resource.qualified != CRON_JOBS:
            raise UsageError(
                f"{one.target.label} is no CronJob; nothing was {doing}",
                hint="name CronJobs, as in cronjob/nightly-export",
            )
    return found


class _SetSuspended:
    name: ClassVar[str]
    version: ClassVar[int] = 1
    suspended: ClassVar[bool]
    inverse: ClassVar[str]
    why: ClassVar[str]

    async def plan(self, params: CronJobParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """Read `spec.suspend` of each."""
        jobs = await _cron_jobs(params, cluster, f"{self.name.removesuffix('e')}ed")
        to_change = [one for one in jobs if _is_suspended(one.object) != self.suspended]
        steps = [self._step(one) for one in to_change]
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=self._summary(to_change),
            steps=steps,
            findings=[*_as_wanted(jobs, to_change), *(_running(one) for one in to_change if _active(one))],
            requires=resting_on(steps),
            blast_radius={"cron_jobs": len(steps)},
            forecast=Forecast(seconds=SECONDS_PER_OBJECT * len(steps)),
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Write `spec.suspend` of each."""
        resource = await cluster.resource(CRON_JOBS)

        async def write(step: Step) -> str:
            return await patch_locked(
                cluster,
                resource,
                step,
                facts=lambda found: {"spec.suspend": _is_suspended(found)},
                body=lambda _: {"spec": {"suspend": self.suspended}},
                done=f"{step.target.label} {'is suspended' if self.suspended else 'runs by its schedule again'}",
            )

        await walk_steps(plan, journal, write)

    def _step(self, one: Chosen) -> Step:
        target = one.target
        return Step(
            id=f"{self.name}/{one.path}",
            verb=self.name,
            target=target,
            why=self.why,
            before={"spec.suspend": not self.suspended},
            after={"spec.suspend": self.suspended},
            risk=Risk.LOW,
            undo={
                "action": self.inverse,
                "params": {"targets": [one.argument], "namespace": target.namespace},
                "command": shlex.join(["k8sops", self.inverse, one.argument, "-n", target.namespace]),
            },
        )

    def _summary(self, to_change: list[Chosen]) -> str:
        if not to_change:
            return f"Nothing to do: all {'are suspended' if self.suspended else 'run by their schedule'} already."
        names = ", ".join(f"{one.target.namespace}/{one.target.name}" for one in to_change)
        one = len(to_change) == 1
        effect = (
            f"make{'s' * one} no new jobs; a job that runs goes on"
            if self.suspended
            else f"make{'s' * one} jobs by {'its' if one else 'their'} schedule again"
        )
        return f"Safe: {names} {effect}."


class Suspend(_SetSuspended):
    """Stops CronJobs from making jobs."""

    name = "suspend"
    suspended = True
    inverse = "resume"
    why = "it must make no new jobs for now"


class Resume(_SetSuspended):
    """Lets CronJobs make jobs again."""

    name = "resume"
    suspended = False
    inverse = "suspend"
    why = "it is to make jobs by its schedule again"


class Trigger:
    """Makes a Job from a CronJob's template, now."""

    name: ClassVar[str] = "trigger"
    version: ClassVar[int] = 1

    async def plan(self, params: CronJobParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """One job for each CronJob; one that runs already beside it is told."""
        jobs = await _cron_jobs(params, cluster, "triggered")
        names = ", ".join(f"{one.target.namespace}/{one.target.name}" for one in jobs)
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=f"Disruptive: {names} run{'s' * (len(jobs) == 1)} once, now, beside what its schedule makes.",
            steps=[_trigger_step(one) for one in jobs],
            findings=[_running(one) for one in jobs if _active(one)],
            requires=[
                Requirement(target=one.target, fact="spec.jobTemplate (sha256)", value=_hash(one.object))
                for one in jobs
            ],
            blast_radius={"jobs": len(jobs)},
            forecast=Forecast(limited_by="how long the job takes, which is not waited for"),
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Create each Job under a name of this plan's. Raises DriftedError where the CronJob is another one now."""
        cron_jobs = await cluster.resource(CRON_JOBS)
        jobs = await cluster.resource("jobs.batch")

        async def make(step: Step) -> str:
            target = step.target
            found = await cluster.get(cron_jobs, target.name, target.namespace)
            if found["metadata"]["uid"] != target.uid:
                raise DriftedError(f"{target.label} was deleted and made again", hint="plan again")
            manifest = job_manifest(found, plan)
            name = manifest["metadata"]["name"]
            try:
                await cluster.create(jobs, manifest)
            except AlreadyExistsError:
                there = await cluster.get(jobs, name, target.namespace)
                if (there["metadata"].get("annotations") or {}).get(MADE_BY) != plan.digest:
                    raise
            return f"job {target.namespace}/{name} was made"

        await walk_steps(plan, journal, make)


def job_manifest(cron_job: JsonObject, plan: Plan) -> JsonObject:
    """The Job of one plan for one CronJob: the same however often it is asked for."""
    metadata: dict[str, Any] = cron_job["metadata"]
    template: dict[str, Any] = cron_job["spec"]["jobTemplate"]
    seed = f"{plan.digest} {plan.made_at.isoformat()} {metadata['uid']}"
    suffix = base64.b32encode(hashlib.sha256(seed.encode()).digest()).decode().lower()[:SUFFIX_LENGTH]
    own: dict[str, Any] = template.get("metadata") or {}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"{metadata['name'][: LONGEST_JOB_NAME - SUFFIX_LENGTH - 1]}-{suffix}",
            "namespace": metadata["namespace"],
            "labels": own.get("labels") or {},
            "annotations": (own.get("annotations") or {})
            | {"cronjob.kubernetes.io/instantiate": "manual", MADE_BY: plan.digest},
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "kind": "CronJob",
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                    "controller": True,
                }
            ],
        },
        "spec": template["spec"],
    }


def _trigger_step(one: Chosen) -> Step:
    return Step(
        id=f"trigger/{one.path}",
        verb="trigger",
        target=one.target,
        why="a run of it was asked for, out of its schedule",
        before={},
        after={"a job from its template": "made"},
        risk=Risk.DISRUPTIVE,
    )


def _hash(cron_job: JsonObject) -> str:
    """Of the template: a job of another template than the approved one must not be made."""
    return hashlib.sha256(repr(cron_job["spec"]["jobTemplate"]).encode()).hexdigest()[:16]


def _is_suspended(cron_job: JsonObject) -> bool:
    return bool(cron_job["spec"].get("suspend", False))


def _active(one: Chosen) -> list[JsonObject]:
    found: list[JsonObject] = (one.object.get("status") or {}).get("active") or []
    return found


def _as_wanted(jobs: list[Chosen], to_change: list[Chosen]) -> list[Finding]:
    labels = [one.target.label for one in jobs if one not in to_change]
    if not labels:
        return []
    text = f"{', '.join(labels)}: as wanted already, left as it is"
    return [no_change(text, *labels)]


def _running(one: Chosen) -> Finding:
    label = one.target.label
    names = ", ".join(str(job.get("name", "")) for job in _active(one))
    return Finding(
        level="note", code="job_running", text=f"{label} has a job that runs: {names}", subjects=(label,)
    )
