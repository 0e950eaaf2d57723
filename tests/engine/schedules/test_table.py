"""Schedules in the store, on both kinds: editing, pausing, removing, and alerts, whoever else is at it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from k8sops.core.errors import NoSuchScheduleError, ScheduleChangedError, ScheduleExistsError, UsageError
from k8sops.engine.schedules import claiming, gauge, ledger, table
from k8sops.engine.schedules.table import Schedule
from k8sops.store.database import Tx
from tests.engine.schedules.stage import ALICE, CLUSTER, Stage, a_spec, a_stage

DUE = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)


@pytest.fixture
async def stage(sqlite_url: str) -> AsyncIterator[Stage]:
    """SQLite, whose clock a test can set; what both must do alike is in test_firing.py."""
    async with a_stage(sqlite_url) as made:
        yield made


async def _change(stage: Stage, version: int, **fields: object) -> Schedule:
    spec = a_spec(now=stage.clock.moment, **fields)

    def work(tx: Tx) -> Schedule:
        return table.change(tx, spec, version=version, owner="bob", actor=ALICE, execute_as="service")

    return await stage.database.write(work, name="test")


async def test_a_new_schedule_knows_its_next_time_and_has_no_standing_approval(stage: Stage) -> None:
    """Nobody has approved anything yet; the next time is shown at once."""
    made = await stage.make(jitter_s=600)

    assert made == await stage.get()
    assert made.next_due == DUE
    assert made.next_fire == datetime(2026, 11, 21, 2, 34, 23, 302_000, tzinfo=UTC)
    assert (made.version, made.active, made.standing, made.owner) == (1, True, "", "alice")


async def test_a_name_is_taken_once(stage: Stage) -> None:
    """Runs and firings are found by it."""
    await stage.make()

    with pytest.raises(ScheduleExistsError, match="nightly"):
        await stage.make()


async def test_any_edit_voids_the_standing_approval(stage: Stage) -> None:
    """What was approved is exactly what it said then."""
    await stage.make()
    await stage.database.write(lambda tx: table.approve(tx, "nightly", version=1, standing="{}"), name="test")
    assert (await stage.get()).standing == "{}"

    changed = await _change(stage, 1, reason="louder")

    assert (changed.version, changed.standing, changed.owner) == (2, "", "bob")


async def test_an_approval_of_what_it_said_before_is_refused(stage: Stage) -> None:
    """Between reading and approving somebody widened the params."""
    await stage.make()
    await _change(stage, 1, params={"namespace": "kube-system"})

    with pytest.raises(ScheduleChangedError, match="version 2"):
        await stage.database.write(
            lambda tx: table.approve(tx, "nightly", version=1, standing="{}"), name="test"
        )
    assert (await stage.get()).standing == ""


async def test_of_two_edits_of_the_same_version_the_second_is_told(stage: Stage) -> None:
    """It would undo what it has not seen."""
    await stage.make()
    await _change(stage, 1, reason="first")

    with pytest.raises(ScheduleChangedError, match="at version 2 by now, not 1"):
        await _change(stage, 1, reason="second")
    assert (await stage.get()).spec.reason == "first"


async def test_an_edit_that_leaves_the_times_alone_loses_no_firing(stage: Stage) -> None:
    """The due instant that is just about to fire still does."""
    await stage.make()
    stage.clock.move(seconds=11)

    assert (await _change(stage, 1, reason="louder")).next_due == DUE


async def test_a_new_timetable_counts_from_now_and_says_what_it_cut_off(stage: Stage) -> None:
    """02:30 was due but not yet fired when the schedule was moved to 02:45."""
    await stage.make()
    stage.clock.move(seconds=11)

    changed = await _change(stage, 1, cron="45 2 * * *")

    assert changed.next_due == datetime(2026, 11, 21, 2, 45, tzinfo=UTC)
    assert await stage.ledger() == [("21 02:30", "skipped")]


async def test_a_new_timetable_does_not_fire_again_what_a_faster_clock_has_fired(stage: Stage) -> None:
    """A replica whose clock is ahead fired 02:30; one behind it edits at 02:25 by its own."""
    await stage.make()
    stage.clock.move(seconds=11)
    await stage.turn(stage.scheduler())
    stage.clock.move(minutes=-5)

    assert (await _change(stage, 1, cron="30 * * * *")).next_due == datetime(2026, 11, 21, 3, 30, tzinfo=UTC)


async def test_a_removed_schedule_made_again_does_not_repeat_a_firing(stage: Stage) -> None:
    """Removed and made again within the minute, by a script that re-creates everything."""
    await stage.make()
    stage.clock.move(seconds=11)
    await stage.turn(stage.scheduler())
    stage.clock.move(seconds=-5)

    await stage.database.write(lambda tx: table.remove(tx, "nightly"), name="test")
    await stage.make()
    stage.clock.move(seconds=10)
    await stage.turn(stage.scheduler())

    assert len(await stage.runs()) == 1
    assert (await stage.get()).next_due == datetime(2026, 11, 22, 2, 30, tzinfo=UTC)


ACTS: dict[str, Callable[[Tx], object]] = {
    "get": lambda tx: table.get(tx, "nightly"),
    "pause": lambda tx: table.pause(tx, "nightly", "why"),
    "resume": lambda tx: table.resume(tx, "nightly"),
    "remove": lambda tx: table.remove(tx, "nightly"),
    "approve": lambda tx: table.approve(tx, "nightly", version=1, standing="{}"),
    "change": lambda tx: table.change(tx, a_spec(), version=1, owner="a", actor=ALICE, execute_as="s"),
    "run now": lambda tx: claiming.run_now(tx, "nightly", "bob"),
}


@pytest.mark.parametrize("act", ACTS)
async def test_what_is_not_there_is_named(stage: Stage, act: str) -> None:
    """Removed by somebody else, or misspelt."""
    with pytest.raises(NoSuchScheduleError, match="nightly"):
        await stage.database.write(ACTS[act], name="test")


async def test_a_schedule_without_success_is_told_once_for_each_period(stage: Stage) -> None:
    """Backups that stopped working are noticed, and the channel is not flooded."""
    await stage.make(alert_after_s=90_000)
    for _ in range(12):
        stage.clock.move(hours=5)
        await stage.database.write(lambda tx: claiming.tell_overdue(tx, stage.engine.tell), name="test")

    told = [text for code, text in await stage.told() if code == "schedule.overdue"]
    assert told == ["nightly has not succeeded yet, and should within 90000 s"] * 2


async def test_a_success_quiets_the_alert_and_a_pause_does_not(stage: Stage) -> None:
    """A pause that was forgotten is what the alert is for."""
    await stage.make(alert_after_s=90_000)
    stage.clock.move(hours=20)
    await stage.end_runs()
    stage.clock.move(hours=20)
    assert not await stage.database.write(
        lambda tx: claiming.tell_overdue(tx, stage.engine.tell), name="test"
    )

    await stage.database.write(lambda tx: table.pause(tx, "nightly", "holidays"), name="test")
    stage.clock.move(hours=6)
    await stage.database.write(lambda tx: claiming.tell_overdue(tx, stage.engine.tell), name="test")

    assert await stage.told() == [
        (
            "schedule.overdue",
            "nightly has not succeeded since 2026-11-21 22:29:50 UTC, and should within 90000 s; "
            "it is paused: holidays",
        )
    ]


async def test_a_failed_run_does_not_quiet_the_alert(stage: Stage) -> None:
    """It ended; it did not succeed."""
    await stage.make(alert_after_s=90_000)
    stage.clock.move(hours=20)
    await stage.end_runs(succeeded=False)
    stage.clock.move(hours=6)

    assert (
        await stage.database.write(lambda tx: claiming.tell_overdue(tx, stage.engine.tell), name="test") == 1
    )


async def test_a_paused_schedule_cannot_be_run_now(stage: Stage) -> None:
    """Its owner may have been removed; whoever resumes it looks at that."""
    await stage.make()
    await stage.database.write(lambda tx: table.pause(tx, "nightly", "alice left"), name="test")

    with pytest.raises(UsageError, match="alice left"):
        await stage.database.write(lambda tx: claiming.run_now(tx, "nightly", "bob"), name="test")


async def test_the_figures_say_how_late_the_schedules_are(stage: Stage) -> None:
    """Lateness is what an operator alerts on; it is 0 while nothing is due, and grows when no worker runs."""
    await stage.make()
    await stage.make(name="weekly", cron="0 4 * * 0")
    await stage.database.write(lambda tx: table.pause(tx, "weekly", "why"), name="test")
    assert (await stage.database.read(gauge.pulse)).lateness_s == 0

    stage.clock.move(seconds=40)

    assert await stage.database.read(gauge.pulse) == gauge.Pulse(active=1, paused=1, open=0, lateness_s=30)


async def test_old_firings_can_be_forgotten_without_coming_again(stage: Stage) -> None:
    """A schedule of every minute writes half a million rows a year."""
    await stage.make(cron="* * * * *")
    stage.clock.move(minutes=1)
    for _ in range(5):
        await stage.turn(stage.scheduler())
        await stage.end_runs()
        stage.clock.move(minutes=1)

    assert await stage.database.write(lambda tx: ledger.prune(tx, stage.clock.moment), name="test") == 5
    await stage.turn(stage.scheduler())

    assert len(await stage.ledger()) == 1


async def test_schedules_of_other_clusters_are_left_alone(stage: Stage) -> None:
    """A worker without access to their cluster cannot plan there; another can."""
    spec = a_spec(name="elsewhere")
    await stage.database.write(
        lambda tx: table.add(tx, spec, owner="a", actor=ALICE, cluster_uid="c-2", execute_as="s"), name="test"
    )
    stage.clock.move(seconds=11)
    await stage.turn(stage.scheduler())
    assert await stage.ledger("elsewhere") == []

    stage.engine.clusters = (CLUSTER, "c-2")
    await stage.turn(stage.scheduler())

    assert await stage.ledger("elsewhere") == [("21 02:30", "run")]
