"""What reaches a terminal: our own colours, and nothing by which text from elsewhere could steer it."""

from __future__ import annotations

import os
import termios
from datetime import UTC, datetime
from io import StringIO
from typing import cast

import pytest

from k8sops.cli.console import ProgressLine, safe_lines
from k8sops.cli.run_text import summary_lines, tell_event
from k8sops.core.actor import Actor
from k8sops.core.clock import SystemClock
from k8sops.core.events import Event, EventKind, waits
from k8sops.core.run import RunState, RunSummary
from tests.tui.feeds import FixedClock


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
        tell_event(Event(seq=seq, at=at, kind=kind, step=step, text=text), line, SystemClock())
    assert stream.getvalue() == "  1 of 2\n  1 of 9\n"
    waits = Event(seq=9, at=at, kind="progress", step="a", text="1 of 2 ready", data={"waiting_for": "web-1"})
    tell_event(waits, line, SystemClock())
    assert stream.getvalue().endswith("  1 of 2 ready; waiting for web-1\n")


def test_what_is_waited_for_grows_older_on_a_terminal_without_another_event() -> None:
    """A stuck rollout tells nothing more: `since 0 s` for two minutes looks like a program that hangs."""
    reader, writer = os.openpty()
    clock = FixedClock()
    data = waits("web: 1 replica is old", clock.now())
    with os.fdopen(writer, "w") as stream, os.fdopen(reader, "rb", buffering=0) as shown:
        line = ProgressLine(stream)
        event = Event(seq=1, at=clock.now(), kind="progress", text="2 of 2", data=data)
        tell_event(event, line, clock)
        assert b"since" not in shown.read(1000)
        clock.forward(134)
        line.tick()
        assert b"since 2 min 14 s" in shown.read(1000)


@pytest.mark.parametrize(
    ("waited_for", "shown"),
    [
        ("payments-pdb", "  3 of 57 pods have moved; waiting for payments-pdb, since 40 s"),
        (
            "payments-pdb: 0 disruptions allowed, 2 of 3 pods are ready",
            "  3 of 57 pods have moved; waiting for payments-pdb: 0 disruptions…, since 40 s",
        ),
    ],
)
def test_since_when_it_waits_is_seen_on_a_narrow_terminal_too(waited_for: str, shown: str) -> None:
    """It is what changes: a line that ends before it looks the same for ever."""
    reader, writer = os.openpty()
    termios.tcsetwinsize(writer, (24, 80))
    clock = FixedClock()
    data = waits(waited_for, clock.now())
    clock.forward(40)
    with os.fdopen(writer, "w") as stream, os.fdopen(reader, "rb", buffering=0) as terminal:
        event = Event(seq=1, at=clock.now(), kind="progress", text="3 of 57 pods have moved", data=data)
        tell_event(event, ProgressLine(stream), clock)
        assert terminal.read(1000).decode() == f"\r\x1b[K{shown}"


def test_of_a_long_line_that_waits_for_nothing_the_beginning_is_seen() -> None:
    """And that there is more of it."""
    reader, writer = os.openpty()
    termios.tcsetwinsize(writer, (24, 80))
    with os.fdopen(writer, "w") as stream, os.fdopen(reader, "rb", buffering=0) as terminal:
        ProgressLine(stream).show("x" * 200)
        assert terminal.read(1000).decode() == f"\r\x1b[K{'x' * 78}…"


def test_in_a_log_what_is_waited_for_is_written_once() -> None:
    """A file or a job's output would fill with a line a second."""
    stream, clock = StringIO(), FixedClock()
    line = ProgressLine(stream)
    event = Event(seq=1, at=clock.now(), kind="progress", text="1 of 2", data=waits("web-1", clock.now()))
    tell_event(event, line, clock)
    clock.forward(134)
    line.tick()
    assert stream.getvalue() == "  1 of 2; waiting for web-1\n"


def test_why_a_step_failed_is_told_shortly_since_the_end_tells_it_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A paragraph of thousands of characters came twice, one below the other."""
    at, text = datetime(2026, 11, 21, tzinfo=UTC), "secrets in shop (forbidden); " * 90
    for seq, kind in enumerate(("step_failed", "note"), 1):
        tell_event(
            Event(seq=seq, at=at, kind=cast("EventKind", kind), step="a", text=text),
            ProgressLine(),
            SystemClock(),
        )
    failed, note = capsys.readouterr().err.splitlines()
    assert failed.startswith("  ✗ secrets in shop (forbidden); secrets in shop")
    assert failed.endswith("…")
    assert len(failed) < 170
    assert len(note) > 2000, "a note is told nowhere else"


def test_the_list_of_runs_has_a_summary_of_how_each_ended() -> None:
    """One failed restore filled the screen, in one row; while a run goes on, since when it waits is not cut off."""
    headline = "failed: " + "configmaps/a is not there; " * 90
    at = datetime(2026, 11, 21, tzinfo=UTC)
    failed, going = (
        RunSummary(
            id="01JD7Q8Z4N5X6Y7V8W9ABCDEFG",
            action="restore",
            state=state,
            headline=headline,
            summary="",
            actor=Actor(name="alice", surface="cli"),
            cluster_uid="",
            risk="low",
            digest="",
            proposed_at=at,
        )
        for state in (RunState.FAILED, RunState.RUNNING)
    )
    _, first, second = summary_lines((failed, going), at)
    assert first.endswith(" configmaps/a is…")
    assert len(first) < 260
    assert second.endswith(headline.strip())
