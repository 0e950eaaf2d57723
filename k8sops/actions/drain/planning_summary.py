"""A drain's plan in one sentence of at most 160 characters: the verdict, what moves, what paces it, how long.

The first word is the strongest thing that is true: blocked, data lost, an outage, pods left without a node, a wait
whose end cannot be seen, or that it fits: room for all, within their budgets. Never "safe", for pods do restart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from k8sops.actions.drain.outlook import Outlook, counted, listed
from k8sops.core.moments import in_words
from k8sops.core.plan import SUMMARY_LIMIT, Finding, Step
from k8sops.core.risk import Risk, riskiest

OUTAGES: Final = frozenset({"singleton", "service_without_endpoints"})
PENDING: Final = frozenset({"no_room", "last_host", "bound_to_node"})


def summary_of(told: Outlook, steps: Sequence[Step], findings: Sequence[Finding]) -> str:
    """The sentence; what does not fit is left out from its end."""
    blockers = [finding for finding in findings if finding.level == "blocker"]
    if blockers:
        return _blocked(told, blockers)
    if not steps:
        nodes = told.scene.chosen
        state = f"{nodes[0].name} is" if len(nodes) == 1 else f"{len(nodes)} nodes are"
        return f"Nothing to do: {state} cordoned and empty already."
    warned = {finding.code for finding in findings if finding.level == "warning"}
    verdict = _verdict(told, steps, warned)
    return _joined(verdict, [_moved(told, warned), _down(findings), *_pace(told), _duration(told)])


def _verdict(told: Outlook, steps: Sequence[Step], warned: set[str]) -> str:
    if riskiest(step.risk for step in steps) is Risk.DESTRUCTIVE:
        return "Loss" if warned & {"emptydir_data_lost", "not_made_again"} else "Unguarded"
    if warned & OUTAGES:
        return "Outage"
    if warned & PENDING:
        return "Pending"
    if any(slot.blocked for slot in told.schedule.slots.values()):
        return "Waits"
    return "Fits"


def _moved(told: Outlook, warned: set[str]) -> str:
    """Each pod that leaves is counted once: it moves, ends, is lost, or waits for its budget."""
    if not told.going:
        return "no pod moves"
    leaving = [one for one in told.going if told.can_go(one)]
    moves = sum(one.uid in told.fits for one in leaving)
    ends = sum(one.uid not in told.fits and (one.pod.finished or one.pod.ending) for one in leaving)
    lost, waits = len(leaving) - moves - ends, len(told.going) - len(leaving)
    homeless = len(told.homeless())
    parts = _counted_once(
        (moves, "moves", "move"),
        (ends, "ends", "end"),
        (lost, "not made again", "not made again"),
        (waits, "waits", "wait"),
    )
    if "emptydir_data_lost" in warned:
        parts.append("emptyDir data is lost")
    if homeless:
        parts.append(_without_a_place(homeless, told.scene.autoscaler))
    elif moves and not lost:
        parts.append("none stays pending")
    return ", ".join(parts)


def _counted_once(*groups: tuple[int, str, str]) -> list[str]:
    """`8 pods move`, `1 ends`: the first of those there are says of what."""
    found = [group for group in groups if group[0]]
    return [
        f"{number if place else counted(number, 'pod')} {one if number == 1 else more}"
        for place, (number, one, more) in enumerate(found)
    ]


def _without_a_place(homeless: int, autoscaler: str) -> str:
    one = homeless == 1
    if autoscaler:
        return f"{homeless} {'needs' if one else 'need'} a new node"
    return f"{homeless} {'stays' if one else 'stay'} pending"


def _down(findings: Sequence[Finding]) -> str:
    """What is down for a while, by name; a service usually is called like its workload."""
    names = [
        subject.rpartition("/")[2]
        for finding in findings
        if finding.level == "warning" and finding.code in OUTAGES
        for subject in finding.subjects
    ]
    return f"{listed(list(dict.fromkeys(names)), 2)} down meanwhile" if names else ""


def _pace(told: Outlook) -> Iterator[str]:
    closed = sorted({block.budget for slot in told.schedule.slots.values() for block in slot.blocked})
    if closed:
        more = f" and {len(closed) - 1} more" if len(closed) > 1 else ""
        yield f"{closed[0]}{more} lets none go now"
    paced = told.schedule.paced
    if paced:
        key = max(paced, key=lambda one: (paced[one], one))
        yield f"{key.partition('/')[2]} paces {counted(paced[key], 'wave')}"
    elif told.schedule.limited_by.startswith("--"):
        yield f"{told.schedule.limited_by} paces it"


def _duration(told: Outlook) -> str:
    return f"about {in_words(told.schedule.seconds)}" if told.schedule.waves else ""


def _blocked(told: Outlook, blockers: Sequence[Finding]) -> str:
    flags = list(
        dict.fromkeys(one.override for one in blockers if one.code.startswith("refused_") and one.override)
    )
    parts = []
    if flags:
        parts.append(f"needs {' and '.join(flags)}")
    parts += _budgets_and_room(told, blockers)
    if any(one.code.startswith("refused_") and not one.override for one in blockers):
        parts.append("some pods cannot be judged")
    needs_node = any(one.code in PENDING for one in blockers)
    stuck = {one.uid for one in told.homeless()} if needs_node else set()
    going = sum(told.can_go(one) and one.uid not in stuck for one in told.passengers)
    meant = sum(one.verb != "keep" for one in told.passengers)
    return _joined("Blocked", [*parts, f"{going} of {meant} pods could go"])


def _budgets_and_room(told: Outlook, blockers: Sequence[Finding]) -> Iterator[str]:
    budgets = [one for one in blockers if one.code == "budget_never_allows"]
    if budgets:
        namespace, _, name = budgets[0].subjects[0].split("/")
        more = f" and {len(budgets) - 1} more" if len(budgets) > 1 else ""
        yield f"budget {namespace}/{name}{more} never {'allow' if more else 'allows'} it"
    double = [one for one, block in told.never_go() if block.code == "two_budgets"]
    if double:
        more = f" and {len(double) - 1} more" if len(double) > 1 else ""
        yield f"{double[0].key}{more} {'are' if more else 'is'} under two budgets"
    if any(one.code in PENDING for one in blockers):
        yield f"{counted(len(told.homeless()), 'pod')} would find no node"


def _joined(verdict: str, parts: Sequence[str]) -> str:
    kept = ""
    for part in filter(None, parts):
        longer = f"{kept}; {part}" if kept else part
        if len(verdict) + len(longer) + 3 <= SUMMARY_LIMIT:
            kept = longer
    return f"{verdict}: {kept}."
