"""The screen of logs under a pilot: k9s's keys, searching, standing still while lines come, and failures."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8sops.core.errors import ForbiddenError
from k8sops.core.logs import LogEntry, LogStream
from k8sops.tui.browse import BrowseScreen
from k8sops.tui.logs.buffer import LogBuffer
from k8sops.tui.logs.line_text import Look, clean, shown_text
from tests.tui.session_desk import STREAM, said, stage, with_streams

JSON = '{"time": "2026-11-21T12:00:05Z", "level": "warn", "msg": "slow", "ms": 812, "path": "/cart"}'


async def test_l_follows_the_pod_and_every_key_asks_for_another_part_as_in_k9s() -> None:
    """Hands that know k9s must not have to learn where the last five minutes are."""
    async with stage() as on:
        on.ops.there = [said("one"), said("two")]
        await on.press("l")
        await on.reads("one", "two")
        on.ops.write(said("three"))
        await on.reads("one", "two", "three")
        assert on.title.startswith("✓ following · data/pods/etl-")
        assert on.ops.wanted[0].lines == 100
        for key, part in {"1": "head", "3": "since", "0": "tail"}.items():
            await on.press(key)
            await on.until(lambda part=part: on.ops.wanted[-1].part == part)  # type: ignore[misc]
        assert [wanted.since_s for wanted in on.ops.wanted] == [0, 0, 300, 0]
        await on.press("p")
        await on.until(lambda: on.ops.wanted[-1].previous)
        await on.until(lambda: "PREVIOUS" in on.title)
        # Only the last one asked for is still read: four streams left open would be four too many.
        await on.until(lambda: on.ops.followers == 1)
        await on.press("escape")
        await on.until(lambda: isinstance(on.app.screen, BrowseScreen))
        await on.until(lambda: on.ops.followers == 0)


async def test_a_search_shows_what_matches_and_its_inverse_and_forgets_at_escape() -> None:
    """A thousand lines a minute are read by looking for one word."""
    async with stage() as on:
        on.ops.there = [said("cart loaded"), said("ERROR no stock"), said("restarted", marker=True)]
        await on.press("l")
        await on.reads("cart loaded", "ERROR no stock", "── restarted ──")
        await on.press("slash", *"error", "enter")
        await on.reads("ERROR no stock")
        on.ops.write(said("fine"), said("another error"))
        await on.reads("ERROR no stock", "another error")
        assert "2 of 5 lines" in on.title
        await on.press("slash", "home", "exclamation_mark", "enter")
        await on.reads("cart loaded", "fine")
        await on.press("slash", "end", "left_square_bracket", "enter")
        await on.reads("cart loaded", "ERROR no stock", "fine", "another error")
        await on.press("escape")
        await on.until(lambda: len(on.view.texts) == 5)


async def test_going_up_stands_still_while_lines_come_and_the_end_follows_again() -> None:
    """A line one is reading must not run away."""
    async with stage() as on:
        on.ops.there = [said(f"line {number}") for number in range(100)]
        await on.press("l")
        await on.until(lambda: len(on.view.texts) == 100 and on.view.scroll_offset.y == on.view.max_scroll_y)
        await on.press("k", "k")
        await on.until(lambda: not on.view.follows)
        place = on.view.scroll_offset.y
        on.ops.write(said("more"))
        await on.until(lambda: len(on.view.texts) == 101)
        assert on.view.scroll_offset.y == place
        assert "paused" in on.title
        await on.press("G")
        await on.until(lambda: on.view.scroll_offset.y == on.view.max_scroll_y and on.view.follows)
        await on.press("s")
        assert not on.view.follows
        await on.press("m", "C")
        await on.reads()


async def test_several_containers_are_named_and_one_after_another_can_be_had_alone() -> None:
    """A pod's sidecar must not pass for the application."""
    async with stage() as on:
        on.ops.there = [said("from app"), with_streams(said("from proxy"), "web-1", "proxy")]
        await on.press("l")
        await on.reads("app from app", "proxy from proxy")
        for wanted in ("app", "proxy", ""):
            await on.press("a")
            await on.until(lambda wanted=wanted: on.ops.wanted[-1].container == wanted)  # type: ignore[misc]


async def test_json_times_and_wrapping_change_how_lines_look_and_keep_them() -> None:
    """Structured logs are for machines; people read the words first."""
    async with stage() as on:
        on.ops.there = [said(JSON, 5), said("x" * 150, 6)]
        await on.press("l")
        await on.reads(JSON, "x" * 150)
        await on.press("J")
        await on.reads("WARN   slow  ms=812 path=/cart", "x" * 150)
        await on.press("t")
        await on.reads(
            "2026-11-21 12:00:05.000 WARN   slow  ms=812 path=/cart", f"2026-11-21 12:00:06.000 {'x' * 150}"
        )
        await on.press("w")
        await on.until(lambda: len(on.view.texts) == 3)
        assert max(map(len, on.view.texts)) <= 100


async def test_a_refusal_is_one_sentence_and_is_tried_again_by_a_key() -> None:
    """A role without pods/log is the commonest trouble here."""
    async with stage() as on:
        on.ops.trouble = ForbiddenError(
            "get pods/log in shop: forbidden to bob", hint="ask for the role view"
        )
        await on.press("l")
        await on.until(lambda: "forbidden to bob" in on.banner)
        assert "ctrl-r tries again" in on.title
        on.ops.trouble, on.ops.there = None, [said("now it works")]
        await on.press("ctrl+r")
        await on.reads("now it works")
        on.ops.end()
        await on.until(lambda: "- ended" in on.title)


async def test_what_is_shown_is_copied_and_saved_for_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log goes into a ticket; the file may hold what others should not read."""
    monkeypatch.setenv("K8SOPS_DATA", str(tmp_path))
    async with stage() as on:
        on.ops.there = [said("keep this"), said("and not that")]
        await on.press("l")
        await on.press("slash", *"keep", "enter")
        await on.reads("keep this")
        await on.press("c")
        assert on.app.clipboard == "keep this"
        await on.press("ctrl+s")
        await on.until(lambda: "Saved 1 line to" in on.banner)
    (found,) = (tmp_path / "saved").iterdir()
    assert found.read_text() == "keep this\n"
    assert found.stat().st_mode & 0o077 == 0


async def test_where_no_line_is_shown_no_file_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty file in a ticket says that there was no log."""
    monkeypatch.setenv("K8SOPS_DATA", str(tmp_path))
    async with stage() as on:
        on.ops.there = [said("keep this")]
        await on.press("l")
        await on.reads("keep this")
        await on.press("slash", *"order", "enter")
        await on.until(lambda: not on.view.texts)
        await on.press("ctrl+s")
        await on.until(lambda: "nothing to save" in on.banner)
    assert not (tmp_path / "saved").exists()


async def test_l_on_what_has_no_pods_does_nothing_and_p_reads_the_life_before() -> None:
    """A key that means nothing here must not open something else."""
    async with stage() as on:
        await on.press("colon", *"nodes", "enter")
        await on.until(lambda: on.ops.queries[-1].kind == "nodes" and on.ops.feeds["nodes"].is_heard)
        await on.press("l")
        assert isinstance(on.app.screen, BrowseScreen)
        await on.press("colon", *"pods", "enter")
        await on.until(lambda: on.ops.queries[-1].kind == "pods" and on.ops.feeds["pods"].is_heard)
        await on.press("p")
        await on.until(lambda: on.ops.wanted and on.ops.wanted[0].previous)


def test_the_oldest_lines_go_first_and_what_is_kept_is_bounded_in_lines_and_characters() -> None:
    """A container that floods must not take the memory of the machine."""
    buffer = LogBuffer("web", most=100, characters=1_000)
    for number in range(1_000):
        buffer.put([said(f"line {number}")])
    assert len(buffer) == 100
    assert (buffer.rows[0].text, buffer.rows[-1].text, buffer.dropped) == ("line 900", "line 999", 900)
    assert buffer.put([said("x" * 950)]) == 94
    assert len(buffer) < 10


def test_rows_stay_true_to_lines_while_wrapped_searched_and_trimmed() -> None:
    """Rows are counted beside the lines: one wrong count and the screen shows other lines than it keeps."""
    buffer = LogBuffer("web", most=10)
    buffer.resize(20)
    buffer.change(Look(wrap=True))
    for number in range(40):
        buffer.put([said(f"{number:02d} {'word ' * (number % 9)}")])
        whole = LogBuffer("web", most=10)
        whole.resize(20)
        whole.change(Look(wrap=True))
        whole.put([said(f"{n:02d} {'word ' * (n % 9)}") for n in range(max(0, number - 9), number + 1)])
        assert buffer.rows == whole.rows
        assert buffer.matching == whole.matching == min(10, number + 1)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07"),
        ("a\tb", "a   b"),
        ("\u202eevil", "\\u202eevil"),
        ("日本", "日本"),
    ],
)
def test_what_a_container_writes_cannot_drive_the_terminal(written: str, shown: str) -> None:
    """A log line is anybody's text."""
    assert clean(written) == shown


def test_a_line_that_was_cut_says_so_and_broken_json_stays_as_it_is() -> None:
    """Neither may pass for what the container wrote."""
    assert shown_text(LogEntry(STREAM, 0, "abc", 5_000), Look())[0] == "abc … 5,000 bytes more"
    assert shown_text(LogEntry(STREAM, 0, '{"level": '), Look(json=True))[0] == '{"level": '


def test_a_line_of_brackets_without_end_is_shown_as_it_is() -> None:
    """JSON nested deeper than any reader goes must not take the screen along."""
    nested = '{"a":' * 5_000 + "1" + "}" * 5_000
    entry = LogEntry(LogStream("shop", "web-1", "app"), 0, nested)
    assert shown_text(entry, Look(json=True))[0] == nested
