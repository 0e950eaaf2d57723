"""A timeline as text, as JSON and as a page: readable, the same again, and deaf to what a cluster wrote."""

from __future__ import annotations

import re
from datetime import timedelta, timezone
from html.parser import HTMLParser

import pytest

from k8sops.core.errors import UsageError
from k8sops.core.timeline import Timeline, Unknown
from k8sops.redact import KeyedRedactor, TextRedactor
from k8sops.timeline.as_html import MOST_ROWS, timeline_html
from k8sops.timeline.as_json import read_timeline, timeline_json
from k8sops.timeline.as_text import timeline_lines
from k8sops.timeline.chart import chart_of
from tests.timeline.moments import ns, timeline_of, told

HOSTILE = (
    "</td><script>alert(1)</script><img src=//evil/x onerror=alert(2)> \x1b[2J \u202egnp.exe {{ 7 * 7 }}"
)


def _timeline() -> Timeline:
    return timeline_of(
        told("05:00", "revision 4: web web:1.3", matter="rollout", subject="Deployment shop/web"),
        told("05:10", "KeyError: 'DSN'", matter="log", bad=True, count=40, until="09:50"),
        told("05:20", "ended with exit code 1 (Error)", matter="restart", bad=True),
        told("05:21", "Pulled: image"),
        told(
            "10:00",
            "began: rollback Deployment shop/web",
            matter="run",
            subject="run 01J",
            targets=("Deployment shop/web",),
        ),
        title="cluster demo, namespace shop",
        unknown=(Unknown(source="nodes", why="forbidden", expected=True),),
    )


class _Tags(HTMLParser):
    """The page as a browser would build it, as far as names go."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend((name, value or "") for name, value in attrs)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _parsed(page: bytes) -> _Tags:
    tags = _Tags()
    tags.feed(page.decode())
    return tags


def test_text_states_its_zone_marks_trouble_and_names_what_is_missing() -> None:
    """It must be readable in a mail, where there is no colour."""
    lines = list(timeline_lines(_timeline()))
    assert lines[0] == "cluster demo, namespace shop: 2026-11-22 16:00:00 to 17:00:00 UTC"
    assert lines[1] == "1 restart, 40 lines of errors; 1 new revision, 1 run of ours"
    assert lines[2] == "-- 2026-11-22 UTC"
    assert lines[4].startswith("16:05:10 ! log      Pod shop/web-1")
    assert lines[4].endswith("40 lines of errors until 16:09:50, the first: KeyError: 'DSN'")
    assert lines[6].startswith("16:05:21   event ")
    assert lines[-1] == "not in it: nodes (forbidden)"


def test_what_is_missing_for_one_reason_is_one_line() -> None:
    """Who may read little would otherwise read of nothing else."""
    refused = [
        Unknown(source=source, why="not permitted", expected=True)
        for source in ("jobs in shop", "nodes", "events in shop")
    ]
    broken = Unknown(source="log of shop/web-1/app", why="no route")
    lines = list(timeline_lines(timeline_of(unknown=(refused[0], broken, *refused[1:]))))
    assert lines[-2:] == [
        "not in it: jobs, events in shop; nodes (not permitted)",
        "not in it: log of shop/web-1/app (no route)",
    ]


def test_another_zone_moves_the_times_and_is_named() -> None:
    """Whoever was on call remembers their own clock; a day may begin on the way."""
    zone = timezone(timedelta(hours=7, minutes=30), "XYZ")
    lines = list(timeline_lines(_timeline(), zone=zone))
    assert lines[0].endswith("2026-11-22 23:30:00 to 2026-11-23 00:30:00 XYZ (UTC+0730)")
    assert lines[3].startswith("23:35:00 ")


@pytest.mark.parametrize("width", [48, 80, 120, 200])
def test_no_line_of_text_is_wider_than_the_terminal(width: int) -> None:
    """A line that breaks by itself tears the columns apart."""
    moments = timeline_of(
        told("05:00", "word " * 80, bad=True, subject="Pod shop/" + "x" * 70), title="t" * 300
    )
    assert max(len(line) for line in timeline_lines(moments, width=width)) <= width


def test_text_from_a_cluster_steers_no_terminal() -> None:
    """An event's message is anybody's who can create a pod."""
    text = "\n".join(timeline_lines(timeline_of(told("05:00", HOSTILE, subject=HOSTILE), title=HOSTILE)))
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_an_empty_timeline_says_that_nothing_is_on_record() -> None:
    """Kubernetes forgets events after an hour: nothing found is not nothing happened."""
    empty = timeline_of()
    assert "Nothing happened that is still on record." in list(timeline_lines(empty))
    assert b"Nothing happened that is still on record." in timeline_html(empty)


def test_the_json_document_is_read_back_as_the_same_timeline() -> None:
    """A bundle keeps it, and every view is made from it again."""
    given = _timeline()
    assert read_timeline(timeline_json(given)) == given
    assert timeline_json(given).count(b'"matter"') == 5
    assert read_timeline(timeline_json(timeline_of())) == timeline_of()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"format": "other/1", "since": "", "until": ""}',
        b'{"format": "k8sops/timeline/1", "since": "2026-11-22T16:00:00Z", "until": "2026-11-22T17:00:00Z", '
        b'"moments": [{"at": "never", "matter": "event", "subject": "x", "text": "y"}]}',
        b'{"format": "k8sops/timeline/1", "since": "2026-11-22T16:00:00Z", "until": "2026-11-22T17:00:00Z", '
        b'"moments": [{"at": "2026-11-22T16:00:00Z", "matter": "magic", "subject": "x", "text": "y"}]}',
    ],
)
def test_what_is_no_timeline_is_refused_with_a_sentence(data: bytes) -> None:
    """Bundles come from other people."""
    with pytest.raises(UsageError, match="timeline"):
        read_timeline(data)


def test_the_page_needs_nothing_else_and_runs_nothing() -> None:
    """It is opened from a mail, on a machine that must not call anybody."""
    page = timeline_html(_timeline())
    tags = _parsed(page)
    assert not {"script", "img", "link", "iframe", "object", "form"} & set(tags.tags)
    assert not any(name in {"src", "href", "style"} or name.startswith("on") for name, _ in tags.attributes)
    policy = next(value for name, value in tags.attributes if name == "content" and "default-src" in value)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert b"url(" not in page


def test_the_page_s_style_is_the_one_its_policy_allows() -> None:
    """A hash that does not fit would leave it bare."""
    import base64
    import hashlib

    page = timeline_html(_timeline()).decode()
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in page


def test_hostile_text_is_only_text_on_the_page() -> None:
    """Title, subject, text, reasons: each can hold what somebody typed."""
    hostile = timeline_of(
        told("05:00", HOSTILE, subject=HOSTILE, matter="rollout"),
        told("06:00", HOSTILE, subject=HOSTILE, matter="run", targets=(HOSTILE,)),
        told("07:00", HOSTILE, matter="log", bad=True),
        title=HOSTILE,
        unknown=(Unknown(source=HOSTILE, why=HOSTILE),),
    )
    page = timeline_html(hostile)
    tags = _parsed(page)
    assert not {"script", "img"} & set(tags.tags)
    assert b"\x1b" not in page
    assert "\u202e" not in page.decode()
    assert any("{{ 7 * 7 }}" in text for text in tags.text)


def test_redaction_of_the_finished_page_leaves_it_whole() -> None:
    """A bundle redacts every file it is given; the style's hash must not look like a secret."""
    page = timeline_html(_timeline())
    stream = TextRedactor(KeyedRedactor(b"k" * 32)).stream()
    assert stream.feed(page) + stream.finish() == page


def test_a_page_of_very_many_rows_keeps_the_trouble_and_says_what_it_left_out() -> None:
    """A browser that hangs shows nothing."""
    calm = [
        told("05:00", f"Pulled {place}", subject=f"Pod shop/p{place}x") for place in range(MOST_ROWS + 10)
    ]
    page = timeline_html(timeline_of(*calm, told("06:00", "BackOff: x", bad=True)))
    assert page.count(b"<tr") < 20
    assert b"BackOff: x" in page
    assert re.search(rb"5,010 rows: more than 5,000", page)


def test_the_chart_draws_every_line_of_errors_and_every_restart_once() -> None:
    """What is spread over minutes must add up to what was counted."""
    chart = chart_of(_timeline())
    errors, restarts, _ = chart.panels
    assert chart.span == "1 min"
    assert [bar.said for bar in restarts.bars] == ["16:05:00: 1 restarts"]
    counts = [int(bar.said.split()[1]) for bar in errors.bars]
    assert len(counts) == 5
    assert sum(counts) == pytest.approx(40, abs=3)
    assert [mark.style for mark in chart.marks] == ["rollout", "run"]


def test_the_chart_counts_of_what_began_earlier_only_the_part_in_the_window() -> None:
    """A thousand restarts since yesterday are not a thousand in this hour."""
    long = told("-60:00", "again", matter="restart", bad=True, count=1200, until="60:00")
    _, restarts, _ = chart_of(timeline_of(long)).panels
    assert sum(float(bar.said.split()[1]) for bar in restarts.bars) == pytest.approx(600, abs=15)


def test_the_chart_stays_inside_its_frame_for_windows_of_any_length() -> None:
    """Ten seconds or three years."""
    for minutes in ("00:10", "60:00", "90000:00", "1600000:00"):
        given = timeline_of(told("00:05", "x", matter="log", bad=True))
        timeline = Timeline(since_ns=given.since_ns, until_ns=ns(minutes), moments=given.moments)
        chart = chart_of(timeline)
        (bar,) = chart.panels[0].bars
        assert chart.left <= bar.x
        assert bar.x + bar.width <= chart.right + 1
        assert 2 <= len(chart.ticks) <= 8
        assert all(chart.left <= tick.x <= chart.right for tick in chart.ticks)
