"""Whether conditions hold, and if not, which of them fails first, in words.

A rule's `match` holds if any object of the plan fits; its `unless` only if all do. What a plan does not tell fits a
`match` and fits no `unless`, so that silence never loosens anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Literal

from k8sops.core.risk import Risk
from k8sops.policy.expression import Condition, ConditionError
from k8sops.policy.facts import Facts, PlanObject
from k8sops.policy.rule_model import Match
from k8sops.policy.windows import Window

Quantifier = Literal["any", "all"]


class Matcher:
    """A `match` or `unless`, ready to be asked."""

    def __init__(self, match: Match, *, quantifier: Quantifier, least_risk: Risk | None = None) -> None:
        self._match = match
        self._quantifier = quantifier
        self._least = match.risk or least_risk
        self._windows: tuple[Window, ...] = tuple(text.window() for text in match.within)
        self._condition = Condition(match.when) if match.when else None

    def failing(self, facts: Facts) -> str:
        """The first condition that does not hold, as a sentence; empty where all do. Raises ConditionError."""
        cheap = next((text for text in self._conditions(facts) if text), "")
        if cheap or self._condition is None:
            return cheap
        try:
            holds = self._condition.holds(facts.variables)
        except ConditionError as error:
            raise ConditionError(
                f"the condition {shortened(self._condition.source)} fails: {error}"
            ) from error
        return "" if holds else f"the condition {shortened(self._condition.source)} is false"

    def untold(self, facts: Facts) -> str:
        """What the plan did not tell, where that is why the conditions hold; as a clause."""
        match = self._match
        if match.namespaces and facts.untold:
            return "the plan does not tell all namespaces it touches, which counts as matching"
        if match.labels and all(one.labels is None for one in facts.objects):
            return "the plan does not tell its objects' labels, which counts as matching"
        return ""

    def _conditions(self, facts: Facts) -> Iterator[str]:
        match = self._match
        yield _names(match.actions, facts.action_names, "the action is")
        yield _names(match.clusters, facts.cluster_names, "the cluster is")
        if match.cluster_labels:
            labels = facts.pin.labels if facts.pin is not None else {}
            yield _labels_failing(match.cluster_labels, labels, "the cluster's label")
        if match.environments and facts.environment not in match.environments:
            yield f"the environment is {facts.environment}, not {listed(match.environments)}"
        yield self._risk(facts)
        yield self._objects(facts)
        if self._windows and not any(window.holds(facts.request.now) for window in self._windows):
            yield "it is outside the time windows"
        yield self._who(facts)
        yield self._how(facts)

    def _risk(self, facts: Facts) -> str:
        if self._least is not None and facts.risk.rank < self._least.rank:
            return f"the risk is {facts.risk}, less than {self._least}"
        most = self._match.risk_at_most
        if most is None:
            return ""
        risk = facts.risk if self._quantifier == "all" else facts.least_risk
        return f"the risk is {risk}, more than {most}" if risk.rank > most.rank else ""

    def _objects(self, facts: Facts) -> str:
        match = self._match
        if not match.namespaces and not match.labels:
            return ""
        strict = self._quantifier == "any"
        if facts.untold and (strict or match.namespaces):
            return "" if strict else "the plan does not tell all namespaces it touches"
        failing = [self._object_failing(one, facts) for one in self._candidates(facts)]
        if strict:
            return "" if not all(failing) else (failing[0] if failing else "the plan has no objects")
        return next((text for text in failing if text), "") if failing else "the plan has no objects"

    def _candidates(self, facts: Facts) -> Iterable[PlanObject]:
        yield from facts.objects if self._match.labels else facts.one_per_namespace
        # A bulk step's items lie in an attachment: of the objects in its namespaces nothing more is told.
        told = set() if facts.plan.attachments else {one.namespace for one in facts.objects}
        for namespace in sorted(facts.namespaces - told):
            yield PlanObject(f"namespace {namespace}", namespace, None)

    def _object_failing(self, one: PlanObject, facts: Facts) -> str:
        match = self._match
        if match.namespaces:
            if not one.namespace:
                return f"{one.label} is in no namespace"
            if failing := _names(match.namespaces, (one.namespace,), f"{one.label} is in namespace"):
                return failing
        if match.labels:
            if one.labels is None:
                return (
                    "" if self._quantifier == "any" else f"the plan does not tell the labels of {one.label}"
                )
            return _labels_failing(match.labels, one.labels, f"{one.label}'s label")
        return ""

    def _who(self, facts: Facts) -> str:
        match, person = self._match, facts.request.person
        wanted = (*match.groups, *match.roles)
        if match.people or wanted:
            known = person.name in match.people if person.mapped else False
            if not known and not (person.mapped and set(wanted) & set(person.groups)):
                who = person.name or "nobody the policy knows"
                return f"who asks is {who}, not {listed((*match.people, *wanted))}"
        if match.mapped is not None and match.mapped != person.mapped:
            return "the policy knows who asks" if person.mapped else "the policy does not know who asks"
        return ""

    def _how(self, facts: Facts) -> str:
        match, request = self._match, facts.request
        if match.surfaces and request.surface not in match.surfaces:
            return f"it is asked for from {request.surface}, not {listed(match.surfaces)}"
        if match.emergency is not None and match.emergency != request.emergency:
            return "it is an emergency" if request.emergency else "it is no emergency"
        if match.scheduled is not None and match.scheduled != bool(request.schedule):
            return "a schedule asks" if request.schedule else "no schedule asks"
        return ""


def fits(globs: Iterable[str], names: Iterable[str]) -> bool:
    """Whether any glob fits any name, case and all."""
    return any(fnmatchcase(name, glob) for glob in globs for name in names)


def listed(names: Iterable[str]) -> str:
    """`a, b or c`, at most five of them."""
    found = list(names)
    shown = found[:5]
    if len(found) > len(shown):
        return f"{', '.join(shown)} or another {len(found) - len(shown)}"
    return " or ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def shortened(text: str) -> str:
    """An expression in a sentence."""
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:79] + "…"


def _names(globs: tuple[str, ...], names: tuple[str, ...], lead: str) -> str:
    if not globs or fits(globs, names):
        return ""
    return f"{lead} {names[-1] if len(names) == 1 else names[1]}, not {listed(globs)}"


def _labels_failing(wanted: Mapping[str, str], found: Mapping[str, str], lead: str) -> str:
    for key, glob in wanted.items():
        value = found.get(key)
        if value is None:
            return f"{lead} {key} is not set"
        if not fnmatchcase(value, glob):
            return f"{lead} {key} is {value}, not {glob}"
    return ""
