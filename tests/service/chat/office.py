"""A bot with credentials of its own on the sandbox, a policy that knows its users, and rights for them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from k8sops.cluster.client import KubeCluster
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.sandbox.manager import SandboxHandle
from k8sops.service.chat.acting import ChatDesk, ChatUser
from k8sops.service.config import Config
from k8sops.service.storing import Storage
from tests.support.clients import client_of
from tests.support.persons import granted, rule
from tests.support.persons_at_door import kubeconfig_of

TEAM: Final = "T0001"
USERS: Final = {"alice": "U0ALICE", "bob": "U0BOB", "carol": "U0CAROL"}
GROUPS: Final = {"alice": ["dev"], "bob": ["sre"], "carol": ["sre"]}
KNOWS_CLUSTER: Final = rule("", "namespaces", "get")


def chat_user(person: str) -> ChatUser:
    """A person as the chat names them."""
    return ChatUser(team=TEAM, user=USERS[person])


class Office:
    """The policy, the bot's own connection, and what the cluster calls people."""

    def __init__(
        self, cluster: KubeCluster, bot: KubeCluster, bot_name: str, kubeconfig: Path, folder: Path
    ) -> None:
        self.admin: Final = cluster
        self.bot: Final = bot
        self.bot_name: Final = bot_name
        self.folder: Final = folder
        self.marks: Final = uuid.uuid4().hex[:6]
        self.policy_path: Final = folder / "policy.yaml"
        self.config: Final = Config(
            policy=self.policy_path,
            kubeconfig=(kubeconfig,),
            database_url=f"sqlite:///{folder}/store/k8sops.db",
        )

    def called(self, person: str) -> str:
        """What the cluster calls a person."""
        return f"{person}-{self.marks}"

    @property
    def everybody(self) -> dict[str, Any]:
        """`execute_as` in which each person has a name at the cluster."""
        return {"people": {one: {"user": self.called(one)} for one in USERS}}

    def write_policy(self, **changes: Any) -> None:
        """Alice and bob can act; carol is mapped in the chat, and nobody says as whom the cluster sees her."""
        document = {
            "format": 1,
            "clusters": [
                {
                    "uid": self.admin.info.uid,
                    "name": "prod-eu",
                    "aliases": ["eu"],
                    "environment": "production",
                }
            ],
            "people": {
                person: {"groups": GROUPS[person], "slack": [{"team": TEAM, "user": user}]}
                for person, user in USERS.items()
            },
            "slack": {"channels": [{"team": TEAM, "channel": "C0OPS", "cluster": "eu"}]},
            "execute_as": {"people": {one: {"user": self.called(one)} for one in ("alice", "bob")}},
            **changes,
        }
        # Written beside and moved: whoever reads it meanwhile sees a whole file, and another state of it.
        beside = self.policy_path.with_suffix(".new")
        beside.write_text(yaml.safe_dump(document), encoding="utf-8")
        beside.replace(self.policy_path)

    @asynccontextmanager
    async def desk(self) -> AsyncIterator[ChatDesk]:
        """What the bot is given."""
        clock, ids = SystemClock(), UlidSource()
        storage = Storage(self.config, clock, ids)
        desk = ChatDesk(
            {self.bot.info.uid: self.bot}, config=self.config, storage=storage, clock=clock, ids=ids
        )
        try:
            yield desk
        finally:
            await desk.aclose()
            await storage.aclose()

    @asynccontextmanager
    async def with_rights(self, *people: str) -> AsyncIterator[None]:
        """The bot may act as these."""
        names = [self.called(one) for one in people]
        async with granted(self.admin, self.bot_name, rule("", "users", "impersonate", names=names)):
            yield


@asynccontextmanager
async def open_office(cluster: KubeCluster, sandbox: SandboxHandle, folder: Path) -> AsyncIterator[Office]:
    """The bot may know which cluster it is, and nothing else."""
    name = f"bot-{uuid.uuid4().hex[:6]}"
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(granted(cluster, name, KNOWS_CLUSTER))
        kubeconfig = kubeconfig_of(sandbox, folder, name)
        bot = await stack.enter_async_context(client_of(kubeconfig))
        office = Office(cluster, bot, name, kubeconfig, folder)
        office.write_policy()
        yield office
