"""Two bots on one store and one local Slack, a clock moved by hand, and runs that need no cluster to wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml
from slack_sdk.web.async_client import AsyncWebClient

from k8sops.core.actor import Actor
from k8sops.core.clock import UlidSource
from k8sops.core.plan import Demand
from k8sops.core.run import Run
from k8sops.service.chat.acting import ChatDesk
from k8sops.service.chat.handing_over import Bundles
from k8sops.service.chat.memory import ChatMemory
from k8sops.service.chat.opening import ChatService
from k8sops.service.config import Config
from k8sops.service.records import Records
from k8sops.service.storing import Storage
from k8sops.store.database import Tx
from k8sops.store.outbox import put_out
from k8sops_local_slack import LocalSlack, Message, Patience, Person, Workspace, app_from_manifest
from k8sops_slack.blocks.gate import Gate
from k8sops_slack.bot.following import REMIND_EVERY_S, Following
from k8sops_slack.bot.posting import Poster
from k8sops_slack.bot.showing import Showing
from k8sops_slack.bot.telling import Telling
from k8sops_slack.manifest import manifest
from tests.backup.clock import HandClock
from tests.support.engine_world import ALICE, PlainRules, World, needing, open_world
from tests.support.ledger import CLUSTER

TEAM: Final = "T0001"
OPS: Final = "C0OPS"
OTHER: Final = "C0OTHER"
USERS: Final = {"alice": "U0ALICE", "bob": "U0BOB", "carol": "U0CAROL"}
GROUPS: Final = {"alice": ["dev"], "bob": ["sre", "night"], "carol": ["sre"]}
TTL: Final = timedelta(hours=4)


@dataclass
class Bot:
    """One replica."""

    chat: ChatService
    showing: Showing
    telling: Telling
    following: Following


@dataclass
class Bots:
    """What a test acts on and looks at."""

    slack: LocalSlack
    world: World
    clock: HandClock
    replicas: list[Bot]
    ledger: Path
    said: list[str]

    async def ask(self, actor: Actor = ALICE, **params: Any) -> Run:
        """A run that waits for approval."""
        return await self.world.proposed("ledger", self.ledger, actor, **params)

    async def round(self, *, after: timedelta = timedelta(seconds=REMIND_EVERY_S)) -> None:
        """Time passes, and all bots look at once."""
        self.clock.moment += after
        await asyncio.gather(*(bot.following.round() for bot in self.replicas))

    def person(self, name: str) -> Person:
        """Somebody of the team."""
        return self.slack.person(USERS[name])

    def direct(self, name: str) -> list[Message]:
        """The bot's direct messages to somebody."""
        return self.slack.messages(self.slack.workspace.direct(USERS[name]).id)

    def rang(self, name: str) -> int:
        """How often their phone did."""
        return len(self.person(name).notifications())

    async def notice(self, kind: str, run: str = "", **payload: Any) -> None:
        """News in the outbox."""

        def work(tx: Tx) -> None:
            put_out(tx, self.world.ids.new(), kind, run, payload)

        await self.world.database.write(work, name="test.notice")


@asynccontextmanager
async def open_bots(
    folder: Path,
    *,
    slack_rules: dict[str, Any] | None = None,
    number: int = 2,
    patience: Patience | None = None,
    **settings: Any,
) -> AsyncIterator[Bots]:
    """So many bots, not yet looking; a run takes two of sre. `settings` are the configuration's."""
    policy = folder / "policy.yaml"
    policy.write_text(yaml.safe_dump(_policy(slack_rules or {})), encoding="utf-8")
    config = Config(**{"policy": policy, "database_url": f"sqlite:///{folder}/k8sops.db", **settings})
    clock, said = HandClock(), list[str]()
    space = Workspace(app_from_manifest(manifest()), team_id=TEAM)
    for name, user in USERS.items():
        space.add_user(user, name)
    space.add_channel(OPS, "ops", *USERS.values())
    space.add_channel(OTHER, "other", *USERS.values())
    space.add_usergroup("S0SRE", "sre-team", USERS["bob"], USERS["carol"])
    async with AsyncExitStack() as stack:
        demands = (Demand(count=2, groups=("sre",)),)
        wanted = msgspec.structs.replace(needing(2, ttl_s=int(TTL.total_seconds())), demands=demands)
        rules = PlainRules(wanted)
        world = await stack.enter_async_context(open_world(config.database_url, rules=rules, clock=clock))
        slack = await stack.enter_async_context(
            await LocalSlack.start(space, patience=patience, rate_limits=False)
        )
        client = AsyncWebClient(token=space.app.bot_token, base_url=slack.base_url)
        replicas = [await _bot(stack, config, clock, client, said) for _ in range(number)]
        yield Bots(slack, world, clock, replicas, folder / "ledger", said)


async def _bot(
    stack: AsyncExitStack, config: Config, clock: HandClock, client: AsyncWebClient, said: list[str]
) -> Bot:
    ids = UlidSource()
    storage = Storage(config, clock, ids)
    stack.push_async_callback(storage.aclose)
    chat = ChatService(
        desk=ChatDesk({}, config=config, storage=storage, clock=clock, ids=ids),
        memory=ChatMemory(storage),
        records=Records(storage, clock),
        clock=clock,
        ids=ids,
        command="/k8s",
        redact=str,
        bundles=Bundles(config, storage, clock, ids),
        workers=(),
    )
    poster = Poster(client, Gate(chat.redact))
    showing = Showing(chat, poster)
    telling = Telling(chat, poster, showing, said.append)
    return Bot(chat, showing, telling, Following(chat, poster, showing, telling, said.append))


def _policy(slack_rules: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": 1,
        "clusters": [{"uid": CLUSTER.uid, "name": "demo", "environment": "production"}],
        "people": {
            name: {
                "groups": GROUPS[name],
                "slack": [{"team": TEAM, "user": user}],
                "cluster": [{"cluster": "demo", "username": name}],
            }
            for name, user in USERS.items()
        },
        "slack": slack_rules,
    }
