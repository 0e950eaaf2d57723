"""What reaches a terminal: our own colours, and nothing by which text from elsewhere could steer it."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

import pytest

from k8sops.cli.console import ProgressLine, safe_lines
from k8sops.cli.run_text import tell_event
from k8sops.core.events import Event, EventKind


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m and plain\nnext", "\x1b[31mred\x1b[0m and plain\nnext"),
        ("\x1b[1m\x1b[33m!\x1b[0m", "\x1b[1m\x1b[33m!\x1b[0m"),
        ("quota \x1b[2J\x1b[Hgone", "quota \\x1b[2J\\x1b[Hgone"),
        ("\x1b[31mbad\x1b[0m \x1b]0;pwned\x07", "\x1b[31mbad\x1b[0m \\x1b]0;pwned\\x07"),
        ("back\rwards \u202e", "back\\x0dwards \\u202e"),
    ],
)
def test_a_line_keeps_colours_and_no_other_escape(text: str, shown: str) -> None:
    """An API server's refusal, beside a mark of ours in colour, must not clear the screen."""
    assert safe_lines(text) == shown


def test_how_far_a_step_was_is_not_told_once_it_has_ended() -> None:
    """Progress is recorded seldom and may come behind the end; a log that ends with it looks cut off."""
    stream = StringIO()
    line = ProgressLine(stream)
    told: list[tuple[EventKind, str, str]] = [
        ("progress", "a", "1 of 2"),
        ("step_done", "a", "all"),
        ("progress", "a", "2 of 2"),
        ("progress", "b", "1 of 9"),
    ]
    for seq, (kind, step, text) in enumerate(told, 1):
        at = datetime(2026, 11, 21, tzinfo=UTC)
        tell_event(Event(seq=seq, at=at, kind=kind, step=step, text=text), line)
    assert stream.getvalue() == "  1 of 2\n  1 of 9\n"
    waits = Event(seq=9, at=at, kind="progress", step="a", text="1 of 2 ready", data={"waiting_for": "web-1"})
    tell_event(waits, line)
    assert stream.getvalue().endswith("  1 of 2 ready; waiting for web-1\n")
