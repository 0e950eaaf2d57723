"""`k8sops slack` in processes of its own, on the sandbox and the local Slack; the audit log counts what they did."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from signal import Signals
from typing import Any

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.clock import SystemClock, UlidSource
from k8sops.sandbox.manager import SandboxHandle
from k8sops.service.chat.doors import INBOX
from k8sops.service.chat.memory import HELD_MS
from k8sops.service.storing import Storage
from k8sops.store.database import Database, Tx
from k8sops.store.schema import door_state
from k8sops_local_slack import LocalSlack, Message, Person
from k8sops_local_slack.delivery.outbox import Delivery
from tests.service.chat.office import USERS, Office, open_office
from tests.slack.flows.conftest import APPROVED, CHANGES, PATIENT, SEES, workspace
from tests.support.engine_records import chain_of
from tests.support.engine_world import eventually
from tests.support.fault_proxy import FaultProxy
from tests.support.persons import granted
from tests.support.workloads import create, deployment, replicas_of

DEADLINE_S = 180.0
READY = {"spec": {"template": {"metadata": {"annotations": {"sandbox.k8sops.dev/play": None}}}}}


class Bot:
    """One `k8sops slack`."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.said = ""
        self._reading = asyncio.create_task(self._read(), name="reads a bot")

    async def _read(self) -> None:
        assert self._process.stderr is not None
        while line := await self._process.stderr.readline():
            self.said += line.decode()

    async def until(self, text: str) -> None:
        """Wait until it has said so."""

        async def so() -> bool:
            assert self._process.returncode is None, self.said
            return text in self.said

        await eventually(so)

    def told(self, number: Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def killed(self) -> None:
        """Dead at once, in the middle of whatever it does."""
        self._process.kill()
        await self._process.wait()

    async def ended(self, number: Signals = Signals.SIGTERM) -> int:
        """Tell it to end; its exit code."""
        self.told(number)
        async with asyncio.timeout(DEADLINE_S):
            await self._reading
            return await self._process.wait()

    async def close(self) -> None:
        """End it if it still runs."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading


class Site:
    """A cluster behind a proxy, a Slack, a store, and as many bots as a test starts."""

    def __init__(
        self, office: Office, slack: LocalSlack, proxy: FaultProxy, database: Database, namespace: str
    ) -> None:
        self.office = office
        self.slack = slack
        self.proxy = proxy
        self.namespace = namespace
        self._database = database
        self._bots: list[Bot] = []

    async def bot(self, *options: str) -> Bot:
        """Another one, connected, its worker ready."""
        bot = await self._begun(*options)
        await self.slack.sockets_open()
        return bot

    async def http_bot(self) -> Bot:
        """One that is reached over HTTP, as Slack reaches it from now on."""
        bot = await self._begun("--http", "0")
        (address,) = re.findall(r"listening over (http\S+)", bot.said)
        await self.slack.deliver_over_http(address)
        return bot

    async def _begun(self, *options: str) -> Bot:
        app = self.slack.workspace.app
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.office.folder),
            "KUBECONFIG": str(self.proxy.kubeconfig),
            "K8SOPS_POLICY": str(self.office.policy_path),
            "K8SOPS_DATABASE_URL": self.office.config.database_url,
            "SLACK_API_URL": self.slack.base_url,
            "SLACK_BOT_TOKEN": app.bot_token,
            "SLACK_APP_TOKEN": app.app_token,
            "SLACK_SIGNING_SECRET": app.signing_secret,
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "k8sops", "slack", "--health-port", "0", *options),
            stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, env=environ,
        )  # fmt: skip
        bot = Bot(process)
        self._bots.append(bot)
        await bot.until("it carries runs")
        return bot

    async def dies_with(self, bot: Bot, delivery: Delivery | None) -> bool:
        """Kill a bot; whether what was on its way to it is lost: nobody is there any more to hear or ack it."""
        assert delivery is not None
        sockets = list(self.slack.sockets.open)
        await bot.killed()
        await self.slack.until(lambda: len(self.slack.sockets.open) < len(sockets) or None, DEADLINE_S)
        (dead,) = (socket for socket in sockets if socket not in self.slack.sockets.open)
        return not delivery.acked and not set(delivery.envelopes).isdisjoint(dead.envelopes)

    def person(self, name: str) -> Person:
        """Somebody of the team."""
        return self.slack.person(USERS[name])

    async def web(self, name: str = "web", **annotations: str) -> None:
        """A deployment of two."""
        await create(self.office.admin, deployment(name, self.namespace, replicas=2, annotations=annotations))

    async def get_ready(self, name: str = "web") -> None:
        """Let its pods become ready."""
        resource = await self.office.admin.resource("deployments")
        await self.office.admin.patch(resource, name, self.namespace, body=READY)

    async def replicas(self, name: str = "web") -> int:
        """What its spec says now."""
        return (await replicas_of(self.office.admin, "deployments", name, self.namespace))[0]

    def scaling(self, name: str = "web", replicas: int = 3) -> str:
        """The line that scales it."""
        return f"/k8s scale deployment/{name} --replicas {replicas} -n {self.namespace}"

    async def card(self, channel: str, *having: str) -> Message:
        """The latest message of a channel in which all of this stands, once there is one."""

        def found() -> Message | None:
            messages = reversed(self.slack.messages(channel))
            return next((one for one in messages if all(text in str(one.blocks) for text in having)), None)

        return await self.slack.until(found, DEADLINE_S)

    async def a_minute_passes(self) -> None:
        """What a bot had taken in and not done is as old as it has to be for another one to take it up."""

        def work(tx: Tx) -> None:
            held = door_state.c.door == INBOX
            tx.execute(door_state.update().where(held).values(cursor=door_state.c.cursor - HELD_MS))

        await self._database.write(work, name="test.later")

    async def recorded(self) -> Counter[str]:
        """How often the audit log has each code; the chain is whole."""
        return Counter(record.code for record in await chain_of(self._database))

    async def on_record(self, code: str, times: int = 1) -> None:
        """Wait until the audit log has it so often."""

        async def so() -> bool:
            return (await self.recorded())[code] >= times

        try:
            await eventually(so, within_s=DEADLINE_S)
        except TimeoutError as error:
            said = "\n".join(bot.said for bot in self._bots)
            raise AssertionError(f"{code}: {await self.recorded()}\nthe bots say {said}") from error

    async def rows(self, statement: Any) -> int:
        """How many rows there are of something in the store."""
        return await self._database.read(lambda tx: len(tx.execute(statement).all()))

    async def close(self) -> None:
        """End every bot."""
        for bot in self._bots:
            await bot.close()


@pytest.fixture
async def site(
    cluster: KubeCluster, sandbox: SandboxHandle, cluster_namespace: str, tmp_path: Path
) -> AsyncIterator[Site]:
    """Nobody is up yet; changes in production take one of sre."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        office = await enter(open_office(cluster, sandbox, tmp_path))
        office.write_policy(execute_as=office.everybody, rules=APPROVED)
        await enter(office.with_rights(*USERS))
        await enter(granted(cluster, office.bot_name, *SEES))
        for person in USERS:
            await enter(granted(cluster, office.called(person), *SEES, *CHANGES))
        proxy = await enter(FaultProxy(office.config.kubeconfig[0]))
        slack = await enter(await LocalSlack.start(workspace(), patience=PATIENT, rate_limits=False))
        storage = Storage(office.config, SystemClock(), UlidSource())
        stack.push_async_callback(storage.aclose)
        found = Site(office, slack, proxy, await storage.database(), cluster_namespace)
        stack.push_async_callback(found.close)
        yield found
