"""What the bot's replicas share: which messages show a run, what is still to be told, and who is at it.

The outbox tells at least once. Whoever delivers takes hold of a notice first and lets go when it is told; one whose
process died is free again after a while. So a message can be sent twice where a bot dies between Slack's answer and
ours, and is never left out; what people asked for is not a message, and the engine does it once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

from k8sops.core.run import RunId
from k8sops.service.chat.asked import Asked
from k8sops.service.chat.doors import ASKED, CARDS, HELD, INBOX, LINES, ONCE
from k8sops.service.chat.forgetting import forget_old
from k8sops.service.chat.intake import Intake
from k8sops.service.chat.owed import OwedMemory
from k8sops.service.chat.together_kept import TogetherMemory
from k8sops.service.storing import Storage
from k8sops.store.database import Tx
from k8sops.store.door_rows import Remembered, forget, remember, remembered, remembered_ending
from k8sops.store.outbox import Notice, delivered, undelivered
from k8sops.store.times import from_ms
from k8sops.store.told_rows import take_back, tell_once, was_told

ONCE_MS: Final = 32 * 86_400_000
"""Longer than any approval may take."""
KNOWN_MS: Final = 3_600_000
"""Slack gives up on sending again after less than this."""
HELD_MS: Final = 60_000
"""A message takes a second to send, or several waits where Slack asks for patience."""

__all__ = ["ChatMemory", "Notice", "Role", "ShownMessage"]

Role = Literal["channel", "approver", "requester", "progress", "news"]


class ShownMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message that shows a run, and has to stay true."""

    run: RunId
    team: str
    channel: str
    ts: str
    role: Role
    user: str = ""
    """Whom it was sent to, where it was sent to somebody."""
    shown: str = ""
    """Tells one text from another: a message that shows this already is not sent again."""
    thread_ts: str = ""
    together: str = ""
    """The key of the message (`Together`) where it may stand for several runs."""

    @property
    def key(self) -> str:
        """Where it stands."""
        return f"{self.run}/{self.team}/{self.channel}/{self.ts}"


# Made here, before any thread, for the reason that `store.runs` gives.
_SHOWN: Final = msgspec.json.Decoder(ShownMessage)
_ASKED: Final = msgspec.json.Decoder(Asked)


class ChatMemory:
    """Kept in the store, for every replica of the bot."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._intake = Intake(storage, INBOX)
        self.together: Final = TogetherMemory(storage)
        self.owed: Final = OwedMemory(storage)

    async def notices(self, limit: int = 50) -> Sequence[Notice]:
        """What is to be told and nobody is at, oldest first; the caller is at it from now on, for a minute."""
        database = await self._storage.database()

        def work(tx: Tx) -> list[Notice]:
            found = undelivered(tx, limit)
            return [one for one in found if tell_once(tx, HELD, one.id, "", again_ms=HELD_MS)]

        return await database.write(work, name="slack.notices")

    async def told(self, notice: Notice) -> None:
        """It has been told, or nobody wants to hear it."""
        database = await self._storage.database()

        def work(tx: Tx) -> None:
            delivered(tx, notice.id)
            take_back(tx, HELD, notice.id)

        await database.write(work, name="slack.told")

    async def hold(self, key: str) -> bool:
        """Whether this process may do what the key names: nobody else does, or whoever did is silent."""
        database = await self._storage.database()
        return await database.write(
            lambda tx: tell_once(tx, HELD, key, "", again_ms=HELD_MS), name="slack.hold"
        )

    async def not_yet(self, keys: Iterable[str]) -> frozenset[str]:
        """Those of the keys of which `done_once` does not know."""
        wanted = tuple(keys)
        database = await self._storage.database()
        return await database.read(lambda tx: frozenset(key for key in wanted if not was_told(tx, ONCE, key)))

    async def done_once(self, keys: Iterable[str]) -> None:
        """These are done. For what must not be left out: kept after it is done, while its doer holds it."""
        done = tuple(keys)
        database = await self._storage.database()

        def work(tx: Tx) -> None:
            for key in done:
                tell_once(tx, ONCE, key, "", again_ms=ONCE_MS)

        await database.write(work, name="slack.done_once")

    async def done_now(self, key: str) -> None:
        """It was done, whenever it was before."""
        database = await self._storage.database()
        await database.write(
            lambda tx: remember(tx, ONCE, key, "", cursor=tx.now_ms()), name="slack.done_now"
        )

    async def done_at(self, key: str) -> datetime | None:
        """When it was done last; None where it was not."""
        database = await self._storage.database()
        rows = await database.read(lambda tx: remembered(tx, ONCE, key))
        return next((from_ms(row.cursor) for row in rows if row.key == key), None)

    async def first_undo(self, key: str, mine: RunId, *, instead_of: RunId = "") -> RunId:
        """Of the runs by which somebody takes back what the key names, the first; it is `mine` where none was noted.

        One that has ended gives way to `mine` where it is named.
        """
        database = await self._storage.database()

        def work(tx: Tx) -> RunId:
            first = next((row.value for row in remembered(tx, ONCE, key) if row.key == key), "")
            if first in {"", instead_of}:
                remember(tx, ONCE, key, mine, cursor=tx.now_ms())
                return mine
            return first

        return await database.write(work, name="slack.undo_noted")

    async def no_undo(self, key: str) -> None:
        """Nothing came of it: whoever asks next is the first."""
        database = await self._storage.database()
        await database.write(lambda tx: forget(tx, ONCE, key), name="slack.undo_forgotten")

    async def note_asked(self, asked: Asked) -> None:
        """Somebody was asked, or could not be; what is known already stays."""
        database = await self._storage.database()
        value = msgspec.json.encode(asked).decode()

        def work(tx: Tx) -> None:
            (before,) = [row.value for row in remembered(tx, ASKED, asked.key) if row.key == asked.key] or [
                ""
            ]
            if not before or (_ASKED.decode(before).trouble and not asked.trouble):
                remember(tx, ASKED, asked.key, value)

        await database.write(work, name="slack.asked")

    async def asked(self, run: RunId) -> tuple[Asked, ...]:
        """Who was asked for approval of a run, in the order in which they were."""
        database = await self._storage.database()
        rows = await database.read(lambda tx: remembered(tx, ASKED, f"{run}/"))
        return tuple(sorted((_ASKED.decode(row.value) for row in rows), key=lambda one: (one.at, one.person)))

    async def let_go(self, key: str) -> None:
        """It is done, or was given up: whoever comes next may."""
        database = await self._storage.database()
        await database.write(lambda tx: take_back(tx, HELD, key), name="slack.let_go")

    async def take_in(self, key: str, asked: str) -> bool:
        """Keep what somebody asked for until it is done, before Slack is told that it was heard.

        False where it has been taken in already: Slack sends again what it thinks was not heard.
        """
        return await self._intake.keep(key, asked)

    async def done(self, key: str) -> None:
        """It is done; the key is kept for a while, so that the same asked again is not done again."""
        database = await self._storage.database()
        await database.write(lambda tx: remember(tx, INBOX, key, "", cursor=tx.now_ms()), name="slack.done")

    async def left_over(self) -> tuple[Remembered, ...]:
        """What was taken in by somebody who has been silent since: the caller is at it from now on."""
        database = await self._storage.database()

        def work(tx: Tx) -> tuple[Remembered, ...]:
            now = tx.now_ms()
            rows = remembered(tx, INBOX)
            for row in rows:
                if not row.value and row.cursor <= now - KNOWN_MS:
                    forget(tx, INBOX, row.key)
            stale = [row for row in rows if row.value and row.cursor <= now - HELD_MS]
            for row in stale:
                remember(tx, INBOX, row.key, row.value, cursor=now)
            return tuple(stale)

        return await database.write(work, name="slack.left_over")

    async def keep_line(self, key: str, line: str) -> None:
        """Keep what was typed while something is asked back."""
        database = await self._storage.database()
        await database.write(lambda tx: remember(tx, LINES, key, line, cursor=tx.now_ms()), name="slack.line")

    async def take_line(self, key: str, by: str, kept: Callable[[str], str]) -> str:
        """What was kept, which is kept no more; empty where nothing is.

        What was taken in as `by` is from then on `kept` of the line: whoever takes it up again needs no other.
        """
        database = await self._storage.database()

        def work(tx: Tx) -> str:
            found = next((row.value for row in remembered(tx, LINES, key) if row.key == key), "")
            if found:
                forget(tx, LINES, key)
                remember(tx, INBOX, by, kept(found), cursor=tx.now_ms())
            return found

        return await database.write(work, name="slack.line_taken")

    async def show(self, message: ShownMessage) -> None:
        """Remember a message, or what it shows now."""
        database = await self._storage.database()
        value = msgspec.json.encode(message).decode()
        await database.write(lambda tx: remember(tx, CARDS, message.key, value), name="slack.shown")

    async def gone(self, message: ShownMessage) -> None:
        """The message is not there any more."""
        database = await self._storage.database()
        await database.write(lambda tx: forget(tx, CARDS, message.key), name="slack.gone")

    async def shown(self, run: RunId) -> tuple[ShownMessage, ...]:
        """Every message that shows a run."""
        database = await self._storage.database()
        rows = await database.read(lambda tx: remembered(tx, CARDS, f"{run}/"))
        return tuple(_SHOWN.decode(row.value) for row in rows)

    async def forget_old(self) -> None:
        """Keep no more what nobody can want any more: else the store grows with every click for ever."""
        database = await self._storage.database()
        await database.write(forget_old, name="slack.forgotten")

    async def runs_at(self, channel: str, ts: str) -> tuple[RunId, ...]:
        """The runs that a message shows; none where it is no message of ours."""
        database = await self._storage.database()
        rows = await database.read(lambda tx: remembered_ending(tx, CARDS, f"/{channel}/{ts}"))
        return tuple(_SHOWN.decode(row.value).run for row in rows)
