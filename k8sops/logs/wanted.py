"""What a screen wants of one object's logs, in the words in which logs are selected. Pure."""

from __future__ import annotations

import re

from k8sops.core.log_selection import LogSelection, LogSpan
from k8sops.core.logs import MOST_LINES, LogWanted

LAST_WORDS = 20
"""Of the life before, where that ended badly, shown above the present one."""


def selection_of(wanted: LogWanted) -> LogSelection:
    """The pods and containers of an object."""
    return LogSelection(
        namespaces=(wanted.namespace,),
        workloads=(f"{wanted.kind}/{wanted.name}",),
        containers=f"^{re.escape(wanted.container)}$" if wanted.container else "",
    )


def span_of(wanted: LogWanted) -> LogSpan:
    """How much of them."""
    if wanted.part == "head":
        return LogSpan(tail=None, head=wanted.lines, previous=wanted.previous, follow=False)
    if wanted.part == "since":
        # A span of time may hold any number of lines.
        since_s = max(1, wanted.since_s)
        return LogSpan(tail=MOST_LINES, since_s=since_s, previous=wanted.previous, follow=wanted.follow)
    return LogSpan(tail=wanted.lines, previous=wanted.previous, follow=wanted.follow, last_words=LAST_WORDS)
