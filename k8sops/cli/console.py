"""What the command line writes: data on stdout, narration on stderr, colour only where a terminal shows it.

Who reads on no more (`| head`) stops nothing that is being done and changes no exit code; what is written without end
(`put_live`, `put_json_line`) raises BrokenPipeError then. Data that cannot be written is a failure, narration is not.
Text from a cluster passes through `printable` here, once, so that a hostile name cannot steer the terminal.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import click

from k8sops.cli.stdout import let_go
from k8sops.core.errors import K8sOpsError
from k8sops.core.text import printable

GLYPHS = {"note": "·", "warning": "!", "blocker": "✗"}
COLOURS = {
    "note": "blue",
    "warning": "yellow",
    "blocker": "red",
    "read": "green",
    "low": "green",
    "disruptive": "yellow",
    "destructive": "red",
}


_KEPT = re.compile(r"(\n|\x1b\[[0-9;]{0,16}m)")


def coloured(stream: TextIO) -> bool:
    """Whether colour may be used: a terminal, and NO_COLOR not set to anything (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, style: str, stream: TextIO | None = None, *, bold: bool = False) -> str:
    """The text in the colour of a level or risk, or as it is."""
    if not (coloured(stream or sys.stderr) and (bold or style in COLOURS)):
        return text
    return click.style(text, fg=COLOURS.get(style), bold=bold or None)


def say(text: str = "") -> None:
    """A line of narration."""
    with narrating(sys.stderr):
        click.echo(safe_lines(text), err=True, color=coloured(sys.stderr))


def put(text: str) -> None:
    """A line of data."""
    with _read_to_the_end():
        put_live(text)


def put_live(text: str) -> None:
    """A line of data, of which there is no end. Raises BrokenPipeError where nobody reads them any more."""
    click.echo(safe_lines(text), color=coloured(sys.stdout))


def put_json(document: Mapping[str, Any] | Sequence[Any]) -> None:
    """One JSON document on stdout."""
    with _read_to_the_end():
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def put_json_line(document: Mapping[str, Any]) -> None:
    """One JSON document on one line of stdout, at once. Raises BrokenPipeError where nobody reads any more."""
    click.echo(json.dumps(document, ensure_ascii=False))


@contextmanager
def _read_to_the_end() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        let_go(sys.stdout)


@contextmanager
def narrating(stream: TextIO) -> Iterator[None]:
    """Writing to somebody who may have gone: what is told then is told to nobody."""
    try:
        yield
    except OSError:
        # A run goes on, whether anybody hears of it or not.
        let_go(stream)


def safe_lines(text: str) -> str:
    """Text whose own line breaks and colours are kept, and nothing else that is not printable."""
    # Colours as `paint` adds them; any other escape came with the text, and would steer the terminal.
    parts = _KEPT.split(text)
    return "".join(part if number % 2 else printable(part) for number, part in enumerate(parts))


def report(error: K8sOpsError, *, as_json: bool = False) -> None:
    """A failure as one sentence and what to do about it."""
    message = printable(error.message.replace("\n", " "))
    with narrating(sys.stderr):
        click.echo(f"{paint('error:', 'blocker', bold=True)} {message}", err=True)
        if error.hint:
            click.echo(f"{paint('hint:', 'note', bold=True)} {printable(error.hint)}", err=True)
    if as_json:
        from k8sops.core.documents import error_document

        put_json(error_document(error))


def _fitted(text: str, width: int) -> str:
    """So much of a line; since when something is waited for stands at its end, and is what somebody watches."""
    if len(text) <= width:
        return text
    _, mark, since = text.rpartition(", since ")
    tail = mark + since if mark and len(mark + since) <= width // 2 else ""
    return f"{text[: max(0, width - 1 - len(tail))]}…{tail}"


class ProgressLine:
    """A line that is drawn over itself on a terminal, and written once per change elsewhere."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._shown = ""
        self._says: Callable[[], str] | None = None
        self._live = self._stream.isatty()
        self.over: set[str] = set()
        """What has ended: how far it had come is told no more."""

    def show(self, text: str) -> None:
        """Replace the line; long text is shortened to the terminal's width."""
        text = printable(text)
        if text == self._shown:
            return
        self._shown = text
        with narrating(self._stream):
            if self._live:
                # A terminal that does not know its width says 0.
                width = os.get_terminal_size(self._stream.fileno()).columns or 80
                self._stream.write(f"\r\x1b[K{_fitted(text, width - 1)}")
            else:
                self._stream.write(text + "\n")
            self._stream.flush()

    def keep(self, says: Callable[[], str]) -> None:
        """Replace the line by what `says` returns, which `tick` asks it for again."""
        self._says = says
        self.show(says())

    def tick(self) -> None:
        """Some time has passed: on a terminal the line says so; what is written once per change stays."""
        if self._live and self._says is not None:
            self.show(self._says())

    def clear(self) -> None:
        """Leave the line empty for what comes next."""
        if self._live and self._shown:
            with narrating(self._stream):
                self._stream.write("\r\x1b[K")
                self._stream.flush()
        self._shown, self._says = "", None
