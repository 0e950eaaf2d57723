"""The bot on the sandbox and on the local Slack, a worker beside it, and a team with rights of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.sandbox.manager import SandboxHandle
from k8sops.service.chat.opening import ChatService, open_chat
from k8sops.service.worker import WorkerOptions, work
from k8sops_local_slack import LocalSlack, Message, Patience, Person, Workspace, app_from_manifest
from k8sops_slack.bot.serving import Tokens, serving
from k8sops_slack.manifest import manifest
from tests.service.chat.office import TEAM, USERS, Office, open_office
from tests.support.persons import granted, rule
from tests.support.workloads import create, deployment, replicas_of

OPS: Final = "C0OPS"
ELSEWHERE: Final = "C0ELSE"
SEES: Final = (
    rule("", "namespaces", "get"),
    rule("", "pods", "get", "list", "watch"),
    rule("apps", "deployments", "get", "list", "watch"),
    rule("apps", "deployments/scale", "get"),
)
CHANGES: Final = (rule("apps", "deployments/scale", "update"),)
APPROVED: Final = [
    {
        "name": "prod",
        "match": {"environments": ["production"], "risk": "low"},
        "effect": "approve",
        "from": ["sre"],
    }
]
PATIENT: Final = Patience(ack=60.0, trigger=60.0)
"""A busy machine is not a broken bot."""


@dataclass
class Desk:
    """What a test acts on and looks at."""

    slack: LocalSlack
    chat: ChatService
    office: Office
    namespace: str

    def person(self, name: str) -> Person:
        """Somebody of the team."""
        return self.slack.person(USERS[name])

    async def web(self, replicas: int) -> None:
        """A deployment to scale."""
        await create(self.office.admin, deployment("web", self.namespace, replicas=replicas))

    async def replicas(self) -> int:
        """What its spec says now."""
        return (await replicas_of(self.office.admin, "deployments", "web", self.namespace))[0]

    async def message(self, channel: str, having: str) -> Message:
        """The latest message of a channel in which this stands, once there is one."""

        def found() -> Message | None:
            return next(
                (one for one in reversed(self.slack.messages(channel)) if having in str(one.blocks)), None
            )

        return await self.slack.until(found)

    def direct(self, name: str) -> str:
        """The channel of somebody's direct messages with the bot."""
        return self.slack.workspace.direct(USERS[name]).id


def workspace() -> Workspace:
    """The team, a channel with the bot and one without."""
    space = Workspace(app_from_manifest(manifest()), team_id=TEAM)
    for name, user in USERS.items():
        space.add_user(user, name)
    space.add_channel(OPS, "ops", *USERS.values())
    space.add_channel(ELSEWHERE, "elsewhere", *USERS.values(), bot=False)
    return space


@pytest.fixture
async def desk(
    cluster: KubeCluster, sandbox: SandboxHandle, cluster_namespace: str, tmp_path: Path
) -> AsyncIterator[Desk]:
    """The bot over Socket Mode; changes in production take one of sre."""
    async with AsyncExitStack() as stack:
        office = await stack.enter_async_context(open_office(cluster, sandbox, tmp_path))
        office.write_policy(rules=APPROVED)
        await stack.enter_async_context(office.with_rights("alice", "bob"))
        await stack.enter_async_context(granted(cluster, office.bot_name, *SEES))
        for person in ("alice", "bob"):
            await stack.enter_async_context(granted(cluster, office.called(person), *SEES, *CHANGES))
        slack = await stack.enter_async_context(
            await LocalSlack.start(workspace(), patience=PATIENT, rate_limits=False)
        )
        chat = await stack.enter_async_context(open_chat(office.config))
        await stack.enter_async_context(_working(office))
        app = slack.workspace.app
        tokens = Tokens(bot=app.bot_token, app=app.app_token, api=slack.base_url)
        await stack.enter_async_context(serving(chat, tokens, print, pace_s=0.0))
        await slack.sockets_open()
        yield Desk(slack, chat, office, cluster_namespace)


@asynccontextmanager
async def _working(office: Office) -> AsyncIterator[None]:
    said: list[str] = []
    task = asyncio.create_task(work(office.config, WorkerOptions(grace_s=0.0), said.append))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
