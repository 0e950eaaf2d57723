"""How lines look: names, times, JSON laid out, colours, documents."""

from __future__ import annotations

import json
from datetime import UTC
from zoneinfo import ZoneInfo

import msgspec
import pytest

from k8sops.core.errors import UsageError
from k8sops.service.loglines.lines import Lines
from k8sops.service.loglines.printing import LinePrinter, LineStyle
from k8sops.service.loglines.times import zone_named
from tests.service.loglines.made_up import WEB_2, leveled, line, marker, shown

JSON_LINE = (
    '{"time":"2026-11-22T17:30:00Z","level":"warn","msg":"slow upstream","ms":812,"path":"/cart","ok":true}'
)


def test_a_line_names_its_pod_and_container() -> None:
    """As stern does; the namespace only where there are several."""
    assert shown(LineStyle(), line("hello")) == "web-1 app hello\n"
    assert shown(LineStyle(namespaces=True), line("hello")) == "shop web-1 app hello\n"


def test_json_is_laid_out_as_time_level_message_and_the_rest() -> None:
    """What one looks for first stands first."""
    style = LineStyle(readable=True, zone=UTC)
    assert (
        shown(style, line(JSON_LINE))
        == "web-1 app 17:30:00.000 WARN  slow upstream ms=812 path=/cart ok=true\n"
    )
    assert shown(LineStyle(), line(JSON_LINE)) == f"web-1 app {JSON_LINE}\n"


def test_with_timestamps_the_time_is_told_once() -> None:
    """The kubelet's own, which orders the lines."""
    style = LineStyle(readable=True, zone=UTC, stamp="short")
    assert shown(style, line(JSON_LINE)).startswith("web-1 app 11-22 17:30:00 WARN  slow upstream")


def test_values_that_could_be_misread_are_quoted() -> None:
    """`a=1 b=2` as one value is no two."""
    text = '{"msg":"x","q":"a=1 b=2","empty":"","n":null,"list":[1,"two"]}'
    assert shown(LineStyle(readable=True, zone=UTC), line(text)).endswith(
        'x q="a=1 b=2" empty="" n=null list=[1,"two"]\n'
    )


def test_a_stack_trace_in_json_stands_below_its_line() -> None:
    """One line of 4,000 characters with escapes in it is what nobody can read."""
    text = json.dumps(
        {"level": "error", "msg": "boom", "stack": "java.io.IOException: x\n\tat a.B.c(D.java:1)\n"}
    )
    assert shown(LineStyle(readable=True, zone=UTC), line(text)) == (
        "web-1 app 17:30:00.000 ERROR boom\n    stack=\n    java.io.IOException: x\n    \tat a.B.c(D.java:1)\n"
    )


def test_pods_and_levels_have_colours_at_a_terminal() -> None:
    """The pod's is by its name, so that it is the same in the next terminal."""
    text = shown(LineStyle(colour=True), line("ERROR: it burns"), line("fine"))
    first, second = text.splitlines()
    assert first.endswith("\x1b[31mERROR: it burns\x1b[0m")
    assert second.endswith("m fine")
    assert first[:5] == second[:5]
    assert "\x1b" not in shown(LineStyle(), line("ERROR: it burns"))


def test_what_is_highlighted_keeps_its_level_s_colour() -> None:
    """Also where it stands next to our own colours, which a pattern of digits would match."""
    style = LineStyle(colour=True, highlight=("burns", r"\d"))
    assert "\x1b[31mERROR: it \x1b[7mburns\x1b[27m" in shown(style, line("ERROR: it burns"))
    assert shown(style, line("31")).endswith("\x1b[7m3\x1b[27m\x1b[7m1\x1b[27m\n")


@pytest.mark.parametrize(
    ("form", "zone", "expected"),
    [
        ("default", UTC, "2026-11-22T17:30:00.000000123Z"),
        ("default", ZoneInfo("Asia/Kolkata"), "2026-11-22T23:00:00.000000123+05:30"),
        ("short", ZoneInfo("Asia/Kolkata"), "11-22 23:00:00"),
    ],
)
def test_times_are_told_in_the_zone_asked_for(form: str, zone: ZoneInfo, expected: str) -> None:
    """To the nanosecond, by which lines are told apart."""
    style = msgspec.convert({"stamp": form}, LineStyle)
    style = msgspec.structs.replace(style, zone=zone)
    assert shown(style, line("x", second=0.000000123)) == f"web-1 app {expected} x\n"


def test_a_zone_that_there_is_not_is_refused() -> None:
    """In a sentence with examples."""
    with pytest.raises(UsageError, match="no time zone 'Mars/Olympus'"):
        zone_named("Mars/Olympus")
    with pytest.raises(UsageError, match="no time zone"):
        zone_named("../../etc/passwd")


def test_json_output_is_an_object_for_each_line() -> None:
    """With the same fields in each."""
    documents = [
        json.loads(one) for one in shown(LineStyle(output="json"), line(JSON_LINE), line("x")).splitlines()
    ]
    assert documents[0] == {
        "time": documents[0]["time"],
        "namespace": "shop",
        "pod": "web-1",
        "container": "app",
        "level": "warn",
        "message": JSON_LINE,
    }
    assert documents[1]["level"] is None


def test_extjson_holds_a_json_line_as_an_object() -> None:
    """For `jq .message.path`."""
    (document,) = shown(LineStyle(output="extjson"), line(JSON_LINE)).splitlines()
    assert json.loads(document)["message"]["path"] == "/cart"


def test_a_marker_stands_among_lines_for_people_and_beside_data() -> None:
    """A gap is to be seen where it is; a document is only ever a line."""
    assert shown(LineStyle(), marker("rotated away")) == "web-1 app ── rotated away ──\n"
    printed = LinePrinter(LineStyle(output="json")).printed(leveled(marker("rotated away")))
    assert printed.text == ""
    assert printed.aside == ("shop/web-1/app: rotated away",)


def test_a_gap_stands_out_among_markers() -> None:
    """Lines that are lost are worth more than a restart."""
    gap = msgspec.structs.replace(marker("rotated away"), gap=True)
    assert "\x1b[1;33m── rotated away ──" in shown(LineStyle(colour=True), gap)
    assert "\x1b[2m── began anew ──" in shown(LineStyle(colour=True), marker("began anew"))


def test_lines_cut_are_counted_for_the_end() -> None:
    """Raw output has no room to say it in place."""
    lines = Lines(LineStyle(output="raw"))
    lines.printed([line("x", cut=1), line("y", stream=WEB_2)])
    assert lines.remarks() == ["1 line cut: longer than is read of one line"]
