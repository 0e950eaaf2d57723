"""What a card says of a plan: where and what, how bad, who asks, and who has to say yes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from k8sops.core.errors import UsageError
from k8sops.core.plan import ClusterInfo, Decision, Demand, Finding, Plan, Target
from k8sops.core.run import Run
from k8sops.core.text import identity_in_words
from k8sops.service.catalog import spec_named
from k8sops_slack.blocks.markup import Mrkdwn, code, escaped, joined, moment, written
from k8sops_slack.cards.room import Room

FINDINGS_SHOWN: Final = 3
DOT: Final = " · "
_PRODUCTION: Final = frozenset({"production", "prod"})
_GLYPHS: Final = {"blocker": "⛔", "warning": "⚠️", "note": "▫️"}
_ORDER: Final = list(_GLYPHS)


def where(cluster: ClusterInfo) -> str:
    """`PRODUCTION prod-eu`, `staging stage-1`; of a cluster that nobody classified, its name."""
    environment = cluster.environment
    if environment == "unclassified":
        return cluster.name
    return f"{environment.upper() if environment.lower() in _PRODUCTION else environment} {cluster.name}"


def what(plan: Plan) -> str:
    """`drain 3 nodes`, `scale shop/deployment/web`: the action and how much it is about."""
    targets = dict.fromkeys(step.target for step in plan.steps)
    name = typed(plan.action)
    if not targets:
        return name
    if len(targets) == 1:
        return f"{name} {_label(next(iter(targets)))}"
    kinds = {target.kind.partition(".")[0] for target in targets}
    return f"{name} {len(targets)} {kinds.pop() if len(kinds) == 1 else 'objects'}"


def typed(action: str) -> str:
    """An action as it is typed; one that this program does not know, by its name."""
    try:
        return spec_named(action).typed
    except UsageError:
        return action


def subject(run: Run) -> str:
    """What is done where, in a sentence: `drain 3 nodes on PRODUCTION prod-eu`."""
    return f"{what(run.plan)} on {where(run.plan.cluster)}"


def finding_lines(findings: Iterable[Finding]) -> Iterator[Mrkdwn]:
    """The worst three, and how many more there are."""
    ordered = sorted(findings, key=lambda one: _ORDER.index(one.level))
    for one in ordered[:FINDINGS_SHOWN]:
        override = f" ({one.override})" if one.override else ""
        yield joined(" ", [written(_GLYPHS[one.level]), escaped(f"{one.text}{override}", 160)])
    if (more := len(ordered) - FINDINGS_SHOWN) > 0:
        yield written(f"and {more} more")


def asker_line(run: Run, room: Room) -> Mrkdwn:
    """Who asks, or only looks, as whom it would run where that is somebody else, and why."""
    by = f"schedule {run.schedule}" if run.schedule else ""
    who = escaped(by, 80) if by else room.person(run.actor, run.person)
    parts = [joined(" ", [who, written("only looks" if room.preview else "asks")])]
    if other := runs_as(run):
        parts.append(
            joined(" ", [written("would run as" if room.preview else "runs as"), escaped(other, 80)])
        )
    if run.emergency:
        parts.append(written("went round approvals in an emergency"))
    if run.reason:
        parts.append(escaped(f"“{run.reason}”", 200))
    return joined(DOT, parts)


def runs_as(run: Run) -> str:
    """The identity the change is made as, where it is not the requester's own."""
    kind, _, name = run.plan.execute_as.partition(":")
    if kind in {"user", "person"} and name in {run.actor.name, run.person}:
        return ""
    return identity_in_words(run.plan.execute_as)


def needs_line(run: Run, room: Room) -> Mrkdwn:
    """Who has to say yes, how many have, and until when."""
    decision = run.plan.decision
    parts = [joined(" ", [written("needs"), demanded(decision, room)])] if decision else []
    given = [one for one in run.approvals if one.vote.verdict == "approve"]
    if given:
        names = joined(", ", (room.person(one.actor, one.person) for one in given))
        parts.append(joined(" ", [written("approved by"), names]))
    if decision is not None and (terminal := at_terminal(decision)):
        command = code(f"k8sops approve {run.id}")
        parts.append(joined(" ", [written(f"{terminal} of them at a terminal:"), command]))
    if until := expiry(run):
        parts.append(joined(" ", [written("expires"), until]))
    return joined(DOT, parts)


def demanded(decision: Decision, room: Room) -> Mrkdwn:
    """`1 of @sre`, `2 of @sre or @dba, each of another group`."""
    if not decision.demands:
        return written(f"{decision.approvals} of those policy knows")
    return joined(" and ", (_demand(one, room) for one in decision.demands))


def at_terminal(decision: Decision) -> int:
    """How many of the approvals no chat can give."""
    return max((demand.at_terminal for demand in decision.demands), default=0)


def votable(run: Run) -> bool:
    """Whether a vote given here could count: not where every one of them is given at a terminal."""
    decision = run.plan.decision
    if decision is None or decision.effect != "approve":
        return False
    return not decision.demands or any(demand.count > demand.at_terminal for demand in decision.demands)


def expiry(run: Run) -> Mrkdwn:
    """When the request ends by itself, in the reader's own time."""
    decision, since = run.plan.decision, run.proposed_at
    if decision is not None and decision.ttl_s and since is not None:
        return moment(since + timedelta(seconds=decision.ttl_s))
    return moment(run.plan.expires_at)


def _demand(demand: Demand, room: Room) -> Mrkdwn:
    groups = joined(" or ", map(room.group, demand.groups)) or written("those policy knows")
    apart = ", each of another group" if demand.distinct_groups and demand.count > 1 else ""
    return joined(" ", [written(f"{demand.count} of"), Mrkdwn(f"{groups}{apart}")])


def _label(target: Target) -> str:
    kind = target.kind.partition(".")[0]
    for ending, single in (("ies", "y"), ("sses", "ss"), ("s", "")):
        if kind.endswith(ending):
            kind = kind.removesuffix(ending) + single
            break
    return "/".join(part for part in (target.namespace, kind, target.name) if part)
