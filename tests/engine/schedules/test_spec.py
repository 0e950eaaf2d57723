"""What a user may say of a schedule, and jitter, on which all replicas must agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from k8sops.core.errors import UsageError
from k8sops.engine.schedules.spec import ScheduleSpec, jitter, next_in
from tests.engine.schedules.stage import NIGHT, a_spec

DUE = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"name": "Nightly Backup"}, "name"),
    ({"name": "../x"}, "name"),
    ({"cron": "nonsense"}, "fields"),
    ({"zone": "Mars/Olympus"}, "Mars/Olympus"),
    ({"concurrency": "allow"}, "concurrency"),
    ({"missed": "catch_up(0)"}, "catch_up(0)"),
    ({"missed": "catch_up(101)"}, "catch_up(101)"),
    ({"missed": "all"}, "all"),
    ({"jitter_s": -1}, "jitter_s"),
    ({"cron": "* * * * *", "jitter_s": 90}, "jitter of 90 s"),
    ({"grace_s": 0}, "grace_s"),
    ({"color": "red"}, "color"),
    ({"valid_until": "2026-11-22T02:30:00"}, "valid_until"),
    ({"valid_until": "2026-11-21T02:29:00Z"}, "never fire"),
    ({"valid_from": "2026-12-02T00:00:00Z", "valid_until": "2026-12-01T00:00:00Z"}, "ends before it begins"),
]


@pytest.mark.parametrize(("fields", "said"), WRONG)
def test_what_is_not_valid_is_refused_naming_the_field(fields: dict[str, Any], said: str) -> None:
    """A schedule runs unattended: what it says is checked while somebody is looking."""
    with pytest.raises(UsageError) as refusal:
        a_spec(**fields)

    assert said in refusal.value.message
    assert "\n" not in refusal.value.message


def test_a_refusal_does_not_repeat_the_params() -> None:
    """What is in there is nobody's business but the action's: the value is left out of the message."""
    with pytest.raises(UsageError) as refusal:
        a_spec(params="s3cr3t")

    assert "params" in refusal.value.message
    assert "s3cr3t" not in refusal.value.message


@pytest.mark.parametrize("missed", ["skip", "once", "catch_up(7)"])
def test_a_spec_comes_back_from_the_store_as_it_went_in(missed: str) -> None:
    """It is stored as JSON and decides, later, in another process."""
    spec = a_spec(missed=missed, valid_until="2027-01-01T00:00:00+01:00", alert_after_s=90_000)

    back = msgspec.json.decode(msgspec.json.encode(spec), type=ScheduleSpec)

    assert spec == back
    assert missed == back.missed


@pytest.mark.parametrize(
    ("cron", "grace_s"), [("* * * * *", 60), ("*/30 * * * *", 450), ("0 * * * *", 900), ("30 2 * * *", 900)]
)
def test_how_late_still_counts_as_in_time_follows_the_timetable(cron: str, grace_s: int) -> None:
    """A worker restarted at 02:30 still makes the nightly backup; what runs every minute is not caught up on."""
    assert a_spec(cron=cron).grace_s == grace_s
    assert a_spec(cron=cron, grace_s=5).grace_s == 5


def test_jitter_is_within_its_bounds_and_differs_from_night_to_night() -> None:
    """It spreads load; a fixed offset per schedule would only move it."""
    spec = a_spec(jitter_s=600)
    offsets = [jitter(spec, DUE + timedelta(days=day)) for day in range(200)]

    assert all(timedelta(0) <= offset < timedelta(seconds=600) for offset in offsets)
    assert len(set(offsets)) > 190


def test_jitter_is_the_same_wherever_and_whenever_it_is_computed() -> None:
    """A replica of another version must come to the same moment: the value is pinned."""
    assert jitter(a_spec(jitter_s=600), DUE) == timedelta(seconds=263, milliseconds=302)
    assert jitter(a_spec(), DUE) == timedelta(0)


def test_a_schedule_fires_only_within_its_time() -> None:
    """Both ends count as within it, and after the last there is none."""
    spec = a_spec(valid_from="2026-11-25T02:30:00Z", valid_until="2026-11-26T02:30:00Z")

    first = next_in(spec, NIGHT)
    assert first == datetime(2026, 11, 25, 2, 30, tzinfo=UTC)
    assert next_in(spec, first) == datetime(2026, 11, 26, 2, 30, tzinfo=UTC)
    assert next_in(spec, first + timedelta(days=1)) is None
