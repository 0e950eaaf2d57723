"""Moments from our own runs: who asked for what, who agreed, when it was carried out and how that ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from k8sops.core.plan import Plan, Target
from k8sops.core.run import Run, RunState
from k8sops.core.text import counted
from k8sops.core.timeline import Moment, nanoseconds
from k8sops.timeline.facts import sentence, subject

MOST_FAILED_STEPS: Final = 20
MOST_TARGETS: Final = 200
BEGINNINGS: Final = ("asked for by", "approved by", "denied by", "began")
"""How the texts begin of what comes before the cluster is changed."""
_BAD: Final = frozenset({RunState.FAILED, RunState.NEEDS_REVIEW, RunState.VOID})
_KINDS: Final = {
    f"{kind.lower()}s": kind
    for kind in (
        *("Pod", "Node", "Namespace", "Service", "Secret", "ConfigMap", "PersistentVolumeClaim"),
        *("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"),
        *("HorizontalPodAutoscaler", "PodDisruptionBudget"),
    )
}


def moments_of_run(run: Run) -> tuple[Moment, ...]:
    """Its proposal, votes, start, failed steps and end, as far as each came to be."""
    return tuple(_moments(run))


def targets_of_run(run: Run) -> tuple[str, ...]:
    """The subjects it changes, as moments name them; of very many only the first."""
    return tuple(dict.fromkeys(target_subject(step.target) for step in run.plan.steps[:MOST_TARGETS]))


def target_subject(target: Target) -> str:
    """`deployments.apps` shop/web as `Deployment shop/web`; a kind that tells of no moments stays in the plural."""
    plural = target.kind.partition(".")[0]
    return subject(_KINDS.get(plural, plural), target.namespace, target.name)


def _moments(run: Run) -> Iterator[Moment]:
    about = f"run {run.id}"
    started = run.started_at is not None
    if run.proposed_at is not None:
        asked = f"asked for by {run.who}: {_what(run.plan)}: {sentence(run.plan.summary)}"
        why = f" ({sentence(run.reason)})" if run.reason else ""
        yield Moment(at_ns=nanoseconds(run.proposed_at), matter="run", subject=about, text=f"{asked}{why}")
    for vote in run.approvals:
        word = "approved" if vote.vote.verdict == "approve" else "denied"
        reason = f" ({sentence(vote.vote.reason)})" if vote.vote.reason else ""
        text = f"{word} by {vote.who}{reason}"
        yield Moment(at_ns=nanoseconds(vote.at), matter="run", subject=about, text=text)
    if run.started_at is not None:
        yield Moment(
            at_ns=nanoseconds(run.started_at),
            matter="run",
            subject=about,
            text=f"began: {_what(run.plan)}",
            targets=targets_of_run(run),
        )
    failed = [event for event in run.events if event.kind == "step_failed"]
    for event in failed[:MOST_FAILED_STEPS]:
        yield Moment(
            at_ns=nanoseconds(event.at), matter="run", subject=about, text=sentence(event.text), bad=True
        )
    if len(failed) > MOST_FAILED_STEPS:
        text = f"{counted(len(failed) - MOST_FAILED_STEPS, 'more step')} failed"
        at = nanoseconds(failed[MOST_FAILED_STEPS].at)
        yield Moment(at_ns=at, matter="run", subject=about, text=text, bad=True)
    if run.ended_at is not None:
        state = run.state.replace("_", " ")
        told = run.outcome or (run.error.message if run.error is not None else "")
        said = sentence(told.removeprefix("done: "))
        bad = run.state in _BAD and started
        # Most outcomes begin with the state already.
        text = said if said.startswith(state) else f"{state}{f': {said}' if said else ''}"
        yield Moment(at_ns=nanoseconds(run.ended_at), matter="run", subject=about, text=text, bad=bad)


def _what(plan: Plan) -> str:
    """`scale, Deployment shop/web and 2 more`."""
    targets = list(dict.fromkeys(target_subject(step.target) for step in plan.steps))
    if not targets:
        return plan.action
    more = f" and {len(targets) - 1} more" if len(targets) > 1 else ""
    return f"{plan.action} {targets[0]}{more}"
