"""The bot on the sandbox and on the local Slack, a worker beside it, and a team with rights of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.sandbox.manager import SandboxHandle
from k8sops.service.chat.opening import ChatService, open_chat
from k8sops.service.config import SlackConfig
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
    said: list[str]
    """What the bot told whoever runs it."""

    def person(self, name: str) -> Person:
        """Somebody of the team."""
        return self.slack.person(USERS[name])

    async def web(self, replicas: int, **pod: Any) -> None:
        """A deployment to scale, its pods made of this besides."""
        manifest = deployment("web", self.namespace, replicas=replicas)
        manifest["spec"]["template"]["spec"] |= pod
        await create(self.office.admin, manifest)

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

    async def shown(self, name: str, channel: str | None, *texts: str) -> None:
        """Wait until somebody sees all of this, in a channel or in their direct messages."""
        person = self.person(name)
        try:
            await self.slack.until(lambda: all(text in person.screen(channel) for text in texts), 60.0)
        except TimeoutError as error:
            missing = [text for text in texts if text not in person.screen(channel)]
            raise AssertionError(
                f"{name} does not see {missing}, but:\n{person.screen(channel)}\nthe bot says {self.said}"
            ) from error

    async def reply(self, below: Message, having: str) -> Message:
        """The latest reply below a message that is no progress and in which this stands."""

        def found() -> Message | None:
            replies = [one for one in self.slack.messages(below.channel) if one.thread_ts == below.ts]
            return next((one for one in reversed(replies) if having in str(one.blocks)), None)

        return await self.slack.until(found)

    def direct(self, name: str) -> str:
        """The channel of somebody's direct messages with the bot."""
        return self.slack.workspace.direct(USERS[name]).id


def workspace(command: str = "/k8s") -> Workspace:
    """The team, a channel with the bot and one without."""
    space = Workspace(app_from_manifest(manifest(command=command)), team_id=TEAM)
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
    async with (
        open_office(cluster, sandbox, tmp_path) as office,
        opened(office, cluster_namespace, rules=APPROVED) as found,
    ):
        yield found


@pytest.fixture
async def free_desk(
    cluster: KubeCluster, sandbox: SandboxHandle, cluster_namespace: str, tmp_path: Path
) -> AsyncIterator[Desk]:
    """The same where whoever asks confirms, and nobody else is asked."""
    async with open_office(cluster, sandbox, tmp_path) as office, opened(office, cluster_namespace) as found:
        yield found


@asynccontextmanager
async def opened(
    office: Office, namespace: str, *, over_http: bool = False, command: str = "/k8s", **policy: Any
) -> AsyncIterator[Desk]:
    """The bot, a worker, and rights for everybody."""
    office.write_policy(execute_as=office.everybody, **policy)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        await enter(office.with_rights(*USERS))
        await enter(granted(office.admin, office.bot_name, *SEES))
        for person in USERS:
            await enter(granted(office.admin, office.called(person), *SEES, *CHANGES))
        slack = await enter(await LocalSlack.start(workspace(command), patience=PATIENT, rate_limits=False))
        config = msgspec.structs.replace(office.config, slack=SlackConfig(command=command))
        chat = await enter(open_chat(config))
        await enter(_working(office))
        app, said = slack.workspace.app, list[str]()
        tokens = Tokens(
            bot=app.bot_token, app=app.app_token, signing_secret=app.signing_secret, api=slack.base_url
        )
        port = 0 if over_http else None
        address = await enter(serving(chat, tokens, said.append, port=port, pace_s=0.0, left_over_s=0.05))
        if over_http:
            await slack.deliver_over_http(address)
        else:
            await slack.sockets_open()
        yield Desk(slack, chat, office, namespace, said)


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
