"""What the log screen says of itself: which part is read, and how far it is. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from k8sops.core.logs import LogWanted

SPANS: Final = {2: (60, "1m"), 3: (300, "5m"), 4: (900, "15m"), 5: (1_800, "30m"), 6: (3_600, "1h")}
"""k9s's keys: digit to seconds, and the word for them."""


def span_wanted(wanted: LogWanted, digit: int) -> LogWanted:
    """The part of the log behind a digit: 0 the tail, 1 the head, 2 to 6 so long ago."""
    if digit == 0:
        return msgspec.structs.replace(wanted, part="tail", since_s=0)
    if digit == 1:
        return msgspec.structs.replace(wanted, part="head", since_s=0)
    return msgspec.structs.replace(wanted, part="since", since_s=SPANS[digit][0])


def part_said(wanted: LogWanted) -> str:
    """`the last 100 lines`, `since 15m`."""
    if wanted.part == "since":
        return f"since {next((word for s, word in SPANS.values() if s == wanted.since_s), f'{wanted.since_s} s')}"
    return f"{'the first' if wanted.part == 'head' else 'the last'} {wanted.lines} lines"


def subject_said(wanted: LogWanted) -> str:
    """`shop/pods/web-1 · container app`."""
    which = f"container {wanted.container}" if wanted.container else "all containers"
    before = " · PREVIOUS" if wanted.previous else ""
    return f"{wanted.namespace}/{wanted.kind}/{wanted.name} · {which}{before}"


def state_said(*, ended: bool, failed: bool, follows: bool, wanted: LogWanted) -> str:
    """How the reading goes."""
    if failed:
        return "✗ not read, ctrl-r tries again"
    if wanted.previous or wanted.part == "head":
        return "- all of it" if ended else "~ reading"
    if ended:
        return "- ended"
    return "✓ following" if follows else "! paused here, s or G goes on"
