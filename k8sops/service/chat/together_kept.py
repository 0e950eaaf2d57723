"""Messages for several runs in the store: joined, grown and marked as sent in one transaction each.

So of two replicas that add to one message each sees what the other added, and one that was begun by a bot that died
is sent by the next.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from k8sops.core.run import Run, RunId
from k8sops.service.chat.acting import ChatUser
from k8sops.service.chat.doors import NEWS_TOLD, TOGETHER
from k8sops.service.chat.news import ChannelNews, News, Outcome, Rules, released, taken_in
from k8sops.service.chat.together import Together, asked_together, grown, requests_to
from k8sops.service.storing import Storage
from k8sops.store.database import Tx
from k8sops.store.door_rows import forget, remember, remembered, taken
from k8sops.store.told_rows import tell_once

ASKING: Final = "slack.asking"
NEWS: Final = "slack.news"
TOLD_MS: Final = 32 * 86_400_000

# Made here, before any thread, for the reason that `store.runs` gives.
_TOGETHER: Final = msgspec.json.Decoder(Together)
_CHANNEL: Final = msgspec.json.Decoder(ChannelNews)


class TogetherMemory:
    """Kept in the store, for every replica of the bot."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def get(self, key: str) -> Together | None:
        """A message; None where it is not there any more."""
        database = await self._storage.database()
        return await database.read(lambda tx: _found(tx, key))

    async def asked(self, user: ChatUser, run: Run, waiting: Collection[RunId]) -> Together:
        """The message in which an approver is asked for this run, which is in it from now on."""
        database, place = await self._storage.database(), requests_to(user, run)

        def work(tx: Tx) -> Together:
            latest = taken(tx, ASKING, place)
            present = _found(tx, latest, to_change=True) if latest else None
            wanted = asked_together(present, user, run, waiting=waiting, now=tx.now())
            remember(tx, ASKING, place, wanted.key)
            _keep(tx, wanted)
            return wanted

        return await database.write(work, name="slack.together")

    async def told(self, team: str, channel: str, news: News, rules: Rules, most: int) -> str:
        """Take news in for a channel, once; the key of the message that is to be made true, empty where they wait."""
        database = await self._storage.database()

        def work(tx: Tx) -> str:
            present = _channel(tx, team, channel)
            if not tell_once(tx, NEWS_TOLD, f"{news.id}/{team}/{channel}", "", again_ms=TOLD_MS):
                # Whoever took it in may not have lived to say it.
                return _key(team, channel, present.latest) if present.latest else ""
            return _carried_out(tx, team, channel, taken_in(present, news, rules, most, tx.now()))

        return await database.write(work, name="slack.news")

    async def released(self, team: str, channel: str, rules: Rules, most: int) -> str:
        """Say what need not wait any longer; the key of the message, the latest one's where there is nothing new."""
        database = await self._storage.database()

        def work(tx: Tx) -> str:
            present = _channel(tx, team, channel)
            said = _carried_out(tx, team, channel, released(present, rules, most, tx.now()))
            return said or (_key(team, channel, present.latest) if present.latest else "")

        return await database.write(work, name="slack.released")

    async def channels(self) -> Sequence[tuple[str, str]]:
        """Team and channel of all that were told news."""
        database = await self._storage.database()
        rows = await database.read(lambda tx: remembered(tx, NEWS))
        return [(team, channel) for team, _, channel in (row.key.partition("/") for row in rows)]

    async def stands(self, key: str, *, channel: str, ts: str, shown: str) -> None:
        """It has been sent, or edited, and shows this."""
        database = await self._storage.database()

        def work(tx: Tx) -> None:
            if (present := _found(tx, key, to_change=True)) is not None:
                _keep(tx, msgspec.structs.replace(present, channel=channel, ts=ts, shown=shown))

        await database.write(work, name="slack.stands")

    async def said_aloud(self, key: str, run: RunId) -> None:
        """What was to be said aloud has been."""
        database = await self._storage.database()

        def work(tx: Tx) -> None:
            present = _found(tx, key, to_change=True)
            if present is not None and present.rings == run:
                _keep(tx, msgspec.structs.replace(present, rings=""))

        await database.write(work, name="slack.said_aloud")

    async def gone(self, key: str) -> None:
        """The message is not there any more."""
        database = await self._storage.database()
        await database.write(lambda tx: forget(tx, TOGETHER, key), name="slack.gone")


def _found(tx: Tx, key: str, *, to_change: bool = False) -> Together | None:
    if to_change:
        value = taken(tx, TOGETHER, key)
        if not value:
            forget(tx, TOGETHER, key)
    else:
        value = next((row.value for row in remembered(tx, TOGETHER, key) if row.key == key), "")
    return _TOGETHER.decode(value) if value else None


def _keep(tx: Tx, message: Together) -> None:
    remember(tx, TOGETHER, message.key, msgspec.json.encode(message).decode())


def _channel(tx: Tx, team: str, channel: str) -> ChannelNews:
    value = taken(tx, NEWS, f"{team}/{channel}")
    return _CHANNEL.decode(value) if value else ChannelNews()


def _key(team: str, channel: str, first: str) -> str:
    return f"news/{team}/{channel}/{first}"


def _carried_out(tx: Tx, team: str, channel: str, outcome: Outcome) -> str:
    kept = msgspec.json.encode(outcome.present).decode()
    remember(tx, NEWS, f"{team}/{channel}", kept)
    if not outcome.said:
        return ""
    key = _key(team, channel, outcome.message)
    present = _found(tx, key, to_change=True)
    if present is None:
        present = Together(
            key=key,
            kind="held_back" if outcome.held_back else "news",
            team=team,
            to=channel,
            news=(),
            rang_at=tx.now(),
            left_out=outcome.left_out,
        )
    _keep(tx, grown(present, outcome.said))
    return key
