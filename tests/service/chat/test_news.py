"""Which news a channel is told at once, which join a message, which wait: nobody reads what never stops."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from k8sops.audit.codes import CODES
from k8sops.policy.chat_model import NEWS
from k8sops.policy.policy import Policy
from k8sops.service.chat.news import (
    MOST_KEPT,
    ChannelNews,
    News,
    Outcome,
    most_an_hour,
    released,
    rules_for,
    taken_in,
)
from tests.policy.cases import PAGE, PROD, policy

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 24, 22, 30, tzinfo=UTC)
"""Half past eleven in Berlin."""
CLUSTERS = f"clusters: [{{uid: {PROD}, name: prod, environment: production}}]\n"
LOUD = policy(CLUSTERS + "slack: {notify: [{on: ['*'], team: T1, channel: C1, per_hour: 3}]}")
QUIET = policy(
    CLUSTERS
    + """
slack:
  notify:
    - on: ["*"]
      team: T1
      channel: C1
      quiet: {from: "22:00", to: "07:00", zone: Europe/Berlin, except: [backup.*, needs_review]}
"""
)


PEOPLE = "people: {alice: {groups: [sre]}, bob: {groups: [night]}, carol: {groups: [lead]}}\n"


def test_the_page_shows_rules_that_load() -> None:
    """Whoever copies them must not be the first to try them."""
    shown = next(one for one in PAGE.read_text(encoding="utf-8").split("```") if "per_hour" in one)
    (rule,) = policy(PEOPLE + shown.removeprefix("yaml\n")).file.slack.notify
    assert rule.quiet is not None
    assert rule.quiet.window().holds(NIGHT)


def test_the_news_that_policy_knows_are_those_there_are_of_schedules() -> None:
    """A kind that is told and that no rule may name would never be heard of."""
    assert {one for one in NEWS if one.startswith("schedule.")} == {
        code for code in CODES if code.startswith("schedule.")
    }


class Channel:
    """One channel, told one thing after another."""

    def __init__(self, rules: Policy) -> None:
        self.rules = rules_for(rules, "T1", "C1")
        self.most = most_an_hour(rules, "T1", "C1")
        self.known = ChannelNews()

    def told(self, id_: str, now: datetime, kind: str = "failed") -> Outcome:
        """A piece of news comes."""
        news = News(id=id_, kind=kind, run=f"run-{id_}", cluster=PROD)
        found = taken_in(self.known, news, self.rules, self.most, now)
        self.known = found.present
        return found

    def later(self, now: datetime) -> Outcome:
        """It is looked at what has waited."""
        found = released(self.known, self.rules, self.most, now)
        self.known = found.present
        return found


def ids(outcome: Outcome) -> list[str]:
    """What is said."""
    return [one.id for one in outcome.said]


def test_the_first_is_told_at_once_and_the_others_of_its_minute_join_it() -> None:
    """A failure is no less urgent for the next, and five messages ring five times."""
    channel = Channel(LOUD)
    assert (channel.told("1", NOON).message, channel.told("2", NOON + timedelta(seconds=59)).message) == (
        "1",
        "1",
    )
    assert channel.told("3", NOON + timedelta(seconds=60)).message == "3"
    assert len(channel.known.sent) == 2


def test_beyond_the_messages_of_an_hour_news_wait_and_come_as_one() -> None:
    """A channel that is told of everything tells nobody anything."""
    channel = Channel(LOUD)
    minutes = [NOON + timedelta(minutes=2 * number) for number in range(6)]
    said = [ids(channel.told(str(number), at)) for number, at in enumerate(minutes)]
    assert said == [["0"], ["1"], ["2"], [], [], []]
    assert ids(channel.later(NOON + timedelta(minutes=59))) == []
    summary = channel.later(NOON + timedelta(minutes=60))
    assert (ids(summary), summary.held_back) == (["3", "4", "5"], True)
    assert channel.known.waiting == ()
    assert ids(channel.later(NOON + timedelta(minutes=61))) == []


def test_the_smallest_number_of_a_channels_rules_counts() -> None:
    """Two rules for one channel are still one channel."""
    rules = policy(
        "slack: {notify: [{on: [failed], team: T1, channel: C1, per_hour: 9}, "
        "{on: [void], team: T1, channel: C1, per_hour: 2}, {on: [void], team: T1, channel: C2, per_hour: 1}]}"
    )
    assert most_an_hour(rules, "T1", "C1") == 2


def test_in_quiet_hours_only_what_is_urgent_is_told_and_the_rest_comes_at_their_end() -> None:
    """The hours are those of the people, not of the machine."""
    channel = Channel(QUIET)
    assert ids(channel.told("1", NIGHT)) == []
    assert ids(channel.told("2", NIGHT, "backup.overdue")) == ["2"]
    assert ids(channel.told("3", NIGHT + timedelta(hours=2), "succeeded")) == []
    assert ids(channel.later(datetime(2026, 11, 25, 5, 59, tzinfo=UTC))) == []
    assert ids(channel.later(datetime(2026, 11, 25, 6, 0, tzinfo=UTC))) == ["1", "3"]


def test_what_one_rule_wants_now_does_not_wait_for_another() -> None:
    """A rule somebody adds for what is urgent must not be silenced by one that is older."""
    both = policy(
        "slack: {notify: [{on: ['*'], team: T1, channel: C1, quiet: {from: '22:00', to: '07:00'}}, "
        "{on: [failed], team: T1, channel: C1}]}"
    )
    channel = Channel(both)
    assert ids(channel.told("1", NIGHT)) == ["1"]
    assert ids(channel.told("2", NIGHT + timedelta(hours=1), "succeeded")) == []


def test_what_no_rule_wants_any_more_is_let_go() -> None:
    """The policy was changed over night: what waited under the old one is nobody's news."""
    channel = Channel(QUIET)
    channel.told("1", NIGHT)
    channel.rules = rules_for(policy("slack: {}"), "T1", "C1")
    assert ids(channel.later(NIGHT)) == []
    assert channel.known.waiting == ()


@pytest.mark.parametrize("extra", [0, 7])
def test_of_a_storm_so_many_are_kept_and_the_others_counted(extra: int) -> None:
    """A night of failing runs must not make a row of the store that grows without end."""
    channel = Channel(QUIET)
    for number in range(MOST_KEPT + extra):
        channel.told(str(number), NIGHT)
    found = channel.later(NOON + timedelta(days=1))
    assert (len(found.said), found.left_out) == (MOST_KEPT, extra)
    assert channel.known.left_out == 0


def test_what_is_kept_of_a_channel_does_not_grow_with_the_days() -> None:
    """It is read and written with each piece of news."""
    channel = Channel(LOUD)
    for day in range(50):
        channel.told(str(day), NOON + timedelta(days=day))
    assert len(msgspec.json.encode(channel.known)) < 500
