"""Findings about budgets: which never lets a pod go, which does not now, and which sets the pace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from k8sops.actions.drain.outlook import Outlook, counted, listed
from k8sops.actions.drain.passengers import Passenger
from k8sops.core.plan import Finding
from k8sops.forecast.budgets import BudgetBlock

DISABLE_EVICTION: Final = "--disable-eviction"


def budget_findings(told: Outlook) -> Iterator[Finding]:
    """Blockers for budgets that never allow it, notes for those that wait and those that pace."""
    if told.params.disable_eviction:
        return
    yield from _never(told)
    yield from _later(told)
    for key, waves in sorted(told.schedule.paced.items()):
        allowed = told.ledger.allowed(key)
        text = f"budget {key} lets {allowed} go at a time now: its pods take {counted(waves, 'wave')}"
        yield Finding(level="note", code="budget_paces", text=text, subjects=(_subject(key),))


def _never(told: Outlook) -> Iterator[Finding]:
    found: defaultdict[tuple[str, str], list[tuple[Passenger, BudgetBlock]]] = defaultdict(list)
    for one, block in told.never_go():
        budgets = told.ledger.budgets_of(one.pod)
        keys = (
            " ".join(sorted(budget.key for budget in budgets))
            if block.code == "two_budgets"
            else block.budget
        )
        found[block.code, keys].append((one, block))
    for (code, keys), several in found.items():
        names = [one.key for one, _ in several]
        block = several[0][1]
        if code == "two_budgets":
            text = f"pod {listed(names)}: {block.sentence}"
        else:
            text = f"{block.sentence}: {counted(len(names), 'pod')} here ({listed(names)})"
        yield Finding(
            level="blocker",
            code="two_budgets" if code == "two_budgets" else "budget_never_allows",
            text=f"{text}; {_advice(block)}",
            subjects=tuple(_subject(key) for key in keys.split()),
            override=DISABLE_EVICTION,
        )


def _advice(block: BudgetBlock) -> str:
    return block.advice.split("; --disable-eviction", 1)[0]


def _later(told: Outlook) -> Iterator[Finding]:
    """Budgets that allow nothing as things stand, and cannot be seen to open: status, so a note."""
    found: defaultdict[str, list[tuple[Passenger, BudgetBlock]]] = defaultdict(list)
    for one in told.going:
        slot = told.slot(one)
        for block in slot.blocked if slot else ():
            if block.when == "later":
                found[block.budget].append((one, block))
    for key, several in sorted(found.items()):
        names = [one.key for one, _ in several]
        block = several[0][1]
        text = f"{block.sentence}: {counted(len(names), 'pod')} here must wait ({listed(names)}); {_advice(block)}"
        yield Finding(level="note", code="budget_closed", text=text, subjects=(_subject(key),))


def _subject(key: str) -> str:
    namespace, _, name = key.partition("/")
    return f"{namespace}/poddisruptionbudgets/{name}"
