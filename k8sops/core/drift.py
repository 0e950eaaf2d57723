"""Whether a plan made again still is the plan that was approved (DESIGN §8, Drift).

A new step, warning, blocker or target, a higher risk, or a required fact with another value voids the plan. Something
that went away, a difference in status alone, or one more object of a kind that moves along anyway, does not.
"""

from __future__ import annotations

from k8sops.core.plan import Finding, Plan, Requirement, Step


def drift_between(approved: Plan, present: Plan) -> tuple[str, ...]:
    """One sentence for each difference that voids the approved plan; empty when it still holds."""
    differences = [
        *_changed_facts(approved, present),
        *_changed_steps(approved, present),
        *_new_findings(approved, present),
    ]
    if present.risk.rank > approved.risk.rank:
        differences.append(f"the risk rose from {approved.risk} to {present.risk}")
    if approved.cluster.uid != present.cluster.uid:
        differences.append("the cluster is another one")
    return tuple(differences)


def _key(requirement: Requirement) -> tuple[str, str, str, str]:
    target = requirement.target
    return target.kind, target.namespace, target.name, requirement.fact


def _changed_facts(approved: Plan, present: Plan) -> list[str]:
    differences = []
    now = {_key(requirement): requirement for requirement in present.requires}
    for requirement in approved.requires:
        found = now.get(_key(requirement))
        label = requirement.target.label
        if found is None:
            continue
        if found.target.uid != requirement.target.uid:
            differences.append(f"{label} was deleted and made again")
        elif found.value != requirement.value:
            differences.append(f"{label}: {requirement.fact} was {requirement.value} and is {found.value}")
    return differences


def _changed_steps(approved: Plan, present: Plan) -> list[str]:
    before = {step.id: step for step in approved.steps}
    differences = []
    for step in present.steps:
        known = before.get(step.id)
        if known is None:
            differences.append(f"a new step: {step.verb} {step.target.label}")
        elif _effect(known) != _effect(step) or step.risk.rank > known.risk.rank:
            differences.append(f"{step.verb} {step.target.label} would now do something else")
        elif new := _new_kinds(known, step):
            differences.append(f"{step.verb} {step.target.label} would now also {new[0]} objects")
    return differences


def _new_kinds(known: Step, step: Step) -> list[str]:
    """Kinds of items that were not in the approved step; more or fewer of a known kind are no drift."""
    before = known.bulk.counts if known.bulk else {}
    return [kind for kind in (step.bulk.counts if step.bulk else {}) if kind not in before]


def _effect(step: Step) -> tuple[object, ...]:
    return step.verb, step.target, step.before, step.after


def _new_findings(approved: Plan, present: Plan) -> list[str]:
    def keys(findings: tuple[Finding, ...]) -> dict[tuple[str, str, tuple[str, ...]], Finding]:
        return {
            (finding.level, finding.code, tuple(sorted(finding.subjects))): finding
            for finding in findings
            if finding.level != "note"
        }

    known = keys(approved.findings)
    return [
        f"a new {finding.level}: {finding.text}"
        for key, finding in keys(present.findings).items()
        if key not in known
    ]
