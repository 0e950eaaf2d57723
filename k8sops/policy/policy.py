"""A policy, ready to be asked: who somebody is, what becomes of a plan, how much may go on at once.

Pure and unchanging: the same request always gets the same answer, in every process that has the same file, which is
what lets a carrier check a decision again instead of believing the store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final, Literal

import rfc8785

from k8sops.core.actor import Actor, Surface
from k8sops.core.persons import Person
from k8sops.core.plan import ClusterInfo
from k8sops.core.risk import Risk
from k8sops.policy.deciding import (
    Asked,
    RuleTrace,
    Verdict,
    added_up,
    beyond_chat,
    blocker_of,
    read_only_of,
    refusal,
    set_aside,
    told,
    traced,
    unjudged,
)
from k8sops.policy.expression import ConditionError
from k8sops.policy.facts import Facts, PolicyRequest
from k8sops.policy.matching import Matcher, fits
from k8sops.policy.model import PRODUCTION, ClusterPin, PolicyFile
from k8sops.policy.people import Directory
from k8sops.policy.rule_model import Freeze, Outcome, Rule

VERSION_LENGTH: Final = 12
TERMINALS: Final[frozenset[Surface]] = frozenset({"cli", "tui"})
"""Where one's own key or credentials are at hand."""


class Policy:
    """The rules of a team, or the shipped ones. `file` is everything that stands in it."""

    def __init__(self, file: PolicyFile, *, shipped: bool) -> None:
        """Compile its conditions. Raises ConditionError; `load_policy` tells where."""
        self.file: Final = file
        self.shipped: Final = shipped
        """Whether no team has written it: it confirms, and knows neither persons nor clusters."""
        self.version: Final = version_of(file)
        self.trust: Final = file.trust
        self.read_only = file.read_only
        self.directory: Final = Directory(file)
        self._rules: Final = tuple(_Ready(rule) for _, rule in file.each_rule())

    def made_read_only(self) -> Policy:
        """The same policy with every change refused; its version is kept, for its rules are the same."""
        found = Policy(self.file, shipped=self.shipped)
        found.read_only = True
        return found

    def person_of(self, actor: Actor, cluster_uid: str) -> Person:
        """Who the actor is on that cluster; without a name where nobody is mapped."""
        return self.directory.person_of(actor, cluster_uid)

    def cluster(self, uid: str) -> ClusterPin | None:
        """The cluster of this uid; None where the policy does not list it."""
        return self.directory.pin(uid)

    def environment_of(self, cluster: ClusterInfo) -> str:
        """The cluster's environment: with a team's policy one it does not list is production."""
        if self.shipped:
            return cluster.environment
        pin = self.directory.pin(cluster.uid)
        return pin.environment if pin is not None else PRODUCTION

    def cluster_refused(self, uid: str, ca_fingerprint: str) -> str:
        """Why this is not the cluster the policy means by that uid; empty where it may be.

        `ca_fingerprint` is `sha256:` and the hex sha256 of the DER form of the authority that vouches for the server.
        """
        pin = self.directory.pin(uid)
        if pin is None or pin.ca_fingerprint in {None, ca_fingerprint}:
            return ""
        return (
            f"{pin.name} shows another certificate authority than the policy pins: it may be another cluster"
        )

    def is_administrator(self, person: Person) -> bool:
        """Whether the person may change policy, pin keys and close reviews."""
        administrators = self.file.administrators
        return person.mapped and (
            person.name in administrators.people or bool(set(person.groups) & set(administrators.groups))
        )

    def most_at_once(self, cluster_uid: str) -> int:
        """How many runs may change this cluster at the same time."""
        limits = self.file.concurrency
        names = self.names_of(cluster_uid)
        return next((most for name, most in limits.clusters.items() if name in names), limits.per_cluster)

    def names_of(self, cluster_uid: str) -> tuple[str, ...]:
        """All a cluster is called in the policy."""
        pin = self.directory.pin(cluster_uid)
        return (cluster_uid,) if pin is None else (pin.uid, pin.name, *pin.aliases)

    def break_glass_refused(self, person: Person, surface: str) -> str:
        """Why this person may not go on without approvals; empty where they may, with a reason."""
        rules = self.file.break_glass
        named = person.name in rules.people or bool(set(person.groups) & set(rules.groups))
        checks = (
            (rules.allowed, "the policy lets nobody break the glass"),
            (surface in TERMINALS, f"the glass is broken at the command line or screen, not from {surface}"),
            (
                self.shipped or person.mapped,
                "the policy does not know who asks, so they may not break the glass",
            ),
            (named or not (rules.people or rules.groups), f"{person.name} may not break the glass"),
        )
        return next((why for holds, why in checks if not holds), "")

    def facts(self, request: PolicyRequest) -> Facts:
        """What rules are asked about."""
        cluster = request.plan.cluster
        return Facts(request, self.directory.pin(cluster.uid), self.environment_of(cluster))

    def decide(self, request: PolicyRequest) -> Verdict:
        """What becomes of the plan, and how each rule was judged."""
        facts = self.facts(request)
        asked = [one for one in (blocker_of(facts), read_only_of(facts) if self.read_only else None) if one]
        asked += self._always(facts)
        idle: list[RuleTrace] = []
        for ready in self._rules:
            judged = ready.judged(facts)
            if isinstance(judged, Asked):
                asked.append(judged)
            else:
                idle.append(judged)
        found, broken = self._in_emergency(tuple(asked), request)
        if self.directory.chats and facts.risk.rank > self.file.slack.approve_up_to.rank:
            found = beyond_chat(found)
        decision = added_up(found, version=self.version, break_glass=broken)
        trace = [*self._cluster_trace(facts), *(traced(one) for one in found), *idle]
        return Verdict(decision=decision, trace=tuple(trace))

    def _always(self, facts: Facts) -> Iterator[Asked]:
        """What holds without a rule: the baseline of the risk, and protection."""
        yield told(f"baseline.{facts.risk}", "baseline", getattr(self.file.baseline, facts.risk))
        if facts.risk is Risk.READ:
            return
        if self.file.protected_clusters is not None and facts.pin is not None and facts.pin.protected:
            more = f"cluster {facts.pin.name} is protected"
            yield told("protected-clusters", "protected", self.file.protected_clusters, more)
        protected = self.file.protected_namespaces
        if protected is not None:
            touched = sorted(name for name in facts.namespaces if fits(protected.namespaces, (name,)))
            if touched or facts.untold:
                more = (
                    f"namespace {touched[0]} is protected" if touched else "it may touch protected namespaces"
                )
                yield told("protected-namespaces", "protected", protected, more)

    def _in_emergency(
        self, asked: tuple[Asked, ...], request: PolicyRequest
    ) -> tuple[tuple[Asked, ...], bool]:
        if not request.emergency:
            return asked, False
        if why := self.break_glass_refused(request.person, request.surface):
            return (*asked, refusal("break-glass", "break_glass", why)), False
        found, broken = set_aside(asked, freezes=self.file.break_glass.freezes)
        reason = told(
            "break-glass", "break_glass", Outcome(effect="confirm", reason="required"), "an emergency"
        )
        return (*found, reason), broken

    def _cluster_trace(self, facts: Facts) -> Iterator[RuleTrace]:
        if facts.pin is None and not self.shipped:
            why = f"the policy does not list cluster {facts.plan.cluster.uid}: it counts as {PRODUCTION}"
            yield RuleTrace(rule="clusters", source="cluster", matched=True, effect="allow", why=why)


class _Ready:
    """A rule or freeze with its conditions compiled."""

    def __init__(self, rule: Rule | Freeze) -> None:
        self._rule = rule
        self._source: Literal["rule", "freeze"] = "freeze" if isinstance(rule, Freeze) else "rule"
        # Rules are about changes; one that means reading, too, says so.
        self._match = Matcher(rule.match, quantifier="any", least_risk=Risk.LOW)
        self._unless = tuple(Matcher(unless, quantifier="all") for unless in rule.unless)
        self._windows = tuple(text.window() for text in rule.windows) if isinstance(rule, Freeze) else ()

    def judged(self, facts: Facts) -> Asked | RuleTrace:
        """What it asks for, or why it does not apply."""
        rule = self._rule
        try:
            failing = self._out_of_time(facts) or self._match.failing(facts) or self._excepted(facts)
        except ConditionError as error:
            return unjudged(rule.name, self._source, error)
        if failing:
            return RuleTrace(rule=rule.name, source=self._source, matched=False, why=failing)
        more = (self._until(facts), self._match.untold(facts))
        return told(rule.name, self._source, rule, ", ".join(text for text in more if text))

    def _out_of_time(self, facts: Facts) -> str:
        if not self._windows or any(window.holds(facts.request.now) for window in self._windows):
            return ""
        return "it is outside the freeze"

    def _excepted(self, facts: Facts) -> str:
        for place, unless in enumerate(self._unless, start=1):
            if not unless.failing(facts):
                return f"its exception {place} holds"
        return ""

    def _until(self, facts: Facts) -> str:
        ends = [end for window in self._windows if (end := window.end(facts.request.now)) is not None]
        return f"changes are frozen until {max(ends):%Y-%m-%d %H:%M} UTC" if ends else ""


def version_of(file: PolicyFile) -> str:
    """The first digits of the sha256 of what the file means; comments and order of keys do not count."""
    return hashlib.sha256(rfc8785.dumps(file.canonical())).hexdigest()[:VERSION_LENGTH]
