"""Retention: what was asked for stays, and the last good one whatever was asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.backup.retention import Candidate, Retention, decide
from k8sops.core.errors import UsageError

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)

retentions = st.builds(
    Retention,
    last=st.integers(0, 3),
    hourly=st.integers(0, 3),
    daily=st.integers(0, 3),
    weekly=st.integers(0, 3),
    monthly=st.integers(0, 3),
    yearly=st.integers(0, 3),
    ttl_s=st.sampled_from([0, 3600, 86400 * 3]),
)
histories = st.lists(st.tuples(st.integers(0, 24 * 500), st.booleans()), max_size=30).map(
    lambda rows: [
        Candidate(seq=number, made_at=NOW - timedelta(hours=hours), complete=complete)
        for number, (hours, complete) in enumerate(sorted(rows, reverse=True), 1)
    ]
)


def every(hours: int, count: int) -> list[Candidate]:
    """Complete backups, so many hours apart, the newest just now."""
    return [
        Candidate(seq=count - number, made_at=NOW - timedelta(hours=hours * number), complete=True)
        for number in range(count)
    ]


def kept(backups: list[Candidate], **said: int) -> list[int]:
    """The numbers that stay."""
    return sorted(verdict.seq for verdict in decide(backups, Retention(**said), NOW) if verdict.keep)


def test_each_rule_keeps_the_newest_of_its_periods() -> None:
    """The policy of nearly everybody: some days, some weeks, some months."""
    backups = every(24, 400)
    assert kept(backups, last=2) == [399, 400]
    assert kept(backups, daily=7) == list(range(394, 401))
    assert len(kept(backups, weekly=4)) == 4
    assert len(kept(backups, daily=7, weekly=4, monthly=12)) == 20
    assert kept(backups, yearly=2) == [75, 400] == [75, max(kept(backups, yearly=9))]
    assert kept(every(1, 60), hourly=3, daily=2) == [56, 58, 59, 60]


def test_younger_than_the_time_to_live_stays() -> None:
    """A ttl beside counts never removes what a count holds."""
    assert kept(every(24, 10), ttl_s=3 * 86400) == [8, 9, 10]
    assert kept(every(24, 10), ttl_s=86400, last=4) == [7, 8, 9, 10]


def test_the_last_good_one_stays_however_old() -> None:
    """A cluster that only fails for weeks keeps what it would be restored from."""
    backups = [
        Candidate(seq=1, made_at=NOW - timedelta(days=300), complete=True),
        *(
            Candidate(seq=2 + day, made_at=NOW - timedelta(days=90 - day), complete=False)
            for day in range(90)
        ),
    ]
    verdicts = decide(backups, Retention(daily=3, ttl_s=3600), NOW)
    assert [verdict.seq for verdict in verdicts if verdict.keep] == [91, 90, 89, 1]
    assert verdicts[-1].why == "the newest complete one, the newest of its day"


def test_a_failed_run_neither_counts_nor_replaces_a_good_one() -> None:
    """The day's complete backup stays, though an incomplete one came later."""
    backups = [
        Candidate(seq=1, made_at=NOW - timedelta(hours=30), complete=True),
        Candidate(seq=2, made_at=NOW - timedelta(hours=28), complete=False),
        Candidate(seq=3, made_at=NOW, complete=True),
    ]
    verdicts = {verdict.seq: verdict for verdict in decide(backups, Retention(daily=2), NOW)}
    assert [seq for seq, verdict in verdicts.items() if verdict.keep] == [3, 1]
    assert verdicts[2].why == "incomplete, and a newer one is complete"


def test_nothing_said_removes_nothing() -> None:
    """An empty policy is no policy."""
    assert kept(every(24, 5)) == [1, 2, 3, 4, 5]
    with pytest.raises(UsageError):
        Retention(last=-1)


@given(backups=histories, retention=retentions)
def test_what_must_hold_of_every_decision(backups: list[Candidate], retention: Retention) -> None:
    """The last good one stays, every decision has its reason, and deciding again changes nothing."""
    verdicts = decide(backups, retention, NOW)
    assert [verdict.seq for verdict in verdicts] == sorted((each.seq for each in backups), reverse=True)
    staying = {verdict.seq for verdict in verdicts if verdict.keep}
    assert all(verdict.why for verdict in verdicts)
    good = [each.seq for each in backups if each.complete]
    assert not good or max(good) in staying
    assert bool(staying) == bool(backups)
    left = [each for each in backups if each.seq in staying]
    assert {verdict.seq for verdict in decide(left, retention, NOW) if verdict.keep} == staying


@given(backups=histories, retention=retentions)
def test_saying_more_never_removes_more(backups: list[Candidate], retention: Retention) -> None:
    """Each rule only ever holds backups."""
    if retention.keeps_everything:
        return
    more = Retention(
        **({"last": 1} | retention.as_json() | {"daily": retention.daily + 2, "ttl_s": 90 * 86400})
    )
    before = {verdict.seq for verdict in decide(backups, retention, NOW) if verdict.keep}
    after = {verdict.seq for verdict in decide(backups, more, NOW) if verdict.keep}
    assert before <= after
