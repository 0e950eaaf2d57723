"""What stands above and beside a drain's picture: the verdict with its badges, what stops it, what one should know."""

from __future__ import annotations

from textwrap import wrap
from typing import Final

from textual.content import Content

from k8sops.core.plan import Plan
from k8sops.core.risk import Risk
from k8sops.core.text import printable
from k8sops.tui.draining.toned import Tone, TonedLine

_LEVELS: Final[dict[str, tuple[str, Tone]]] = {
    "blocker": ("✗", "bad"),
    "warning": ("!", "warn"),
    "note": ("·", "muted"),
}
_RISKS: Final = {
    Risk.READ: "$text-success",
    Risk.LOW: "$text-success",
    Risk.DISRUPTIVE: "$text-warning",
    Risk.DESTRUCTIVE: "$text-error",
}
_ENVIRONMENTS: Final = {
    "production": "bold white on $error-darken-2",
    "prod": "bold white on $error-darken-2",
    "staging": "bold white on $warning-darken-3",
}


def verdict(plan: Plan) -> Content:
    """Risk and environment as badges, then the plan's one sentence."""
    environment = plan.cluster.environment
    style = _ENVIRONMENTS.get(environment.lower(), "reverse")
    return Content.assemble(
        (f" {str(plan.risk).upper()} ", f"bold reverse {_RISKS[plan.risk]}"),
        " ",
        (f" {printable(environment).upper()} ", style),
        " ",
        (printable(plan.summary), "bold"),
    )


def known_lines(plan: Plan, width: int) -> list[TonedLine]:
    """Blockers, warnings and notes, the gravest first, each with the flag that would turn it off."""
    lines: list[TonedLine] = []
    for level, (sign, tone) in _LEVELS.items():
        for finding in plan.findings:
            if finding.level != level:
                continue
            override = f" [{finding.override} overrides]" if finding.override else ""
            first, *others = wrap(printable(finding.text + override), max(width - 2, 10)) or [""]
            lines.append(((f"{sign} ", tone), (first, "muted" if level == "note" else "")))
            lines += (((f"  {other}", "muted" if level == "note" else ""),) for other in others)
    return lines
