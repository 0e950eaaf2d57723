"""The engine under signed trust: the ledger, persons with keys, and carriers that believe their policy file alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from k8sops.core.actor import Actor
from k8sops.core.clock import SystemClock
from k8sops.core.run import Run
from k8sops.engine.carrier import EmbeddedCarrier
from k8sops.engine.desk import Desk
from k8sops.engine.settling import settle
from k8sops.engine.timing import Timing
from k8sops.policy.keys import SigningKey
from k8sops.policy.load import parse_policy
from k8sops.policy.policy import Policy
from k8sops.service.signing import KeySigner
from k8sops.service.witness import PolicyWitness
from k8sops.store.database import BUSY_TIMEOUT_S, open_database
from tests.support.engine_world import QUICK, PlainRules, World
from tests.support.ledger import CLUSTER

C = TypeVar("C", bound=EmbeddedCarrier)
KEYS: Final = {
    name: SigningKey(Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest()))
    for name in ("alice", "bob", "carol", "mallory")
}
"""The same in every process of a test."""
EXECUTE_AS: Final = "service:ledger"


class MovedClock(SystemClock):
    """The machine's own time, some way on."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        """That much later."""
        return super().now() + self.ahead


def signed_policy(**changes: Any) -> Policy:
    """Changes are confirmed by who asks; carol administers."""
    people = {
        name: {
            "cluster": [{"cluster": "demo", "username": name}],
            "keys": [{"id": key.key_id, "key": key.public.text}],
        }
        for name, key in KEYS.items()
    }
    document = {
        "format": 1,
        "trust": "signed",
        "clusters": [{"uid": CLUSTER.uid, "name": "demo", "environment": "production"}],
        "people": people,
        "administrators": {"people": ["carol"]},
        "execute_as": {"services": [{"name": "ledger", "actions": ["*"], "user": "ledger"}]},
        **changes,
    }
    return parse_policy(yaml.safe_dump(document).encode(), where="policy.yaml")


class SignedWorld(World):
    """One process's engine; `later` is the clock its carriers judge by."""

    policy: Policy = signed_policy()
    later: MovedClock = MovedClock()

    def carrier_of(self, kind: type[C], *, execute_as: str = "", **changes: Any) -> C:
        """A carrier with a witness."""
        carrier = super().carrier_of(kind, execute_as=execute_as or EXECUTE_AS, **changes)
        witness = PolicyWitness(
            self.policy, CLUSTER, self.later, own=(), policy_key=lambda action: f"test.{action}"
        )
        carrier._tools = msgspec.structs.replace(carrier._tools, witness=witness)
        return carrier

    def signer(self, person: str, key: SigningKey | None = None) -> KeySigner:
        """A person's signer."""
        return KeySigner(key or KEYS[person], self.policy, SystemClock())

    async def started(self, action: str, ledger: Path, person: str = "alice", **params: Any) -> Run:
        """A ledger run that a person has confirmed."""
        plan = await self.planned(action, ledger, execute_as=EXECUTE_AS, **params)
        actor = Actor(name=person)
        desk = self.desk_of(person)
        run = await desk.propose(plan, actor)
        return await desk.start(run.id, actor, seen=plan.digest)

    def desk_of(self, person: str) -> Desk:
        """A desk at which this person signs."""
        return Desk(self.database, self.books, self.rules, self.ids, self.signer(person))

    async def settled(self, run: str, how: Any, person: str = "alice") -> Run:
        """What a person says of the step in doubt."""
        return await settle(
            self.database, self.books, self.rules, run, how, Actor(name=person), signer=self.signer(person)
        )

    async def sql(self, statement: str, **values: Any) -> None:
        """Whatever an intruder writes."""
        await self.database.write(lambda tx: tx.execute(text(statement), values), name="forged")


@asynccontextmanager
async def open_signed_world(
    url: str,
    *,
    timing: Timing = QUICK,
    boundary: Callable[[str], None] | None = None,
    busy_timeout_s: float = BUSY_TIMEOUT_S,
) -> AsyncIterator[SignedWorld]:
    """An engine on the store at `url`, its leases short; at its own desk alice signs."""
    database = await open_database(url, clock=SystemClock(), boundary=boundary, busy_timeout_s=busy_timeout_s)
    world = SignedWorld(url, database, PlainRules(), SystemClock(), timing)
    world.later = MovedClock()
    world.desk = world.desk_of("alice")
    try:
        yield world
    finally:
        await database.aclose()
