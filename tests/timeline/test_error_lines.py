"""Lines of errors found in a log's bytes, whatever they look like and however they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.core.logs import LogStream
from k8sops.core.timeline import Moment
from k8sops.timeline.error_lines import LONGEST_LINE, MOST_SPANS, ErrorLines
from tests.timeline.moments import ns, stamp

WEB = LogStream("shop", "web-1", "app")


def _found(*pieces: bytes, previous: bool = False) -> list[Moment]:
    search = ErrorLines(WEB, previous=previous)
    for piece in pieces:
        search.feed(piece)
    return search.moments()


def _line(clock: str, text: str) -> bytes:
    return f"2026-11-22T16:{clock}.123456789Z {text}\n".encode()


@pytest.mark.parametrize(
    "text",
    [
        "ERROR could not connect",
        "2026/11/22 16:00:00 [error] 31#31: *4 upstream timed out",
        "level=error msg=x",
        'time="x" level=fatal msg=x',
        '{"level":"error","msg":"x"}',
        '{"severity": "ERROR"}',
        '{"level":50,"msg":"x"}',
        "lvl=eror msg=x",
        "E1122 16:00:00.000001       1 controller.go:114] sync failed",
        "F1122 16:00:00.000001       1 main.go:1] cannot start",
        "panic: runtime error: index out of range",
        "Traceback (most recent call last):",
        "KeyError: 'PAYMENTS_DSN'",
        "java.lang.IllegalStateException: closed",
        'Exception in thread "main" java.lang.OutOfMemoryError',
        "requests.exceptions.ConnectionError",
        "<err>: disk full",
        "FATAL:  password authentication failed",
        "Error: Cannot find module 'express'",
    ],
)
def test_a_line_of_an_error_is_found_in_the_form_its_runtime_writes(text: str) -> None:
    """klog, logfmt, JSON, nginx, Python, Java, Go, Node, Postgres: an incident has all of them at once."""
    (one,) = _found(_line("05:00", text))
    if text.startswith("{"):
        text = one.text
    assert (one.matter, one.count, one.text, one.bad) == ("log", 1, " ".join(text.split()), True)
    assert one.at_ns == ns("05:00.123456789")
    assert one.subject == "Pod shop/web-1 (app)"


@pytest.mark.parametrize(
    "text",
    [
        "GET /errors/404 200",
        "0 errors, 3 warnings",
        "level=info msg=no_error",
        '{"level":"info","errors":0}',
        "ERROR_COUNT=0",
        "I1122 16:00:00.000001       1 error.go:114] retried",
        "panicking is not what we do",
        "loaded ErrorHandler",
        '{"level":30,"msg":"x"}',
    ],
)
def test_a_line_that_only_mentions_errors_is_not_counted(text: str) -> None:
    """A chart of false errors is worse than none."""
    assert _found(_line("05:00", text)) == []


def test_lines_are_counted_by_the_minute_with_the_first_as_their_example() -> None:
    """Each minute is a bar, and each needs a sentence."""
    lines = [_line("05:01", "ERROR a"), _line("05:59", "ERROR b"), _line("06:00", "ERROR c")]
    first, second = _found(b"".join(lines))
    assert (first.count, first.text, first.at_ns, first.until_ns) == (
        2,
        "ERROR a",
        ns("05:01.123456789"),
        ns("05:59.123456789"),
    )
    assert (second.count, second.text, second.until_ns) == (1, "ERROR c", 0)


def test_a_traceback_is_told_by_its_error_not_by_its_heading() -> None:
    """`Traceback (most recent call last):` says that there was one, the last line says which."""
    lines = (
        _line("05:01", "Traceback (most recent call last):")
        + _line("05:01", '  File "main.py", line 3')
        + _line("05:01", "KeyError: 'PAYMENTS_DSN'")
    )
    (one,) = _found(lines)
    assert one.text == "KeyError: 'PAYMENTS_DSN'"


@given(st.data())
def test_however_the_bytes_are_cut_the_same_is_found(data: st.DataObject) -> None:
    """Pieces come as the network has them."""
    texts = data.draw(
        st.lists(st.sampled_from(["ERROR x", "fine", "level=error y", "", "\xff\x00"]), max_size=12)
    )
    whole = b"".join(_line(f"{place:02d}:00", text) for place, text in enumerate(texts))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert _found(*pieces) == _found(whole)


def test_a_line_that_never_ends_is_searched_at_its_head_and_costs_no_memory() -> None:
    """Ten megabytes in one line, in small pieces, and the next line is found again."""
    search = ErrorLines(WEB)
    search.feed(_line("05:00", "ERROR long ").rstrip(b"\n"))
    for _ in range(200):
        search.feed(b"x" * 50_000)
    assert len(search._rest) <= LONGEST_LINE
    search.feed(b"\n" + _line("06:00", "ERROR short"))
    assert [one.count for one in search.moments()] == [1, 1]


def test_many_minutes_of_errors_become_longer_spans_and_none_is_lost() -> None:
    """A log of days must not give a moment for each of its minutes."""
    lines = b"".join(
        f"2026-11-{day:02d}T{hour:02d}:{minute:02d}:00Z ERROR x\n".encode()
        for day in (20, 21)
        for hour in range(24)
        for minute in range(60)
    )
    found = _found(lines)
    assert len(found) <= MOST_SPANS
    assert sum(one.count for one in found) == 2 * 24 * 60
    assert [one.at_ns for one in found] == sorted(one.at_ns for one in found)


def test_a_json_line_is_told_by_its_message() -> None:
    """Time and level stand in the row already."""
    (one,) = _found(
        _line("05:00", '{"time": "x", "level": "error", "msg": "upstream\\n is gone", "status": 500}')
    )
    assert one.text == "upstream is gone"
    (one,) = _found(_line("05:00", '{"level": "error", "msg": 5}'))
    assert one.text == '{"level": "error", "msg": 5}'


def test_the_life_before_a_restart_is_named() -> None:
    """Its lines explain the restart."""
    (one,) = _found(_line("05:00", "ERROR x"), previous=True)
    assert one.text == "before its restart: ERROR x"


def test_the_last_line_counts_though_nothing_ends_it() -> None:
    """A container that crashes rarely writes the newline."""
    (one,) = _found(f"{stamp('05:00')} panic: out of memory".encode())
    assert one.text == "panic: out of memory"


def test_brackets_without_end_are_told_as_they_are() -> None:
    """A line that no reader of JSON gets to the end of is still a line of an error."""
    lines = ErrorLines(LogStream("shop", "web-1", "app"))
    lines.feed(b'2026-11-22T16:00:00.000000001Z {"level":"error","a":' + b'{"a":' * 5_000 + b"\n")
    (moment,) = lines.moments()
    assert '{"level":"error"' in moment.text
