"""Pause and resume a Deployment's rollouts, and follow one without changing anything."""

from __future__ import annotations

from typing import ClassVar

from k8sops.actions.choosing import Chosen, ChosenParams
from k8sops.actions.locked_patch import patch_locked
from k8sops.actions.planning import make_plan, no_change, resting_on, walk_steps
from k8sops.actions.rollouts.progress import rollout_state
from k8sops.actions.rollouts.workloads import WorkloadParams, back, pods_of, roll_out, workloads
from k8sops.core.clock import Clock
from k8sops.core.errors import UsageError
from k8sops.core.journal import Journal
from k8sops.core.plan import Finding, Forecast, Plan, Step
from k8sops.core.ports import Cluster, ClusterReader
from k8sops.core.risk import Risk


class PauseParams(ChosenParams):
    """Which Deployments."""


class _SetPaused:
    name: ClassVar[str]
    version: ClassVar[int] = 1
    paused: ClassVar[bool]
    inverse: ClassVar[str]

    async def plan(self, params: PauseParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """Read `spec.paused` of each. Raises UsageError for what cannot be paused."""
        word = "paused" if self.paused else "resumed"
        found = await workloads(params, cluster, word)
        if other := next((one for one in found if one.resource.qualified != "deployments.apps"), None):
            raise UsageError(
                f"{other.target.label} cannot be {word}: only Deployments have that; nothing was {word}"
            )
        changing = [one for one in found if bool(one.object["spec"].get("paused")) != self.paused]
        steps = [self._step(one) for one in changing]
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=self._summary(changing),
            steps=steps,
            findings=[_as_wanted(one, word) for one in found if one not in changing],
            requires=resting_on(steps),
            blast_radius={"workloads": len(steps)},
            forecast=Forecast(seconds=0.1 * len(steps)),
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Write `spec.paused` of each."""

        async def write(step: Step) -> str:
            return await patch_locked(
                cluster,
                await cluster.resource(step.target.kind),
                step,
                facts=lambda found: {"spec.paused": bool(found["spec"].get("paused"))},
                body=lambda _: {"spec": {"paused": self.paused or None}},
                done=f"{step.target.label} is {'paused' if self.paused else 'resumed'}",
            )

        await walk_steps(plan, journal, write)

    def _step(self, one: Chosen) -> Step:
        return Step(
            id=f"{self.name}/{one.path}",
            verb="pause" if self.paused else "resume",
            target=one.target,
            why="changes of its template are to be held"
            if self.paused
            else "held changes are to be rolled out",
            before={"spec.paused": not self.paused},
            after={"spec.paused": self.paused},
            # What was changed while it was paused is rolled out at once.
            risk=Risk.DISRUPTIVE if not self.paused and _holds_a_change(one) else Risk.LOW,
            undo=back(self.inverse, one, {}),
        )

    def _summary(self, changing: list[Chosen]) -> str:
        if not changing:
            return f"Nothing to do: {'paused' if self.paused else 'not paused'} already."
        names = ", ".join(one.target.label for one in changing)
        if self.paused:
            return f"Safe: {names} paused; changes of the template wait, running pods stay."
        if any(map(_holds_a_change, changing)):
            return f"Disruptive: {names} resumed; what was changed meanwhile is rolled out at once."
        return f"Safe: {names} resumed; nothing was changed meanwhile."


class RolloutPause(_SetPaused):
    """Holds changes of Deployments' templates."""

    name = "rollout-pause"
    paused = True
    inverse = "rollout-resume"


class RolloutResume(_SetPaused):
    """Rolls out what was held."""

    name = "rollout-resume"
    paused = False
    inverse = "rollout-pause"


class RolloutStatus:
    """Follows rollouts until they are complete; changes nothing."""

    name: ClassVar[str] = "rollout-status"
    version: ClassVar[int] = 1

    async def plan(self, params: WorkloadParams, cluster: ClusterReader, clock: Clock) -> Plan:
        """How each stands; those under way are followed."""
        found = await workloads(params, cluster, "followed")
        states = [(one, rollout_state(one.object, one.resource.qualified)) for one in found]
        going = [one for one, state in states if not state.complete]
        said = "; ".join(
            f"{one.target.label}: {state.stuck or state.missing or f'complete, {state.available} of {state.wanted}'}"
            for one, state in states
        )
        return make_plan(
            self,
            params,
            cluster.info,
            clock,
            summary=f"{'Under way' if going else 'Complete'}: {said}.",
            steps=[_follow_step(one) for one in going],
        )

    async def apply(self, plan: Plan, cluster: Cluster, journal: Journal) -> None:
        """Wait for each rollout."""

        async def look(step: Step) -> str:
            return f"following the rollout of {step.target.label}"

        await roll_out(plan, cluster, journal, look)


def _follow_step(one: Chosen) -> Step:
    return Step(
        id=f"rollout-status/{one.path}",
        verb="follow",
        target=one.target,
        why="its rollout is under way",
        before={},
        after={},
        risk=Risk.READ,
    )


def _holds_a_change(one: Chosen) -> bool:
    """Whether pods are of an older template; that some are not ready comes and goes, and is nothing that is held."""
    state = rollout_state(one.object, one.resource.qualified)
    return state.updated < state.wanted or pods_of(one) > state.updated


def _as_wanted(one: Chosen, word: str) -> Finding:
    label = one.target.label
    return no_change(f"{label} is {word} already", label)
