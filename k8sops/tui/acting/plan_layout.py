"""A plan laid out for a pane: verdict, what stops it or is to be known, each change, and what it rests on.

Pure: plan and width in, styled lines out, broken between words by cells, so that wide characters stay aligned. Text
from the cluster goes in as it is, never as markup.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len, chop_cells
from textual.content import Content

from k8sops.core.plan import Bulk, Finding, Item, Plan, Step
from k8sops.core.plan_words import change_text, counts_text, rests_on, step_title, takes_text
from k8sops.core.risk import Risk
from k8sops.core.text import printable

STEPS_SHOWN: Final = 40
ITEMS_SHOWN: Final = 20
ALIKE_SHOWN: Final = 8
DIGEST_SHOWN: Final = 12
NARROWEST: Final = 20

LEVELS: Final = {
    "blocker": ("✗", "bold $text-error"),
    "warning": ("!", "bold $text-warning"),
    "note": ("·", "$foreground-muted"),
}
RISKS: Final = {
    Risk.READ: "$text-success",
    Risk.LOW: "$text-success",
    Risk.DISRUPTIVE: "bold $text-warning",
    Risk.DESTRUCTIVE: "bold $text-error",
}
_VERBS: Final = ("refuse", "delete", "evict", "keep")


def verdict_lines(plan: Plan, width: int) -> list[Content]:
    """The one sentence that says it all, which never scrolls away."""
    return hung("", printable(plan.summary), width, style="bold")


def body_lines(plan: Plan, width: int) -> list[Content]:
    """All else in lines of at most `width` cells; what stops the plan stands first."""
    first = [finding for finding in plan.findings if finding.level != "note"]
    notes = [finding for finding in plan.findings if finding.level == "note"]
    steps = enumerate(plan.steps[:STEPS_SHOWN], 1)
    return [
        *_findings(first, width),
        *(line for number, step in steps for line in _step(number, step, width)),
        *_more(len(plan.steps) - STEPS_SHOWN, "changes"),
        *_findings(notes, width),
        *(
            line
            for fact in rests_on(plan)
            for line in hung("  rests on ", fact, width, style="$foreground-muted")
        ),
    ]


def foot_line(plan: Plan, width: int) -> Content:
    """Risk, time and digest."""
    takes = takes_text(plan)
    line = Content.assemble(
        "risk ",
        (str(plan.risk), RISKS[plan.risk]),
        (f" · takes {takes}" if takes else "", "$foreground-muted"),
        (f" · digest {plan.digest[:DIGEST_SHOWN]}", "$foreground-muted"),
    )
    return line.truncate(max(width, NARROWEST), ellipsis=True)


def hung(head: str, text: str, width: int, *, style: str = "", head_style: str = "") -> list[Content]:
    """The text behind a head, each further line below where the first began."""
    indent = cell_len(head)
    if indent + NARROWEST > width:
        # No room beside the head: as one text, as far as there is any.
        return [Content.assemble((line, style)) for line in _wrapped(f"{head}{text}", width)]
    return [
        Content.assemble((head if not number else " " * indent, head_style or style), (line, style))
        for number, line in enumerate(_wrapped(text, width - indent))
    ]


def _wrapped(text: str, width: int) -> list[str]:
    lines, line, taken = [], "", 0
    for word in (part for whole in text.split(" ") for part in chop_cells(whole, width) or [""]):
        cells = cell_len(word)
        if line and taken + 1 + cells > width:
            lines.append(line)
            line, taken = word, cells
        else:
            line, taken = (f"{line} {word}", taken + 1 + cells) if line else (word, cells)
    return [*lines, line]


def _step(number: int, step: Step, width: int) -> Iterator[Content]:
    change, title = change_text(step.before, step.after), step_title(step)
    head = f"{number:>3}. "
    told = f"{title}  {change}" if change else title
    risk = f"  ({step.risk})"
    lines = hung(head, told, width - cell_len(risk))
    yield from lines[:-1]
    yield Content.assemble(lines[-1], (risk, RISKS[step.risk]))
    if step.why:
        yield from hung(" " * len(head), printable(step.why), width, style="$foreground-muted")
    if step.bulk is not None and step.bulk.total:
        yield from _items(step.bulk, " " * len(head), width)


def _items(bulk: Bulk, indent: str, width: int) -> Iterator[Content]:
    yield from hung(indent, counts_text(bulk), width)
    shown = sorted(bulk.items, key=_rank)[:ITEMS_SHOWN]
    verbs = max((cell_len(item.verb) for item in shown), default=0)
    names = [_name(item) for item in shown]
    column = min(max(map(cell_len, names), default=0), max(width // 2 - verbs, NARROWEST))
    for item, name in zip(shown, names, strict=True):
        verb = printable(item.verb)
        head = (
            f"{indent}{verb}{' ' * (verbs - cell_len(verb))}  {name}{' ' * max(column - cell_len(name), 0)}  "
        )
        if cell_len(head) + NARROWEST > width:
            yield from hung(head.rstrip(), "", width)
            yield from (
                hung(f"{indent}  ", printable(item.why), width, style="$foreground-muted") if item.why else ()
            )
        else:
            yield from hung(
                head, printable(item.why), width, style="$foreground-muted", head_style="$foreground"
            )
    yield from _more(bulk.total - len(shown), "objects", indent)


def _findings(findings: Sequence[Finding], width: int) -> Iterator[Content]:
    told: Counter[tuple[str, str]] = Counter()
    for finding in findings:
        kind = finding.level, finding.code
        told[kind] += 1
        if finding.level != "blocker" and told[kind] > ALIKE_SHOWN:
            continue
        glyph, style = LEVELS[finding.level]
        override = f" [{finding.override} overrides]" if finding.override else ""
        text = f"{printable(finding.text)}{printable(override)}"
        yield from hung(f"  {glyph} {finding.level}: ", text, width, head_style=style, style="$foreground")
    for (level, code), number in told.items():
        if level != "blocker":
            yield from _more(number - ALIKE_SHOWN, f"of the kind {code}")


def _more(number: int, what: str, indent: str = "    ") -> Iterator[Content]:
    if number > 0:
        yield Content.assemble((f"{indent}and {number:,} more {what}", "$foreground-muted"))


def _rank(item: Item) -> tuple[int, str, str]:
    place = _VERBS.index(item.verb) if item.verb in _VERBS else len(_VERBS)
    return (place, item.target.namespace, item.target.name)


def _name(item: Item) -> str:
    return printable(item.target.label)
