"""Questions a command has besides its options: asked at a terminal, else one sentence that names the option."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from k8sops.cli.asking import at_terminal
from k8sops.cli.console import paint, say
from k8sops.core.errors import ConfirmationError, UsageError
from k8sops.core.text import printable


def ask(question: str, option: str, *, usually: str = "") -> str:
    """A word or a line; what is usual is taken with Enter. Raises UsageError where nobody can be asked."""
    _need_terminal(question, option)
    while True:
        typed: str = click.prompt(
            printable(question),
            default=printable(usually),
            show_default=bool(usually),
            prompt_suffix=": ",
            err=True,
        )
        if typed.strip():
            return typed.strip()


def ask_if_any(question: str) -> str:
    """The same where nothing is an answer, too; nothing without a terminal."""
    if not at_terminal():
        return ""
    typed: str = click.prompt(printable(question), default="", show_default=False, err=True)
    return typed.strip()


def ask_secret(question: str, option: str) -> str:
    """What is not to be seen on the screen while it is typed."""
    _need_terminal(question, option)
    typed: str = click.prompt(printable(question), hide_input=True, err=True)
    return typed.strip()


def ask_again(question: str) -> bool:
    """Whether to look once more; never without a terminal."""
    return at_terminal() and click.confirm(printable(question), default=True, err=True)


def agreed(question: str, *, yes: bool, nothing: str) -> None:
    """Return once it is agreed to. Raises ConfirmationError, which says what was left undone."""
    if yes:
        return
    if not at_terminal():
        raise ConfirmationError(
            f"there is no terminal to ask at, so {nothing}", hint="look at it, then add --yes"
        )
    if not click.confirm(printable(question), default=False, err=True):
        raise ConfirmationError(f"not confirmed; {nothing}")


def show_change(path: Path, before: str, after: str) -> None:
    """What a file would say, line by line."""
    lines = difflib.unified_diff(
        before.splitlines(),
        after.splitlines(),
        str(path) if before else "no file yet",
        str(path),
        lineterm="",
        n=2,
    )
    for line in lines:
        style = {"+": "low", "-": "blocker"}.get(line[:1], "")
        say(f"  {paint(printable(line), style)}")


def _need_terminal(question: str, option: str) -> None:
    if not at_terminal():
        raise UsageError(f"{option} is not given, and there is no terminal to ask at", hint=question)
