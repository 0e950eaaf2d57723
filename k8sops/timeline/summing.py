"""What a timeline comes to, in numbers: for the line above its text and the head of its page."""

from __future__ import annotations

from collections import Counter

import msgspec

from k8sops.core.text import counted
from k8sops.core.timeline import Timeline


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """How often what happened; containers' ends and lines of errors by their own count."""

    restarts: int = 0
    error_lines: int = 0
    warnings: int = 0
    """Events that tell of trouble."""
    rollouts: int = 0
    scalings: int = 0
    runs: int = 0

    @property
    def text(self) -> str:
        """`5 restarts, 431 lines of errors, 12 warnings; 2 rollouts, 1 run of ours`; what is none is left out."""
        trouble = _listed(
            (self.restarts, "restart", ""),
            (self.error_lines, "line of errors", "lines of errors"),
            (self.warnings, "warning", ""),
        )
        changes = _listed(
            (self.rollouts, "new revision", ""),
            (self.scalings, "change of scale", "changes of scale"),
            (self.runs, "run of ours", "runs of ours"),
        )
        return "; ".join(part for part in (trouble, changes) if part)


def sum_of(timeline: Timeline) -> Sum:
    """Counted over all moments; a moment that began before the window counts whole."""
    bad: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for one in timeline.moments:
        whole[one.matter] += 1
        if one.bad:
            bad[one.matter] += one.count
    return Sum(
        restarts=bad["restart"],
        error_lines=bad["log"],
        warnings=bad["event"],
        rollouts=sum(one.matter == "rollout" and one.text.startswith("revision") for one in timeline.moments),
        scalings=whole["scale"],
        runs=len({one.subject for one in timeline.moments if one.matter == "run"}),
    )


def _listed(*parts: tuple[int, str, str]) -> str:
    return ", ".join(counted(number, one, many) for number, one, many in parts if number)
