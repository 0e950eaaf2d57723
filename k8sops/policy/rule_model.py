"""Rules and freezes as people write them: when they apply, where they do not, and what they ask for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from k8sops.core.actor import Surface
from k8sops.core.params import Seconds
from k8sops.core.risk import Risk
from k8sops.policy.parts import Environment, Glob, GroupName, Name, Part, RuleName, Sentence
from k8sops.policy.windows import Window, parse_window

Effect = Literal["allow", "confirm", "approve", "deny"]
EFFECTS: tuple[Effect, ...] = ("allow", "confirm", "approve", "deny")
MOST_APPROVALS = 20


class WindowText(Part):
    """A window of time; `k8sops.policy.windows` shows the forms."""

    begin: Annotated[str, StringConstraints(max_length=40)] = Field(alias="from")
    end: Annotated[str, StringConstraints(max_length=40)] = Field(alias="to")
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ()
    """With `from` and `to` as HH:MM: the days a window begins on. None: every day."""
    zone: Annotated[str, StringConstraints(max_length=64)] = "UTC"
    """A name of the time zone database, such as Europe/Berlin."""

    @model_validator(mode="after")
    def _understood(self) -> WindowText:
        self.window()
        return self

    def window(self) -> Window:
        """The window it means. Raises ValueError."""
        return parse_window(self.begin, self.end, tuple(self.days), self.zone)


class Match(Part):
    """Conditions, all of which must hold; those not given hold always.

    Where a plan has many objects, a rule's `match` holds if any of them fits, an `unless` only if all do: neither can
    be got round by adding an object. What the plan does not tell (labels, namespaces) counts the same, strict way.
    """

    actions: tuple[Glob, ...] = ()
    """Globs on the action's name or policy key, such as `drain` or `workload.*`."""
    clusters: tuple[Glob, ...] = ()
    """Globs on names, aliases and uids of clusters listed in the policy."""
    cluster_labels: dict[Name, Glob] = Field(default_factory=dict)
    environments: tuple[Environment, ...] = ()
    """A cluster that is not listed counts as `production`."""
    namespaces: tuple[Glob, ...] = ()
    """Globs on the namespaces of the plan's objects; cluster-scoped objects have none."""
    labels: dict[Name, Glob] = Field(default_factory=dict)
    """Labels of the plan's objects."""
    risk: Risk | None = None
    """The least risk; a rule that names none speaks of changes, so `low`."""
    risk_at_most: Risk | None = None
    """The greatest risk; of any object in a `match`, of all in an `unless`."""
    within: tuple[WindowText, ...] = ()
    """Any of these windows."""
    people: tuple[Name, ...] = ()
    groups: tuple[GroupName, ...] = ()
    """Groups or roles. Of `people`, `groups` and `roles` any one suffices."""
    roles: tuple[GroupName, ...] = ()
    mapped: bool | None = None
    """Whether the policy knows exactly one person behind the actor."""
    surfaces: tuple[Surface, ...] = ()
    emergency: bool | None = None
    scheduled: bool | None = None
    """Whether a schedule asks."""
    when: Annotated[str, StringConstraints(min_length=1, max_length=1000)] | None = None
    """A CEL expression over plan, actor, person, cluster, now, surface, emergency and schedule."""


class Outcome(Part):
    """What is asked for. `allow` asks for nothing but what stands beside it."""

    effect: Effect = "allow"
    approvals: Annotated[int, Field(ge=1, le=MOST_APPROVALS)] = 1
    """How many persons, for `approve`."""
    approvers: tuple[GroupName, ...] = Field(default=(), alias="from")
    """Groups or roles whose members may approve; empty: anybody the policy knows."""
    distinct: bool = False
    """Each approval comes from another of the groups in `from`."""
    at_terminal: Annotated[int, Field(ge=0, le=MOST_APPROVALS)] = 0
    """How many of the approvals must come from command line or screen rather than from the chat."""
    typed_name: bool = False
    """Whoever asks types the cluster's name."""
    reason: Literal["optional", "required"] = "optional"
    ticket: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """A regular expression in RE2 syntax that the reason must contain a match of; it makes a reason required."""
    ttl: Annotated[Seconds, Field(ge=60, le=31 * 86_400)] | None = None
    """How long approvals may take, as in 4h."""
    why: Sentence | None = None
    """One sentence for whoever is held up."""

    @model_validator(mode="after")
    def _consistent(self) -> Outcome:
        if self.effect != "approve":
            given = self.approvers or self.distinct or self.at_terminal or self.approvals != 1
            if given:
                raise ValueError("approvals, from, distinct and at_terminal belong to effect: approve")
            return self
        if self.distinct and len(set(self.approvers)) < self.approvals:
            raise ValueError("distinct needs at least as many groups in `from` as approvals")
        if self.at_terminal > self.approvals:
            raise ValueError("at_terminal is more than approvals")
        return self


class Rule(Outcome):
    """One rule: where it applies, and what it then asks for at least."""

    name: RuleName
    effect: Effect
    match: Match = Match()
    unless: tuple[Match, ...] = ()
    """Where any of these holds, the rule does not apply."""


class Freeze(Outcome):
    """A time in which changes are refused, or take more than otherwise."""

    name: RuleName
    effect: Effect = "deny"
    windows: tuple[WindowText, ...] = Field(min_length=1)
    match: Match = Match()
    unless: tuple[Match, ...] = ()
