"""Evict single pods through the Eviction API, so that their budgets are asked; `drain` is for whole nodes.

The same questions are put to each pod as in a drain (`drain.verdicts`), and the server is asked beforehand, by a dry
run, whether a budget forbids it now; then the run waits for the budget until its deadline.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgspec
from pydantic import Field, model_validator

from k8sops.actions.choosing import Chosen, ChosenParams, chosen, of_one_kind
from k8sops.actions.drain.verdicts import DrainFlags, Verdict, daemonset_of, judge
from k8sops.actions.objects.gone import wait_until_gone
from k8sops.actions.planning import make_plan, resting_on_uids, walk_steps
from k8sops.core.clock import Clock
from k8sops.core.errors import (
    ConflictError,
    ForbiddenError,
    K8sOpsError,
    NotFoundError,
    ServerError,
    TooManyRequestsError,
    UsageError,
    WaitError,
)
from k8sops.core.events import Emission, waits
from k8sops.core.journal import Journal
from k8sops.core.object_names import AS_TYPED
from k8sops.core.params import KIND_AND_NAME, PlainText, Seconds, option, positional
from k8sops.core.plan import Finding, Forecast, Plan, Step
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.risk import Risk
from k8sops.forecast.objects import Pod

DEFAULT_GRACE_S: Final = 30
LOOK_AGAIN_S: Final = 2.0
"""How long a spent budget is given where the server does not say (Retry-After)."""


class EvictParams(ChosenParams):
    """Which pods."""

    nothing_named: ClassVar[str] = "name at least one pod, or give --selector"
    targets: tuple[PlainText, ...] = positional(
        f"Pods, by name or as {AS_TYPED}.", metavar="POD...", names=KIND_AND_NAME, default=()
    )
    force: bool = option("Also pods that nothing makes again.", default=False)
    delete_emptydir_data: bool = option("Also pods with emptyDir volumes: their data is lost.", default=False)
    grace_period: int | None = option(
        "Seconds the pod is given to end; its own where not given.", metavar="SECONDS", default=None, ge=0
    )
    timeout: Seconds = Field(
        default=300,
        ge=1,
        le=86_400,
        description="How long to wait for budgets, and until the pods are gone, as in 90s or 5m.",
        json_schema_extra={"x-metavar": "DURATION"},
    )

    @model_validator(mode="before")
    @classmethod
    def _bare_names(cls, given: Any) -> Any:
        return of_one_kind(given, "pods")


class Evict:
    """Evicts single pods, as their budgets allow."""

    name: ClassVar[str] = "evict"
    version: ClassVar[int] = 1

    async def plan(self, params: EvictParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """Judge each pod, and ask the server by a dry run."""
        found = await chosen(params, cluster, "evicted")
        if other := next((one for one in found if one.resource.qualified != "pods"), None):
            raise UsageError(f"{other.target.label} is no pod; nothing was evicted", hint="name pods")
        flags = DrainFlags(
            ignore_daemonsets=True, force=params.force, delete_emptydir_data=params.delete_emptydir_data
        )
        findings, steps = [], []
        for one in found:
            pod = msgspec.convert(one.object, Pod, strict=False)
            verdict = judge(pod, flags, now=clock.now(), daemonset_exists=True)
            findings += _told(one, verdict)
            if verdict.group in {"mirror", "terminating"} or pod.ending:
                continue
            findings += await _budgets(one, cluster)
            steps.append(_step(one, pod, verdict))
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=_summary(steps),
            steps=steps,
            findings=findings,
            requires=resting_on_uids(steps),
            blast_radius={"pods": len(steps)},
            forecast=Forecast(limited_by="how long the pods take to end, and their budgets"),
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Evict one after the other, each under its uid; wait until it is gone."""
        params = EvictParams.model_validate(plan.params)
        pods = await cluster.resource("pods")
        until = journal.clock.monotonic() + params.timeout

        async def evict(step: Step) -> str:
            await _evicted(cluster, journal, step, params.grace_period, until, params.timeout)
            left = max(1.0, until - journal.clock.monotonic())
            await wait_until_gone(cluster, pods, step, timeout_s=left, emit=journal.tell, clock=journal.clock)
            return f"{step.target.label} was evicted and is gone"

        await walk_steps(plan, journal, evict)


async def _evicted(
    cluster: Cluster, journal: Journal, step: Step, grace_s: int | None, until: float, timeout_s: int
) -> None:
    """Send the eviction until a budget allows it, the pod is gone, or the time is over."""
    target = step.target
    began = journal.clock.now()
    while True:
        try:
            await cluster.evict(target.name, target.namespace, uid=target.uid, grace_period_seconds=grace_s)
        except (NotFoundError, ConflictError):
            return  # gone already; under that name there may be another pod, which is left alone
        except TooManyRequestsError as error:
            now = journal.clock.monotonic()
            if now >= until:
                raise WaitError(
                    f"{target.label} could not be evicted within {timeout_s} s: {said_of_budget(error)}",
                    hint="a budget that never opens: see `k8sops get pdb`, or give a longer --timeout",
                ) from error
            data = waits(f"{target.label}: {said_of_budget(error)}", began)
            text = "no budget allows it yet"
            await journal.tell(Emission(kind="progress", step=step.id, text=text, data=data))
            await journal.clock.sleep(min(error.retry_after or LOOK_AGAIN_S, max(0.0, until - now)))
        else:
            return


def said_of_budget(error: TooManyRequestsError) -> str:
    """What the server says of the budget, without what every such answer begins with."""
    return error.message.rpartition("disruption budget. ")[2].rstrip(".")


async def _budgets(one: Chosen, cluster: ClusterReader) -> list[Finding]:
    """What the server says to a dry run of the eviction."""
    target = one.target
    try:
        await cluster.preview_evict(target.name, target.namespace, uid=target.uid)
    except TooManyRequestsError as error:
        text = f"{target.label}: {said_of_budget(error)}; the run waits for it until its deadline"
        return [Finding(level="warning", code="budget_spent", text=text, subjects=(target.label,))]
    except ServerError as error:
        text = f"{target.label} cannot be evicted: {error.message.rpartition('failed with 500: ')[2].rstrip('.')}"
        return [Finding(level="blocker", code="two_budgets", text=text, subjects=(target.label,))]
    except (NotFoundError, ConflictError):
        return []
    except ForbiddenError as error:
        text = f"{target.label} cannot be evicted: {error.message.partition(': ')[2] or error.message}"
        return [Finding(level="blocker", code="refused_by_server", text=text, subjects=(target.label,))]
    except K8sOpsError as error:
        text = f"{target.label}: whether a budget allows it could not be asked: {error.message}"
        return [Finding(level="warning", code="budget_unknown", text=text, subjects=(target.label,))]
    return []


def _told(one: Chosen, verdict: Verdict) -> list[Finding]:
    label = one.target.label
    found = [
        Finding(
            level="blocker" if note.refuses else "note",
            code=note.code,
            text=f"{label} {note.text}",
            subjects=(label,),
            override=note.flag,
        )
        for note in verdict.notes
        if note.code != "daemonset"
    ]
    if verdict.group == "mirror":
        return [msgspec.structs.replace(note, level="blocker", override="") for note in found]
    if verdict.group == "daemonset":
        text = f"{label} belongs to a DaemonSet, which makes it again on the same node"
        found.append(Finding(level="note", code="daemonset", text=text, subjects=(label,)))
    return found


def _step(one: Chosen, pod: Pod, verdict: Verdict) -> Step:
    lost = verdict.group in {"bare", "orphan"} and not daemonset_of(pod)
    return Step(
        id=f"evict/{one.path}",
        verb="evict",
        target=one.target,
        why="nothing makes it again: what it holds is lost" if lost else "its controller makes another",
        before={},
        after={},
        risk=Risk.DESTRUCTIVE if lost else Risk.DISRUPTIVE,
    )


def _summary(steps: list[Step]) -> str:
    if not steps:
        return "Nothing to do: no pod is to be evicted."
    pods = steps[0].target.label if len(steps) == 1 else f"{len(steps)} pods"
    lost = sum(step.risk is Risk.DESTRUCTIVE for step in steps)
    if lost:
        which = "nothing makes it again" if len(steps) == 1 else f"{lost} of them nothing makes again"
        return f"Destructive: {pods} evicted; {which}."
    order = "" if len(steps) == 1 else ", one after the other"
    return f"Disruptive: {pods} evicted{order}, as budgets allow; made again elsewhere."
