"""Which lines pass, and how what repeats is told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.core.errors import UsageError
from k8sops.core.log_levels import Level
from k8sops.service.loglines.filtering import LineFilter
from k8sops.service.loglines.folding import MOST_SHAPES, Folder, shape_of
from k8sops.service.loglines.lines import Lines
from k8sops.service.loglines.printing import LineStyle
from tests.service.loglines.made_up import START_S, WEB_1, WEB_2, leveled, line, marker, texts
from tests.tui.feeds import FixedClock


def a_folder(second: float = 3_600) -> Folder:
    """So many seconds after the start of all lines."""
    return Folder(FixedClock(datetime.fromtimestamp(START_S + second, UTC)))


def test_includes_are_any_of_and_excludes_none_of() -> None:
    """As stern has it."""
    chosen = LineFilter(include=["cart", "(?i)PAY"], exclude=["healthz"])
    passed = chosen.passed([line("GET /cart"), line("GET /cart/healthz"), line("payment 1"), line("GET /")])
    assert texts(passed) == ["GET /cart", "payment 1"]


def test_a_pattern_may_hold_any_letter() -> None:
    """Logs are not only English."""
    chosen = LineFilter(include=["größe|尺寸"])
    assert texts(chosen.passed([line("die größe"), line("尺寸 1"), line("size")])) == [
        "die größe",
        "尺寸 1",
    ]


@pytest.mark.parametrize("pattern", ["(", "a(?=b)", "(a)\\1", "x" * 1001])
def test_a_pattern_that_cannot_be_used_is_named_with_its_flag(pattern: str) -> None:
    """Before anything is connected; look-arounds are what makes an engine slow."""
    with pytest.raises(UsageError, match="--exclude"):
        LineFilter(exclude=["fine", pattern])


def test_a_level_lets_worse_pass_and_the_trace_that_belongs_to_it() -> None:
    """Also where an include takes only the first line: the trace is asked for by level alone."""
    chosen = LineFilter(least=Level.ERROR)
    passed = chosen.passed(
        [
            line("2026-11-22 17:30:01,123 INFO  [main] a - fine"),
            line("\tnot an error's"),
            line("2026-11-22 17:30:01,123 ERROR [main] a - boom"),
            line("\tat a.B.c(D.java:1)"),
            line("says nothing of itself", stream=WEB_2),
        ]
    )
    assert [text[:5] for text in texts(passed)] == ["2026-", "\tat a"]


def test_markers_pass_every_filter() -> None:
    """What is missing is no matter of level."""
    chosen = LineFilter(include=["nothing"], least=Level.FATAL)
    assert texts(chosen.passed([marker("a gap")])) == ["a gap"]


def test_lines_that_differ_in_numbers_are_told_once_and_counted() -> None:
    """Over all pods of the kind; the last one is shown, so that one sees what changed."""
    folder = a_folder()
    lines = leveled(
        *(line(f"order o-{n} took {n} ms", second=n / 10, stream=(WEB_1, WEB_2)[n % 2]) for n in range(43))
    )
    assert texts(folder.folded(lines)) == ["order o-0 took 0 ms"]
    assert texts(folder.rest()) == ["order o-42 took 42 ms … 41 more like it in 2 pods"]
    assert list(folder.rest()) == []


def test_a_count_is_told_once_ten_seconds_of_the_log_are_over() -> None:
    """By the lines' own time: history folds as it would have live."""
    folder = a_folder()
    lines = leveled(
        line("retry 1", second=0),
        line("retry 2", second=1),
        line("retry 3", second=2),
        line("done", second=10.5),
    )
    assert texts(folder.folded(lines)) == ["retry 1", "done", "retry 3 … 1 more like it"]


@pytest.mark.parametrize("off", [2, 3_600, -2, -3_600])
def test_a_node_whose_clock_is_off_ends_nobody_s_count_early(off: float) -> None:
    """What two nodes repeat side by side is counted for ten seconds, on the one as on the other."""
    said = []
    clock = FixedClock(datetime.fromtimestamp(START_S, UTC))
    folder = Folder(clock)
    for second in range(10):
        here = line(f"retry {second}", second=second)
        there = line(f"cart {second}", second=second + off, stream=WEB_2)
        for one in (here, there):
            said += texts(folder.folded(leveled(one)))
        clock.forward(1)
    assert said == ["retry 0", "cart 0"]
    said = texts(folder.folded(leveled(line("done", second=12))))
    assert said == ["done", "retry 9 … 8 more like it", "cart 9 … 8 more like it"]


def test_one_more_is_shown_rather_than_counted() -> None:
    """A count of one is longer than the line."""
    folder = a_folder()
    list(folder.folded(leveled(line("retry 1"), line("retry 2"))))
    assert texts(folder.rest()) == ["retry 2"]


def test_different_words_are_different_lines() -> None:
    """Only what holds a digit is taken for a number or an id."""
    assert shape_of("user alice 17") == shape_of("user alice 2026-11-22T17:30:00.5Z")
    assert shape_of("user alice 17") != shape_of("user bob 17")
    assert shape_of('trace="4bf92f3577b34da6" ok') == shape_of('trace="a0f92f3577b34da6" ok')


def test_memory_of_shapes_is_bounded() -> None:
    """A container that never says the same twice costs no more than 4,096 shapes."""
    folder = a_folder()
    words = [line(f"word {'ab'[n % 2]}{'x' * (n // 2)}"[:500]) for n in range(900)]
    many = [line(" ".join("abcdefgh"[int(d)] for d in f"{n:06o}")) for n in range(MOST_SHAPES + 500)]
    list(folder.folded(leveled(*words, *many)))
    assert len(folder._shapes) <= MOST_SHAPES + 1


@given(st.lists(st.tuples(st.sampled_from(["a 1", "a 2", "b 3", "c"]), st.integers(0, 40)), max_size=60))
def test_no_line_is_lost_in_folding(said: list[tuple[str, int]]) -> None:
    """Each is shown or counted, whatever the times."""
    folder = a_folder()
    out = texts(folder.folded(leveled(*(line(text, second=at) for text, at in said)))) + texts(
        list(folder.rest())
    )
    counted = sum(1 + (int(one.split()[-4]) if "…" in one else 0) for one in out)
    assert counted == len(said)


def test_folding_is_told_by_the_end_of_the_request() -> None:
    """Whoever presses Ctrl-C sees what was counted."""
    lines = Lines(LineStyle(), folder=a_folder())
    lines.printed([line(f"n {n}") for n in range(5)])
    assert lines.rest().text == "web-1 app n 4 … 3 more like it\n"
