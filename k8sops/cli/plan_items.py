"""What moves along with a step, and what to know of a plan, as lines no wider than the terminal.

Where there is no terminal, 80 columns are taken for what is laid out here; findings then stay on one line each, which
is what a script looks for.
"""

from __future__ import annotations

import os
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, TextIO

from msgspec.structs import replace

from k8sops.cli.console import GLYPHS, paint
from k8sops.core.plan import Bulk, Finding, Item, Step
from k8sops.core.plan_words import VERDICTS, counts_text
from k8sops.core.text import printable

ITEMS_SHOWN: Final = 20
ALIKE_SHOWN: Final = 8
NARROWEST: Final = 60
WIDEST_NAME: Final = 34
USUAL_WIDTH: Final = 80
VERB_ORDER: Final = ("refuse", "delete", "evict", "run hook", "keep")
INDENT: Final = " " * 6


def step_lines(step: Step, stream: TextIO) -> Iterator[str]:
    """Why, and what moves along: how many of each kind, then at most twenty, those refused or moving first.

    What the step's own line says already is not said again: its verb, its namespace, the only object it is for.
    """
    bulk, head = step.bulk, f"{INDENT}{printable(step.why)}"
    shown = sorted(bulk.items, key=_rank)[:ITEMS_SHOWN] if bulk else []
    if bulk is None or not shown:
        yield from hung(head, "", INDENT, stream)
        return
    several = len({item.target.kind for item in bulk.items}) > 1
    names = [_name(item, step.target.namespace, with_kind=several) for item in shown]
    as_step = all(item.verb == step.verb for item in shown)
    kinds, why = printable(_counts(bulk, as_step=as_step)), printable(shown[0].why)
    if as_step and [item.target for item in shown] == [step.target]:
        yield from hung(head, "", INDENT, stream)
        yield from hung(f"{INDENT}{why}", "", INDENT, stream, always=True) if why else ()
        return
    if not _one_reason(shown):
        yield from hung(head, "", INDENT, stream)
        yield from hung(f"{INDENT}{kinds}", "", INDENT, stream, always=True) if kinds else ()
        yield from _in_columns(shown, names, stream, with_verb=not as_step)
    elif kinds or why:
        yield from hung(head, "", INDENT, stream)
        told = ", ".join(part for part in (kinds, why) if part)
        yield from hung(f"{INDENT}{told}:", "", INDENT, stream, always=True)
        yield from hung(f"{INDENT}  {', '.join(names)}", "", f"{INDENT}  ", stream, always=True)
    else:
        yield from hung(f"{head}: {', '.join(names)}", "", INDENT, stream, always=True)
    if bulk.total > len(shown):
        yield f"{INDENT}and {bulk.total - len(shown)} more; -o json lists {_how_many(bulk)}"


def _counts(bulk: Bulk, *, as_step: bool) -> str:
    """How many of each; nothing where there is one kind of them, and the step tells its verb and how many."""
    if not as_step:
        return counts_text(bulk)
    if len(bulk.counts) < 2:
        return ""
    groups = ((kind.rpartition(" ")[2], number) for kind, number in bulk.counts.items())
    return ", ".join(f"{number} {VERDICTS.get(group, group)}" for group, number in groups)


def _one_reason(shown: Sequence[Item]) -> bool:
    if len({(item.verb, item.why) for item in shown}) != 1:
        return False
    return len(shown) > 1 or not shown[0].why


def _in_columns(
    shown: Sequence[Item], names: Sequence[str], stream: TextIO, *, with_verb: bool
) -> Iterator[str]:
    """Each with its own reason beside it."""
    verbs = max((len(item.verb) for item in shown), default=0) + 2 if with_verb else 0
    column = min(max(map(len, names), default=0), WIDEST_NAME)
    for item, name in zip(shown, names, strict=True):
        verb = f"{printable(item.verb):<{verbs}}" if with_verb else ""
        head = f"{INDENT}{verb}{name:<{column}} "
        yield from _beside(head, printable(item.why), len(INDENT) + verbs + column + 2, stream)


def _beside(head: str, text: str, column: int, stream: TextIO) -> Iterator[str]:
    """The text in a column of its own; under the head where that is too long."""
    indent = " " * column
    width = max((_width(stream) or USUAL_WIDTH) - 1, NARROWEST)
    lines = textwrap.wrap(text, width - column, break_long_words=False, break_on_hyphens=False)
    if len(head) < column:
        head += " " * (column - len(head))
        yield (head + lines.pop(0) if lines else head).rstrip()
    elif len(head) + len(text) <= width:
        yield head + text
        return
    else:
        yield head.rstrip()
    yield from (indent + line for line in lines)


def _how_many(bulk: Bulk) -> str:
    return "all" if bulk.total == len(bulk.items) else f"{len(bulk.items)} of them"


def _rank(item: Item) -> tuple[int, float, str, str]:
    place = VERB_ORDER.index(item.verb) if item.verb in VERB_ORDER else len(VERB_ORDER)
    wave = item.data.get("wave")
    return (
        place,
        float(wave) if isinstance(wave, int | float) else 0.0,
        item.target.namespace,
        item.target.name,
    )


def _name(item: Item, namespace: str, *, with_kind: bool) -> str:
    """Among several kinds with its own: a Service, its Endpoints and its Deployment have one name."""
    target = item.target
    if namespace and namespace == target.namespace:
        target = replace(target, namespace="")
    if with_kind:
        return printable(target.label)
    return printable(f"{target.namespace}/{target.name}" if target.namespace else target.name)


def finding_lines(findings: Sequence[Finding], stream: TextIO) -> Iterator[str]:
    """One for each; of many of the same kind the first few, except that every blocker is told."""
    told: Counter[tuple[str, str]] = Counter()
    totals = Counter((finding.level, finding.code) for finding in findings)
    for finding in findings:
        kind = finding.level, finding.code
        told[kind] += 1
        if finding.level == "blocker" or told[kind] <= ALIKE_SHOWN or totals[kind] == ALIKE_SHOWN + 1:
            yield from _finding_lines(finding, stream)
        elif told[kind] == ALIKE_SHOWN + 1:
            yield f"    and {totals[kind] - ALIKE_SHOWN} more of the kind {finding.code}; -o json lists all"


def _finding_lines(finding: Finding, stream: TextIO) -> Iterator[str]:
    level = f"{GLYPHS[finding.level]} {finding.level}"
    override = f" (override: {finding.override})" if finding.override else ""
    text = f"{printable(finding.text)}{override}"
    first, *rest = hung(f"  {level}:", text, "      ", stream)
    yield first.replace(level, paint(level, finding.level, stream), 1)
    yield from rest


def hung(head: str, text: str, indent: str, stream: TextIO, *, always: bool = False) -> Iterator[str]:
    """The head and the text behind it, broken between words where a terminal, or `always`, wants it."""
    line = f"{head} {text}" if text else head
    width = _width(stream)
    if width is None:
        if not always:
            yield line
            return
        width = USUAL_WIDTH
    yield from textwrap.wrap(
        line,
        max(width - 1, NARROWEST),
        initial_indent="",
        subsequent_indent=indent,
        drop_whitespace=True,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [line]


def fits(line: str, stream: TextIO) -> bool:
    """Whether a line without colours is no wider than the terminal, if there is one."""
    width = _width(stream)
    return width is None or len(line) < max(width, NARROWEST)


def _width(stream: TextIO) -> int | None:
    """The terminal's width; None where there is none. A terminal that does not know it says 0."""
    if not stream.isatty():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or USUAL_WIDTH
    except OSError:
        return USUAL_WIDTH
