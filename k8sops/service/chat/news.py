"""News for a channel: which of them are told now, which join the message that was just sent, and which wait.

Pure: what a channel was told so far, a piece of news, the rules and the moment in; what becomes of it out. Within a
minute news join the message of the first, which is edited and does not ring again. In quiet hours, and where the hour
has had its messages, they wait, and come as one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from k8sops.core.run import RunState
from k8sops.policy.chat_model import ChatNotify
from k8sops.policy.matching import fits
from k8sops.policy.policy import Policy

GATHERED: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
MOST_KEPT: Final = 200
"""What waits beyond this is counted and not listed: a list of a thousand is read by nobody."""
_RINGS_AGAIN: Final = frozenset({str(RunState.FAILED), str(RunState.NEEDS_REVIEW)})


class News(msgspec.Struct, frozen=True, kw_only=True):
    """Something a channel is to be told; `id` is the notice's."""

    id: str
    kind: str
    run: str = ""
    text: str = ""
    cluster: str = ""


class ChannelNews(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel was told within the last hour, and what waits."""

    sent: tuple[datetime, ...] = ()
    latest: str = ""
    """The message that was sent last, by the id of its first news."""
    waiting: tuple[News, ...] = ()
    left_out: int = 0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the channel's standing is now, and what is to be said in which message."""

    present: ChannelNews
    message: str = ""
    said: tuple[News, ...] = ()
    held_back: bool = False
    """They had to wait."""
    left_out: int = 0
    """So many more there were, which are not listed."""


Rules = Callable[[News], Sequence[ChatNotify]]
"""Those of a channel's rules that want a piece of news."""


def rules_for(policy: Policy, team: str, channel: str) -> Rules:
    """What the policy says of news for this channel."""
    of_channel = [one for one in policy.file.slack.notify if (one.team, one.channel) == (team, channel)]

    def wanted(news: News) -> list[ChatNotify]:
        return [one for one in of_channel if wants(one, news.kind, news.cluster, policy)]

    return wanted


def wants(rule: ChatNotify, kind: str, cluster_uid: str, policy: Policy) -> bool:
    """Whether a rule sends this kind of news, of this cluster."""
    names = policy.names_of(cluster_uid) if cluster_uid else ()
    return fits(rule.on, (kind,)) and (not rule.clusters or fits(rule.clusters, names))


def most_an_hour(policy: Policy, team: str, channel: str) -> int:
    """How many messages the channel takes."""
    of_channel = [one for one in policy.file.slack.notify if (one.team, one.channel) == (team, channel)]
    return min((one.per_hour for one in of_channel), default=1)


def taken_in(known: ChannelNews, news: News, rules: Rules, most: int, now: datetime) -> Outcome:
    """What becomes of a piece of news."""
    known = _of_the_hour(known, now)
    if _is_quiet(news, rules, now):
        return Outcome(present=_waiting(known, news))
    if known.latest and known.sent and now - known.sent[-1] < GATHERED:
        return Outcome(present=known, message=known.latest, said=(news,))
    if len(known.sent) >= most:
        return Outcome(present=_waiting(known, news))
    return _said(known, (news,), now)


def released(known: ChannelNews, rules: Rules, most: int, now: datetime) -> Outcome:
    """What has waited and need not any longer, as one message; what no rule wants any more is let go."""
    still = tuple(one for one in known.waiting if rules(one))
    known = msgspec.structs.replace(_of_the_hour(known, now), waiting=still)
    ready = tuple(one for one in still if not _is_quiet(one, rules, now))
    if not ready or len(known.sent) >= most:
        return Outcome(present=known)
    rest = tuple(one for one in still if one not in ready)
    present = msgspec.structs.replace(known, waiting=rest, left_out=0)
    return msgspec.structs.replace(_said(present, ready, now), held_back=True, left_out=known.left_out)


def rings_again(kind: str) -> bool:
    """Whether it is told anew in a channel in which the run stands already: edits ring nobody."""
    return kind in _RINGS_AGAIN


def _said(known: ChannelNews, news: tuple[News, ...], now: datetime) -> Outcome:
    present = msgspec.structs.replace(known, sent=(*known.sent, now), latest=news[0].id)
    return Outcome(present=present, message=news[0].id, said=news)


def _waiting(known: ChannelNews, news: News) -> ChannelNews:
    if len(known.waiting) >= MOST_KEPT:
        return msgspec.structs.replace(known, left_out=known.left_out + 1)
    return msgspec.structs.replace(known, waiting=(*known.waiting, news))


def _of_the_hour(known: ChannelNews, now: datetime) -> ChannelNews:
    return msgspec.structs.replace(known, sent=tuple(at for at in known.sent if now - at < HOUR))


def _is_quiet(news: News, rules: Rules, now: datetime) -> bool:
    """Whether every rule that wants it wants it later."""
    return all(
        rule.quiet is not None
        and not fits(rule.quiet.urgent, (news.kind,))
        and rule.quiet.window().holds(now)
        for rule in rules(news)
    )
