"""The line that says where one is and as whom, made to fit: what gives way first is what misleads least.

Environment, limits and what waits are never cut; long names lose their middle, and least of all the person's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from k8sops.core.text import printable
from k8sops.tui.columns import width_of
from k8sops.tui.row_painter import fit

SEPARATOR: Final = " · "
ALL: Final = "all namespaces"
_ALL_IN_SHORT: Final = "all ns"
_NAME, _PERSON, _NAMESPACE, _LEAST_NAME = 16, 14, 14, 8


def where_line(
    room: int,
    *,
    called: str,
    context: str,
    environment: str,
    namespace: str,
    limits: Sequence[str],
    identity: str,
    counts: Sequence[str],
) -> str:
    """One line of at most `room` columns, where that can be had at all."""
    namespace, identity = printable(namespace), printable(identity)
    called, context = printable(called), printable(context)
    line = [_both(called, context), environment, namespace or ALL, *limits, identity, *counts]
    person = 3 + len(limits)
    if not namespace and _over(line, room) > max(0, width_of(line[0]) - _NAME):
        line[2] = _ALL_IN_SHORT
    for part, least in ((0, _NAME), (person, _PERSON), (2, _NAMESPACE), (-1, 0), (0, _LEAST_NAME)):
        width = width_of(line[part])
        if not (over := _over(line, room)):
            break
        if part < 0:
            # The sign and the number say it; the word is in the help.
            line[person + 1 :] = [" ".join(count.split()[:2]) for count in counts]
        elif width > least:
            less = max(least, width - over)
            line[part] = _both(called, context, less) if part == 0 else fit(line[part], less, middle=True)
    return SEPARATOR.join(line)


def _both(called: str, context: str, room: int = 0) -> str:
    """The cluster, and the context it is reached by where that is called otherwise; each gets half of the room."""
    same = not called or called == context
    if room and width_of(context if same else f"{called} @{context}") > room:
        # Cloud providers call a cluster by its whole resource path; what tells it from others stands at the end.
        called, context = called.rsplit("/", 1)[-1], context.rsplit("/", 1)[-1]
        half = (room - 2) // 2
        first = 0 if same else min(width_of(called), max(half, room - 2 - width_of(context)))
        second = min(width_of(context), room if same else room - 2 - first)
        called, context = fit(called, first, middle=True), fit(context, second, middle=True)
    if same:
        return context
    return f"{called} @{context}"


def _over(line: Sequence[str], room: int) -> int:
    return max(0, width_of(SEPARATOR.join(line)) - room)
