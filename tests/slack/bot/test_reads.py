"""Reads on a phone: fifteen rows, trouble first, names safe to show, and a way to all of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8sops.core.backups import BackupList, BackupView, GapView, MissingView
from k8sops.core.desk import AuditView
from k8sops.core.overview import Gauge, Overview, Tile, Trouble
from k8sops.core.run import RunState, RunSummary
from k8sops.core.schedules import ScheduleView
from k8sops.core.tables import Column, Row, Table, TableQuery
from k8sops_slack.blocks.markup import escaped
from k8sops_slack.reads.objects import object_rows, objects_listing
from k8sops_slack.reads.records import audit_listing, backups_listing, runs_listing, schedules_listing
from k8sops_slack.reads.status import status_message
from k8sops_slack.reads.table import WIDTH, Listing, full_list, shared, table_message
from tests.slack.bot.limits_kept import check_message
from tests.slack.bot.runs_shown import ALICE, CLUSTER, NOW, drawn

IN_SHOP = TableQuery(kind="pods", namespace="shop")
EVERYWHERE = TableQuery(kind="pods", namespace="")
COLUMNS = tuple(Column(name=name) for name in ("Name", "Ready", "Status", "Restarts", "Age"))


def pods(*rows: tuple[str, str, str], namespaces: tuple[str, ...] = ("shop",)) -> Table:
    made = [
        Row(
            uid=name,
            name=name,
            namespace=namespaces[number % len(namespaces)],
            cells=(name, ready, status, "0", "3d"),
            created=NOW,
            labels={},
        )
        for number, (name, ready, status) in enumerate(rows)
    ]
    return Table(columns=COLUMNS, rows=tuple(made), kind="pods", namespaced=True)


def test_what_is_in_trouble_comes_first() -> None:
    """On a phone only the first rows are read."""
    found = pods(
        ("done", "0/1", "Completed"),
        ("fine", "1/1", "Running"),
        ("half", "1/2", "Running"),
        ("loop", "0/1", "CrashLoopBackOff"),
        ("waits", "0/1", "Pending"),
    )
    assert [row[0] for row in object_rows(found)[1]] == ["loop", "half", "waits", "fine", "done"]
    shown = objects_listing(found, query=IN_SHOP, cluster="prod-eu").message("get pods -n shop")
    assert drawn(shown.blocks).splitlines() == [
        "*pods in shop on prod-eu* (5)",
        "```",
        "NAME   READY  STATUS            RESTARTS  AGE",
        "loop   0/1    CrashLoopBackOff  0         3d",
        "half   1/2    Running           0         3d",
        "waits  0/1    Pending           0         3d",
        "fine   1/1    Running           0         3d",
        "done   0/1    Completed         0         3d",
        "```",
        "[Share]",
    ]


def test_of_many_the_first_fifteen_are_shown_and_all_are_one_tap_away() -> None:
    """The buttons carry what was typed: what is shared is read again, by whoever presses."""
    found = pods(
        *((f"web-{number:03}", "1/1", "Running") for number in range(200)), namespaces=("shop", "web")
    )
    shown = objects_listing(found, query=EVERYWHERE, cluster="prod-eu").message("get pods -A")
    lines = drawn(shown.blocks).splitlines()
    assert lines[0] == "*pods on prod-eu* (15 of 200)"
    assert lines[2].startswith("NAMESPACE  NAME")
    assert len(lines) == 1 + 1 + 1 + 15 + 1 + 1
    assert lines[-1] == "[Share] [Full list]"
    assert {one["value"] for one in shown.blocks[-1]["elements"]} == {"get pods -A"}
    assert len(full_list(*object_rows(found)).splitlines()) == 201


def test_nothing_is_said_to_be_nothing() -> None:
    """An empty answer looks like a broken bot."""
    shown = objects_listing(pods(), query=IN_SHOP, cluster="prod-eu").message("get pods")
    assert shown.text == "*pods in shop on prod-eu* There is none in shop; -A looks in all namespaces."
    check_message({"text": shown.text, "blocks": [{"type": "divider"}]})


def test_what_is_shared_says_by_whom_and_has_nothing_to_press() -> None:
    """Its buttons would read as whoever presses, which is not what was shared."""
    shown = objects_listing(pods(("a", "1/1", "Running")), query=EVERYWHERE, cluster="prod-eu").message(
        "get pods"
    )
    public = shared(shown, escaped("alice"))
    assert drawn(public.blocks).endswith("shared by alice")
    assert "Share]" not in drawn(public.blocks)
    check_message(public.arguments())


_TEXT = st.text(max_size=30) | st.sampled_from(
    ["<!channel>" * 900, "`" * 9000, "\u202e" * 9000, "x" * 10_000]
)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(_TEXT, min_size=3, max_size=3), max_size=40), _TEXT, _TEXT)
def test_any_table_is_one_that_slack_takes(rows: list[list[str]], title: str, line: str) -> None:
    """Cells are what clusters say."""
    check = table_message(title, ("A", "B", "C"), rows, line=line, note=title).arguments()
    if check["blocks"]:
        check_message(check)


def a_run(number: int, state: RunState, **changes: Any) -> RunSummary:
    run = RunSummary(
        id=f"01KAJ4ZZ{number:018}",
        action="prune_backups",
        state=state,
        headline="payments-pdb: 0 disruptions allowed",
        summary="x",
        actor=ALICE,
        cluster_uid="c-eu",
        risk="low",
        digest="a" * 64,
        proposed_at=NOW - timedelta(minutes=number),
    )
    return msgspec.structs.replace(run, **changes)


def test_runs_that_want_somebody_come_first() -> None:
    """A run that needs review must not be below twenty that succeeded."""
    runs = [
        a_run(1, RunState.SUCCEEDED),
        a_run(2, RunState.RUNNING),
        a_run(3, RunState.AWAITING_APPROVAL),
        a_run(4, RunState.NEEDS_REVIEW),
    ]
    shown = runs_listing(runs, {"c-eu": "prod-eu"}, NOW).message("runs")
    rows = drawn(shown.blocks).splitlines()[3:7]
    assert [row.split("  ")[0] for row in rows] == [
        "❗ needs review",
        "✋ awaiting approval",
        "🔄 running",
        "✅ succeeded",
    ]
    assert "backups prune" in rows[0]


def test_a_run_says_what_it_is_about_and_its_cluster_where_there_are_several() -> None:
    """Fifteen rows of `rollback` and `scale` tell nobody which is theirs."""
    summary = "Disruptive: payments/deployments/gateway goes from revision 3 to 2 (registry/gateway:2.3.1)"
    done = a_run(1, RunState.SUCCEEDED, action="rollback", summary=summary, headline="done: 1 step")
    failed = a_run(2, RunState.FAILED, action="scale", headline="failed: 2 of 3 replicas are ready")
    lines = drawn(runs_listing([done, failed], {"c-eu": "prod-eu"}, NOW).message("runs").blocks).splitlines()
    assert lines[0] == "*Runs on prod-eu* (2)"
    assert lines[2] == "STATE        RUN         ACTION    AGE  WHAT"
    assert lines[3] == "✅ succeeded  01KAJ4ZZ00  rollback  1m   payments/gateway goes from revi…"
    assert lines[4] == "❌ failed     01KAJ4ZZ00  scale     2m   2 of 3 replicas are ready"
    assert max(len(line) for line in lines) <= WIDTH
    elsewhere = msgspec.structs.replace(failed, cluster_uid="c-us")
    clusters = {"c-eu": "prod-eu", "c-us": "prod-us"}
    both = drawn(runs_listing([done, elsewhere], clusters, NOW).message("runs").blocks).splitlines()
    assert both[0] == "*Runs* (2)"
    assert "scale     prod-us  2m" in both[4]


def test_of_an_event_the_phone_shows_what_is_said_and_of_whom() -> None:
    """Of a table of five wide columns the message was left out, and the message is what one looks for."""
    columns = tuple(Column(name=name) for name in ("Last Seen", "Type", "Reason", "Object", "Message"))
    pod = "pod/report-builder-549b8bc65d-kfqkj"
    told = "Back-off restarting failed container report-builder in pod"
    made = [
        Row(uid=kind, name=kind, namespace="shop", cells=("43m", kind, *rest), created=NOW, labels={})
        for kind, *rest in (("Normal", "Pulled", pod, "Image is there"), ("Warning", "BackOff", pod, told))
    ]
    found = objects_listing(
        Table(columns=columns, rows=tuple(made), kind="events", namespaced=True),
        query=TableQuery(kind="events", namespace="shop"),
        cluster="prod-eu",
    )
    lines = drawn(found.message("get events").blocks).splitlines()
    assert lines[2:5] == [
        "SEEN     OBJECT                        WHAT",
        "43m   !  pod/report-builder-54…-kfqkj  BackOff: Back-off restarting fai…",
        "43m      pod/report-builder-54…-kfqkj  Pulled: Image is there",
    ]
    assert max(map(len, lines)) <= WIDTH
    assert f"{pod}  BackOff: {told}" in found.text(), "the file has all of it"


def test_a_column_without_room_is_left_out_and_all_of_it_is_in_the_file() -> None:
    """A line that a phone breaks in two is read as two rows."""
    heads, row = ("NAME", "STATUS", "MESSAGE"), ("n" * 40, "CrashLoopBackOff", "m" * 30)
    found = Listing(title="pods", heads=heads, rows=[row])
    lines = drawn(found.message("get pods").blocks).splitlines()
    assert lines[3] == f"{'n' * 40}  CrashLoopBackOff  {'m' * 11}…"
    assert found.text().splitlines()[1].endswith("m" * 30)
    narrow = Listing(title="pods", heads=heads, rows=[("n" * 40, "s" * 40, "m")])
    assert drawn(narrow.message("get pods").blocks).splitlines()[3] == f"{'n' * 40}  {'s' * 29}…"


def test_warnings_are_the_first_of_events() -> None:
    """What went well is most of them."""
    columns = tuple(Column(name=name) for name in ("Last Seen", "Type", "Reason"))
    made = [
        Row(uid=reason, name=reason, namespace="shop", cells=("1m", kind, reason), created=NOW, labels={})
        for kind, reason in (("Normal", "Scheduled"), ("Warning", "BackOff"))
    ]
    _, rows = object_rows(Table(columns=columns, rows=tuple(made), kind="events", namespaced=True))
    assert [row[2] for row in rows] == ["BackOff", "Scheduled"]


def test_an_object_that_is_not_there_is_named() -> None:
    """Whoever mistyped sees what was looked for, and where."""
    query = TableQuery(kind="pods", namespace="shop", name="web")
    shown = objects_listing(pods(), query=query, cluster="prod-eu").message("get pods web -n shop")
    assert shown.text == "*pods in shop on prod-eu* There is none named web in shop."


def a_schedule(name: str, **changes: Any) -> ScheduleView:
    view = ScheduleView(
        name=name, action="backup", params={}, cron="0 3 * * *", zone="UTC", words="daily at 03:00", state="active",
        paused_why="", owner="alice", execute_as="", concurrency="skip", missed="latest", jitter_s=0,
        alert_after_s=None, rpo_s=None, version=1, next=(NOW + timedelta(hours=3),), last_due=None,
        last_success=NOW - timedelta(hours=21), standing="granted", standing_digest="", standing_risk="low",
        standing_until=None, standing_votes=(),
    )  # fmt: skip
    return msgspec.structs.replace(view, **changes)


def test_a_schedule_that_will_not_fire_comes_first_and_says_why() -> None:
    """That it is green in a list is what nobody should believe."""
    shown = schedules_listing(
        [a_schedule("a"), a_schedule("b", unattended="no worker is alive on this cluster")],
        NOW,
    ).message("schedules")
    assert drawn(shown.blocks).splitlines()[3:] == [
        "b     active, unattended  in 3h  21h ago    backup  granted",
        "a     active              in 3h  21h ago    backup  granted",
        "```",
        "no worker is alive on this cluster",
        "[Share]",
    ]


def a_backup(number: int, *, complete: bool = True) -> BackupView:
    gaps = () if complete else (GapView(kind="pods", namespace="", why="forbidden"),)
    return BackupView(
        seq=number, id=f"id{number}", name="", cluster="c-eu", cluster_name="prod-eu", run="",
        began_at=NOW, made_at=NOW, first_read_at=NOW, last_read_at=NOW - timedelta(hours=number),
        changed_meanwhile=0, read_again=0, server_version="", selection={}, selected="all", objects=12_345,
        bytes=10_000_000, new_objects=0, new_bytes=0,
        kinds=(), complete=complete, gaps=gaps, volumes_not_captured=(), full_read=True, signer="", sha256="",
    )  # fmt: skip


def test_a_backup_that_lacks_something_says_so() -> None:
    """And one that cannot be read is told, not left out."""
    found = BackupList(
        location="file:///x",
        backups=(a_backup(3), a_backup(2, complete=False)),
        unreadable=(MissingView(seq=1, cluster="c-eu", why="its key is lost"),),
    )
    text = drawn(backups_listing(found, NOW).message("backups").blocks)
    assert "INCOMPLETE (1 gap)" in text
    assert "number 1 cannot be read: its key is lost" in text
    none = backups_listing(BackupList(location="", backups=(), unreadable=found.unreadable), NOW).message(
        "backups"
    )
    assert "number 1 cannot be read" in none.text


def test_backups_of_one_cluster_are_of_that_one_and_of_several_each_says_whose() -> None:
    """Number 3 of staging is not number 3 of production."""
    other = msgspec.structs.replace(a_backup(3), cluster="c-us", cluster_name="prod-us")
    unreadable = tuple(
        MissingView(seq=seq, cluster=uid, why="lost") for seq, uid in ((1, "c-eu"), (2, "c-us"))
    )
    found = BackupList(location="", backups=(a_backup(3), other), unreadable=unreadable)
    both = backups_listing(found, NOW)
    assert both.heads[:2] == ("NO", "CLUSTER")
    assert [row[1] for row in both.rows] == ["prod-eu", "prod-us"]
    only = backups_listing(found, NOW, only="c-us")
    assert (len(only.rows), only.note) == (1, "number 2 cannot be read: lost")


def test_an_audit_record_that_cannot_be_read_says_so() -> None:
    """A gap in the trail is the news."""
    records = [
        AuditView(
            seq=2, at="2026-11-22T12:00:00.000Z", code="run.approved", who="bob", what="drain → approved"
        ),
        AuditView(seq=1, trouble="its bytes are not a record's"),
    ]
    lines = drawn(audit_listing(records).message("audit").blocks).splitlines()
    assert lines[3] == "11-22 12:00  bob  run.approved  drain → approved"
    assert lines[4].endswith("UNREADABLE    its bytes are not a record's")


def test_a_clusters_status_is_its_trouble_first() -> None:
    """What is asked at three in the morning."""
    found = Overview(
        at=NOW,
        tiles=(
            Tile(name="nodes", gauge=Gauge.OK, text="all 5 are ready"),
            Tile(name="backups", gauge=Gauge.WARN, text="the last is 30 h old"),
            Tile(name="storage", gauge=Gauge.DENIED, text="you may not list volumes"),
        ),
        troubles=(
            Trouble(
                kind="deployments.apps", name="api", namespace="shop", gauge=Gauge.WARN, word="Progressing"
            ),
            Trouble(
                kind="deployments.apps",
                name="web",
                namespace="shop",
                ready="1/3",
                word="CrashLoopBackOff",
                why="it cannot reach <redis>",
            ),
        ),
        lost="the API server does not answer",
        lost_since=NOW,
    )
    shown = status_message(found, CLUSTER, line="status")
    check_message(shown.arguments())
    assert shown.text == "PRODUCTION prod-eu · 1 in trouble: web."
    assert drawn(shown.blocks).splitlines()[:6] == [
        "*PRODUCTION prod-eu*",
        "⚠️ backups: the last is 30 h old",
        "🔒 storage: you may not list volumes",
        "✅ nodes: all 5 are ready",
        "⛔ shop/web 1/3 CrashLoopBackOff: it cannot reach &lt;redis&gt;",
        "⚠️ shop/api Progressing",
    ]
    assert "may be out of date: the API server does not answer" in drawn(shown.blocks)


@pytest.mark.parametrize("text", ["x" * 10_000, "<!channel>", "\u202e" * 5000])
def test_a_status_of_hostile_names_is_taken(text: str) -> None:
    """Names come from the cluster."""
    found = Overview(
        at=NOW,
        tiles=tuple(Tile(name=text, gauge=Gauge.BAD, text=text) for _ in range(12)),
        troubles=tuple(
            Trouble(kind="pods", name=text, namespace=text, word=text, why=text) for _ in range(300)
        ),
        lost=text,
    )
    check_message(status_message(found, CLUSTER, line="status").arguments())
