"""What happened, on a phone: the rows that tell most, in order of time, and all of it as a file."""

from __future__ import annotations

from k8sops.core.timeline import Unknown
from k8sops_slack.reads.table import ROWS
from k8sops_slack.reads.timeline import timeline_listing
from tests.slack.bot.limits_kept import check_message
from tests.slack.bot.runs_shown import drawn
from tests.timeline.moments import timeline_of, told


def test_trouble_is_kept_where_not_all_fits_and_stands_in_order_of_time() -> None:
    """Fifteen calm events would hide the one that matters."""
    calm = [
        told(f"{place}:00", "NoPods: x", subject=f"PodDisruptionBudget shop/p{place}")
        for place in range(1, 31)
    ]
    bad = told("00:30", "BackOff: back-off", subject="Pod shop/web-1", bad=True)
    scaled = told("31:00", "up", matter="scale", subject="Deployment shop/web")
    listing = timeline_listing(timeline_of(*calm, bad, scaled, title="Cluster demo, namespace shop"))
    shown = listing.rows[:ROWS]
    assert shown[0] == ("16:00", "!", "web-1", "BackOff: back-off")
    assert shown[-1] == ("16:31", "", "web", "up")
    assert [row[0] for row in shown] == sorted(row[0] for row in shown)
    assert len(listing.rows) == 32
    message = listing.message("timeline")
    check_message(message.arguments())
    assert "(15 of 32)" in drawn(message.blocks)


def test_the_file_is_the_whole_timeline_in_order() -> None:
    """What the phone had no room for, as the command line prints it."""
    found = timeline_of(told("01:00", "a", bad=True), told("02:00", "b"), title="Cluster demo")
    lines = timeline_listing(found).text().splitlines()
    assert lines[0].startswith("Cluster demo: 2026-11-22 16:00:00")
    assert [line[:10] for line in lines[3:]] == ["16:01:00 !", "16:02:00  "]


def test_what_is_missing_is_said_below() -> None:
    """A person with few rights must not take it for all there was."""
    missing = Unknown(source="nodes", why="not permitted", expected=True)
    found = timeline_of(told("01:00", "a"), title="Cluster demo", unknown=(missing,))
    assert "not in it: nodes (not permitted)" in drawn(timeline_listing(found).message("timeline").blocks)


def test_nothing_found_is_not_nothing_happened() -> None:
    """Kubernetes forgets events."""
    assert "still on record" in timeline_listing(timeline_of(title="x")).message("timeline").text


def test_long_names_leave_room_for_what_happened() -> None:
    """A pod's name of forty characters would leave half a word of it; its end tells it from its siblings."""
    subject = "Pod shop/report-builder-549b8bc65d-kfqkj"
    found = timeline_of(
        told("01:00", "OOMKilled: " + "it used more than it may " * 3, subject=subject), title="x"
    )
    line = drawn(timeline_listing(found).message("timeline").blocks).splitlines()[3]
    assert "report-builder-549b8b…-kfqkj  OOMKilled: it used more" in line


def test_a_name_is_whole_where_there_is_room() -> None:
    """Half a name cannot be typed."""
    pod = "report-builder-549b8bc65d-kfqkj"
    found = timeline_of(told("01:00", "Killed", subject=f"Pod shop/{pod}"), title="x")
    assert f"{pod}  Killed" in drawn(timeline_listing(found).message("timeline").blocks)
