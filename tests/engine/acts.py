"""What people and processes put on record in one transaction: prepared, done, and looked for afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.plan import Decision
from k8sops.core.run import Run, Vote
from k8sops.engine.granting import GrantDesk
from k8sops.engine.grants import Grant, get_grant, sweep_grants
from k8sops.engine.policy_watch import note_policy
from k8sops.engine.reviewing import review
from k8sops.engine.signalling import signal
from k8sops.policy.grants import GrantSpec
from k8sops.store.grant_rows import list_grants, load_grant
from k8sops.store.reviews import open_reviews
from k8sops.store.signals import take_signal
from k8sops.store.statement_rows import SignedBytes
from tests.support.engine_world import ALICE, BOB, PlainRules, World, eventually, needing
from tests.support.ledger import CLUSTER


class ActRules(PlainRules):
    """Everybody may do everything; a grant takes one vote."""

    def review_refused(self, run: Run, actor: Actor) -> str:
        """Everybody may close a review."""
        return ""

    def unanswered(self, run: Run, statements: tuple[SignedBytes, ...]) -> str:
        """Nothing is signed here."""
        return ""

    def decide_grant(self, spec: GrantSpec, actor: Actor, now: datetime) -> Decision:
        """One vote."""
        return needing(1)

    def grant_vote_refused(self, grant: Grant, actor: Actor) -> str:
        """Everybody may vote."""
        return ""

    def grant_quorum(self, grant: Grant) -> tuple[bool, str]:
        """One is enough."""
        return bool(grant.approvals), ""

    def revoke_refused(self, grant: Grant, actor: Actor) -> str:
        """Everybody may revoke."""
        return ""


class Act(msgspec.Struct, frozen=True):
    """One of them: the id it is about, doing it, and whether it has been done."""

    prepare: Callable[[World], Awaitable[str]]
    do: Callable[[World, str], Awaitable[object]]
    done: Callable[[World, str], Awaitable[bool]]


def _desk(world: World) -> GrantDesk:
    return GrantDesk(world.database, world.books, ActRules(), world.ids)


async def _grant(world: World, seconds: float = 3600.0) -> str:
    spec = GrantSpec(
        actions=("ledger",),
        cluster_uid=CLUSTER.uid,
        namespaces=("shop",),
        people=("alice",),
        valid_until=world.clock.now() + timedelta(seconds=seconds),
    )
    return (await _desk(world).request(spec, ALICE, reason="test", cluster_name="demo")).id


async def _brief_grant(world: World) -> str:
    wanted = await _grant(world, 0.05)
    until = (await get_grant(world.database, wanted)).spec.valid_until

    async def over() -> bool:
        return await world.database.read(lambda tx: tx.now() > until)

    await eventually(over)
    return wanted


async def _nothing(world: World) -> str:
    return str(await _grants(world))


async def _grants(world: World) -> int:
    return len(await world.database.read(lambda tx: list(list_grants(tx, ()))))


async def _more_grants(world: World, before: str) -> bool:
    return await _grants(world) > int(before)


async def _request(world: World, before: str) -> None:
    await _grant(world)


async def _vote(world: World, wanted: str) -> None:
    digest = (await get_grant(world.database, wanted)).digest
    await _desk(world).decide(wanted, Vote(verdict="approve", digest=digest), BOB)


async def _revoke(world: World, wanted: str) -> None:
    await _desk(world).revoke(wanted, BOB)


async def _sweep(world: World, wanted: str) -> None:
    await sweep_grants(world.database, world.books)


def _is(state: str) -> Callable[[World, str], Awaitable[bool]]:
    async def so(world: World, wanted: str) -> bool:
        return await world.database.read(lambda tx: load_grant(tx, wanted).state) == state

    return so


async def _broken_glass(world: World) -> str:
    run = await world.proposed("ledger", Path("/nowhere"), targets=world.ids.new())
    return (await world.desk.start(run.id, ALICE, break_glass="fire")).id


async def _review(world: World, wanted: str) -> None:
    await review(world.database, world.books, ActRules(), wanted, "it was right", BOB)


async def _reviewed(world: World, wanted: str) -> bool:
    return wanted not in [one.run for one in await world.database.read(open_reviews)]


async def _version(world: World) -> str:
    return world.ids.new()


async def _note(world: World, version: str) -> bool:
    return await note_policy(world.database, world.books, version, actor=ALICE, source="test")


async def _noted(world: World, version: str) -> bool:
    return not await _note(world, version)


async def _waiting(world: World) -> str:
    world.rules.decision = Decision(effect="confirm", why="test")
    return (await world.queued("ledger", Path("/nowhere"), signal="nod", targets=world.ids.new())).id


async def _signal(world: World, wanted: str) -> None:
    await signal(world.database, world.books, ActRules(), wanted, "nod", {"word": "yes"}, BOB)


async def _signalled(world: World, wanted: str) -> bool:
    return await world.database.read(lambda tx: take_signal(tx, wanted, "nod")) is not None


ACTS: Final[dict[str, Act]] = {
    "grant.requested": Act(_nothing, _request, _more_grants),
    "grant.voted": Act(_grant, _vote, _is("active")),
    "grant.revoked": Act(_grant, _revoke, _is("revoked")),
    "grant.expired": Act(_brief_grant, _sweep, _is("expired")),
    "review.closed": Act(_broken_glass, _review, _reviewed),
    "signal.sent": Act(_waiting, _signal, _signalled),
    "policy.changed": Act(_version, _note, _noted),
}
"""By the name of their commit, which is the code of their record as well."""
