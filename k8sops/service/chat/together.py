"""Messages that may stand for several runs: what one person asks of one approver, and the news of one minute.

Pure. What an approver is asked joins the message of the same requester as long as any of its runs waits: one list to
work through, not a row of cards. An edit rings nobody, so what joins long after the message last rang is said in a
reply as well.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from k8sops.core.run import Run, RunId, RunState
from k8sops.service.chat.acting import ChatUser
from k8sops.service.chat.asked import requester_key
from k8sops.service.chat.news import MOST_KEPT, News

RINGS_AGAIN: Final = timedelta(minutes=10)
DECIDED_KEPT: Final = 10
"""So many of those that are decided stay in a list in which others still wait."""

Kind = Literal["asks", "news", "held_back"]


class Together(msgspec.Struct, frozen=True, kw_only=True):
    """A message and what stands in it; `ts` is empty until it has been sent."""

    key: str
    kind: Kind
    team: str
    to: str
    """The user or the channel it is for."""
    news: tuple[News, ...]
    rang_at: datetime
    left_out: int = 0
    channel: str = ""
    ts: str = ""
    shown: str = ""
    """Tells one text from another."""
    rings: RunId = ""
    """The run that is still to be said aloud."""

    @property
    def runs(self) -> tuple[RunId, ...]:
        """The runs in it, each once."""
        return tuple(dict.fromkeys(one.run for one in self.news if one.run))


def requests_to(user: ChatUser, run: Run) -> str:
    """Of one requester to one approver."""
    return f"{user.team}/{user.user}/{requester_key(run)}"


def asked_together(
    present: Together | None, user: ChatUser, run: Run, *, waiting: Collection[RunId], now: datetime
) -> Together:
    """The message in which an approver is asked for this run; `waiting` are all runs that wait for approval."""
    news = News(id=run.id, kind=str(RunState.AWAITING_APPROVAL), run=run.id, cluster=run.plan.cluster.uid)
    if present is not None and run.id in present.runs:
        return present
    if present is None or not set(present.runs) & set(waiting):
        key = f"asks/{requests_to(user, run)}/{run.id}"
        return Together(key=key, kind="asks", team=user.team, to=user.user, news=(news,), rang_at=now)
    aloud = now - present.rang_at >= RINGS_AGAIN
    return msgspec.structs.replace(
        present,
        news=(*_kept(present.news, waiting), news),
        rings=run.id if aloud else present.rings,
        rang_at=now if aloud else present.rang_at,
    )


def grown(present: Together, news: Sequence[News]) -> Together:
    """The message with more news; beyond so many they are only counted."""
    room = max(0, MOST_KEPT - len(present.news))
    return msgspec.structs.replace(
        present,
        news=(*present.news, *news[:room]),
        left_out=present.left_out + len(news[room:]),
    )


def _kept(news: tuple[News, ...], waiting: Collection[RunId]) -> tuple[News, ...]:
    decided = [one for one in news if one.run not in waiting]
    dropped = decided[: max(0, len(decided) - DECIDED_KEPT)]
    return tuple(one for one in news if one not in dropped)
