"""One bot for two clusters: which one is meant is named, chosen or the channel's, never guessed; one away is no other's
trouble.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
import pytest
import yaml

from k8sops.cluster.client import KubeCluster
from k8sops.core.run import RunFilter, RunState
from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.sandbox.namespaces import create_namespace
from k8sops.sandbox.pytest_plugin import in_thread
from k8sops.service.chat.opening import open_chat
from k8sops.service.config import Config, SlackConfig
from k8sops.service.worker import WorkerOptions, work
from k8sops_local_slack import LocalSlack
from k8sops_slack.bot.serving import Tokens, serving
from tests.service.chat.office import TEAM, USERS, Office, open_office
from tests.slack.flows.conftest import APPROVED, CHANGES, OPS, PATIENT, SEES, Desk, workspace
from tests.support.clients import client_of
from tests.support.engine_world import eventually
from tests.support.fault_proxy import FaultProxy
from tests.support.persons import granted, rule
from tests.support.workloads import create, deployment, replicas_of

ANY: Final = "C0ANY"
"""A channel for which the policy names no cluster."""


@pytest.fixture(scope="module")
def other_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxHandle]:
    """A second control plane; its context is called `other`."""
    manager = SandboxManager(tmp_path_factory.mktemp("other"))
    yield in_thread(lambda: manager.up("other"))
    in_thread(lambda: manager.down("other"))


class Both:
    """The desk, and the cluster that is not the channel's."""

    def __init__(self, desk: Desk, staging: KubeCluster, proxy: FaultProxy | None) -> None:
        self.desk = desk
        self.staging = staging
        self.proxy = proxy

    async def replicas(self) -> tuple[int, int]:
        """Of web in production and in staging."""
        staging = await replicas_of(self.staging, "deployments", "web", self.desk.namespace)
        return await self.desk.replicas(), staging[0]

    async def clusters_of_runs(self) -> list[str]:
        """On which clusters the runs on record are."""
        runs = await self.desk.chat.records.runs(RunFilter(states=tuple(RunState)))
        return [run.cluster_uid for run in runs]


class Place(msgspec.Struct, frozen=True):
    """Both control planes, as tests are given them."""

    cluster: KubeCluster
    sandbox: SandboxHandle
    other: SandboxHandle
    namespace: str
    folder: Path


@pytest.fixture
def place(
    cluster: KubeCluster,
    sandbox: SandboxHandle,
    other_sandbox: SandboxHandle,
    cluster_namespace: str,
    tmp_path: Path,
) -> Place:
    """A namespace of the same name on each."""
    in_thread(lambda: create_namespace(other_sandbox, cluster_namespace))
    return Place(cluster, sandbox, other_sandbox, cluster_namespace, tmp_path)


@pytest.fixture
async def both(place: Place) -> AsyncIterator[Both]:
    """The bot on both, a worker for each."""
    async with opened_on_both(place) as found:
        await found.desk.web(2)
        await create(found.staging, deployment("web", place.namespace, replicas=2))
        yield found


@asynccontextmanager
async def opened_on_both(place: Place, *, away: bool = False) -> AsyncIterator[Both]:
    """Production is OPS's cluster, staging nobody's; with `away` it answers only once its proxy is told to."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        office = await enter(open_office(place.cluster, place.sandbox, place.folder))
        staging = await enter(client_of(place.other.kubeconfig))
        (place.folder / "other").mkdir()
        there = await enter(open_office(staging, place.other, place.folder / "other"))
        proxy = await enter(FaultProxy(there.config.kubeconfig[0])) if away else None
        kubeconfig = proxy.kubeconfig if proxy else there.config.kubeconfig[0]
        _write_policy(office, staging)
        await enter(office.with_rights(*USERS))
        people = [office.called(one) for one in USERS]
        await enter(granted(staging, there.bot_name, rule("", "users", "impersonate", names=people), *SEES))
        await enter(granted(place.cluster, office.bot_name, *SEES))
        for admin in (place.cluster, staging):
            for person in people:
                await enter(granted(admin, person, *SEES, *CHANGES))
        kubeconfigs = (*office.config.kubeconfig, kubeconfig)
        contexts = tuple(yaml.safe_load(one.read_text())["current-context"] for one in kubeconfigs)
        config = msgspec.structs.replace(
            office.config, kubeconfig=kubeconfigs, slack=SlackConfig(contexts=contexts)
        )
        if proxy:
            proxy.fail(503, times=1000)
        yield await _served(stack, config, office, staging, proxy, place.namespace)


async def _served(
    stack: AsyncExitStack,
    config: Config,
    office: Office,
    staging: KubeCluster,
    proxy: FaultProxy | None,
    namespace: str,
) -> Both:
    space = workspace()
    space.add_channel(ANY, "any", *USERS.values())
    slack = await stack.enter_async_context(
        await LocalSlack.start(space, patience=PATIENT, rate_limits=False)
    )
    chat = await stack.enter_async_context(open_chat(config, again_s=0.2))
    said: list[str] = []
    options = WorkerOptions(grace_s=0.0, patient=True)
    for one in chat.workers:
        task = asyncio.create_task(work(one, options, said.append))
        stack.push_async_callback(_ended, task)
    app = slack.workspace.app
    tokens = Tokens(bot=app.bot_token, app=app.app_token, api=slack.base_url)
    await stack.enter_async_context(serving(chat, tokens, said.append, pace_s=0.0, left_over_s=0.05))
    await slack.sockets_open()
    return Both(Desk(slack, chat, office, namespace, said), staging, proxy)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _write_policy(office: Office, staging: KubeCluster) -> None:
    pins = [
        {"uid": office.admin.info.uid, "name": "prod-eu", "aliases": ["eu"], "environment": "production"},
        {"uid": staging.info.uid, "name": "stage-1", "aliases": ["stage"], "environment": "staging"},
    ]
    channels = [{"team": TEAM, "channel": OPS, "cluster": "eu"}]
    office.write_policy(
        clusters=pins, execute_as=office.everybody, rules=APPROVED, slack={"channels": channels}
    )


async def test_a_read_that_names_no_cluster_asks_for_one_and_answers_as_of_that_one(both: Both) -> None:
    """The wrong cluster's pods, read at three in the morning, are worse than none."""
    desk, alice = both.desk, both.desk.person("alice")
    line = f"/k8s get deployments -n {desk.namespace}"
    await alice.slash(line, ANY)
    asked = await desk.message(ANY, "Which cluster?")
    assert asked.only_for == USERS["alice"]
    assert "deployments in" not in alice.screen(ANY)
    await alice.choose(asked, "cluster.choose", "staging stage-1")
    await desk.shown("alice", ANY, f"deployments in {desk.namespace} on stage-1", "web")
    await alice.choose(asked, "cluster.choose", "PRODUCTION prod-eu")
    await desk.shown("alice", ANY, "this was chosen already")
    await alice.slash(f"{line} --cluster eu", ANY)
    await desk.shown("alice", ANY, f"deployments in {desk.namespace} on prod-eu")
    await alice.slash(line, OPS)
    await desk.shown("alice", OPS, f"deployments in {desk.namespace} on prod-eu")
    await alice.slash(f"{line} --cluster stage", OPS)
    await desk.shown("alice", OPS, f"deployments in {desk.namespace} on stage-1")
    await alice.slash(f"{line} --cluster stag-1", OPS)
    await desk.shown("alice", OPS, "no cluster 'stag-1' is served here; did you mean stage-1?")


async def test_a_change_is_made_on_the_cluster_that_was_chosen_and_by_its_own_worker(both: Both) -> None:
    """Both clusters have a `web`: only the one that was meant may change."""
    desk, alice, bob = both.desk, both.desk.person("alice"), both.desk.person("bob")
    change = f"/k8s scale deployment/web -n {desk.namespace} --replicas"
    await alice.slash(f"{change} 3", ANY)
    asked = await desk.message(ANY, "Which cluster?")
    assert await both.clusters_of_runs() == [], "nothing is planned on a guess"
    await alice.choose(asked, "cluster.choose", "staging stage-1")
    await alice.click(await desk.message(ANY, "Apply"), "run.apply")
    await desk.shown("alice", ANY, "staging stage-1 · scale", "3 of 3 replicas ready")
    assert await both.replicas() == (2, 3)
    await alice.slash(f"{change} 4", OPS)
    await bob.click(await desk.message(OPS, "Approve"), "run.approve")
    await desk.shown("alice", OPS, "PRODUCTION prod-eu · scale", "4 of 4 replicas ready")
    assert await both.replicas() == (4, 3)
    production, staging = desk.office.admin.info.uid, both.staging.info.uid
    assert sorted(await both.clusters_of_runs()) == sorted([production, staging])


async def test_a_form_asks_for_the_cluster_first(both: Both) -> None:
    """What its fields find is of one cluster; the dialog says which, and what was typed before is not typed again."""
    desk, alice = both.desk, both.desk.person("alice")
    await alice.slash(f'/k8s scale -n {desk.namespace} --reason "peak hour"', ANY)
    await desk.slack.until(lambda: alice.modal and "On which cluster?" in alice.modal_screen())
    await alice.choose("modal", "cluster.form", "staging stage-1")
    await desk.slack.until(lambda: "Show the plan" in alice.modal_screen())
    assert "staging stage-1" in alice.modal_screen()
    await alice.search("modal", "Targets", "we")
    await alice.choose("modal", "Targets", ["deployment/web"])
    await alice.submit({"Replicas": "3"})
    await alice.click(await desk.message(ANY, "Apply"), "run.apply")
    await desk.shown("alice", ANY, "staging stage-1 · scale", "3 of 3 replicas ready", "“peak hour”")
    assert await both.replicas() == (2, 3)
    await alice.slash("/k8s scale --cluster stage", OPS)
    await desk.slack.until(lambda: alice.modal and "Show the plan" in alice.modal_screen())
    assert "staging stage-1" in alice.modal_screen(), "what was named comes before what the channel means"


async def test_what_is_too_long_to_be_carried_past_the_question_says_how_to_do_without(both: Both) -> None:
    """A dialog carries three thousand characters; what is cut off would be somebody's reason."""
    desk, alice = both.desk, both.desk.person("alice")
    await alice.slash(f"/k8s scale --reason {'x' * 3000}", ANY)
    await desk.slack.until(lambda: alice.modal and "too long to be asked back" in alice.modal_screen())
    assert "--cluster" in alice.modal_screen()


async def test_status_and_home_tell_of_all(both: Both) -> None:
    """Whoever is on call for both asks once."""
    desk, alice = both.desk, both.desk.person("alice")
    await alice.slash("/k8s status", ANY)
    await desk.shown("alice", ANY, "PRODUCTION prod-eu:", "staging stage-1:", "status --cluster NAME")
    await alice.slash("/k8s status", OPS)
    await desk.shown("alice", OPS, "PRODUCTION prod-eu")
    assert "staging stage-1" not in alice.screen(OPS)
    await alice.open_home()
    await desk.slack.until(lambda: "PRODUCTION prod-eu:" in alice.home_screen())
    assert "staging stage-1:" in alice.home_screen()


async def test_a_cluster_that_does_not_answer_says_so_itself_and_the_others_go_on(place: Place) -> None:
    """The bot is what one asks when a cluster is down: it must not need that cluster to start."""
    async with opened_on_both(place, away=True) as both:
        desk, alice, bob = both.desk, both.desk.person("alice"), both.desk.person("bob")
        await desk.web(2)
        await alice.slash("/k8s status", ANY)
        await desk.shown("alice", ANY, "PRODUCTION prod-eu:", "fault-proxy: has not answered yet")
        await alice.slash("/k8s status --cluster stage", ANY)
        await desk.shown("alice", ANY, "cluster stage has not answered yet (context fault-proxy:")
        await alice.slash("/k8s status --cluster stag-1", ANY)
        await desk.shown("alice", ANY, "did you mean stage-1?")
        await alice.slash(f"/k8s get pods -n {desk.namespace}", ANY)
        asked = await desk.message(ANY, "Which cluster?")
        assert "Not there, as they have not answered yet: fault-proxy." in str(asked.blocks)
        await alice.slash(f"/k8s scale deployment/web -n {desk.namespace} --replicas 3", OPS)
        await bob.click(await desk.message(OPS, "Approve"), "run.approve")
        await desk.shown("alice", OPS, "3 of 3 replicas ready")
        assert both.proxy is not None
        both.proxy.clear()

        async def reached() -> bool:
            return not desk.chat.desk.away

        await eventually(reached)
        await create(both.staging, deployment("there", place.namespace))
        await alice.slash(f"/k8s get deployments -n {place.namespace} --cluster stage", ANY)
        await desk.shown("alice", ANY, f"deployments in {desk.namespace} on stage-1", "there")
