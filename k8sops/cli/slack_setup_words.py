"""How `k8sops slack setup` speaks: steps, what is well, what is left to do."""

from __future__ import annotations

from k8sops.cli.asking import at_terminal
from k8sops.cli.console import paint, report, say
from k8sops.core.errors import K8sOpsError

STEPS = 5


def step(number: int, title: str) -> None:
    """A heading."""
    say()
    say(paint(f"{number}/{STEPS}  {title}", "", bold=True))


def well(text: str) -> None:
    """What is right."""
    say(f"  {paint('✓', 'low')} {text}")


def left(text: str, hint: str = "") -> str:
    """What is not right yet, and what to do; returns the text, for the end."""
    say(f"  {paint('✗', 'blocker')} {text}")
    if hint:
        say(f"    {hint}")
    return text


def asked_again(error: K8sOpsError) -> None:
    """Say what was wrong with an answer, so that it is asked for once more; raises the error without a terminal."""
    if not at_terminal():
        raise error
    report(error)
