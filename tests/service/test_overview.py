"""The overview on a real control plane: what is found, why, and what somebody sees who may not see all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from k8sops.cluster import live, pulse
from k8sops.cluster.client import KubeCluster
from k8sops.cluster.readonly import ReadOnlyCluster
from k8sops.core.actor import Actor
from k8sops.core.overview import Gauge, Overview, Tile, Trouble
from k8sops.core.plan import JsonObject
from k8sops.core.ports import AccessRequest, Resource
from k8sops.core.run import RunState, RunSummary
from k8sops.service import open_ops
from k8sops.service.config import Config, config_of
from k8sops.service.overview_tiles import backups_said, certificates_tile, runs_said
from k8sops.service.rpo import Objective, Standing
from tests.cluster.test_pulse import Tunnel
from tests.support.persons import until_allowed
from tests.support.workloads import create, deployment

DEADLINE_S = 180
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


async def _overview(config: Config, holds: Callable[[Overview], object]) -> Overview:
    """The first overview of which something holds."""
    async with (
        asyncio.timeout(DEADLINE_S),
        open_ops(config) as ops,
        aclosing(ops.overview()) as overviews,
    ):
        async for overview in overviews:
            if holds(overview):
                return overview
    raise AssertionError("the overview ended")


def _as(user: str, kubeconfig: Path, namespace: str) -> Config:
    return config_of({"kubeconfig": (kubeconfig,), "namespace": namespace, "as": user})


def _tile(overview: Overview, name: str) -> Tile:
    return next(tile for tile in overview.tiles if tile.name == name)


def _trouble(overview: Overview, namespace: str) -> Trouble | None:
    return next((one for one in overview.troubles if one.namespace == namespace), None)


def _unschedulable(namespace: str, name: str = "stuck") -> JsonObject:
    manifest = deployment(name, namespace, replicas=2)
    manifest["spec"]["template"]["spec"]["nodeSelector"] = {"acme.example/gpu": "yes"}
    return manifest


async def test_a_deployment_no_node_takes_is_found_with_the_schedulers_word_and_can_be_looked_into(
    kubeconfig: Path, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """The two pods are one trouble, and the sentence is the scheduler's own reason."""
    await create(cluster, _unschedulable(cluster_namespace))
    config = Config(kubeconfig=(kubeconfig,), namespace=cluster_namespace)

    def found(overview: Overview) -> bool:
        trouble = _trouble(overview, cluster_namespace)
        known = all(tile.gauge is not Gauge.WAITING for tile in overview.tiles)
        # The controller may have made, or the scheduler seen, one of the two only.
        both = trouble is not None and "None of its 2 pods is ready: no node takes it: 0/" in trouble.why
        return known and both and trouble is not None and trouble.word == "Unschedulable"

    overview = await _overview(config, found)
    trouble = _trouble(overview, cluster_namespace)
    assert trouble is not None
    assert (trouble.kind, trouble.name, trouble.ready) == ("deployments.apps", "stuck", "0/2")
    assert "None of its 2 pods is ready: no node takes it: 0/" in trouble.why
    assert trouble.since is not None
    assert _tile(overview, "control plane").gauge is Gauge.OK
    assert "ready" in _tile(overview, "control plane").text
    assert "in trouble" in _tile(overview, "workloads").text
    assert "the API server's" in _tile(overview, "certificates").text
    assert {one.name for one in _tile(overview, "last hour").series} == {"restarts", "warnings"}
    for name in ("control plane", "workloads", "certificates"):
        assert _tile(overview, name).facts, name
    async with asyncio.timeout(DEADLINE_S), open_ops(config) as ops:
        # The scheduler writes its event a moment after the condition.
        while True:
            diagnosis = await ops.diagnose(trouble.kind, trouble.name, trouble.namespace)
            facts = dict(diagnosis.facts)
            if len(facts.get("pods", ())) == 2 and "warnings" in facts:
                break
            await asyncio.sleep(0.2)
    assert diagnosis.why.startswith("None of its 2 pods is ready: no node takes it: 0/")
    assert {fact.label for fact in facts["conditions"]} >= {"Available", "Progressing"}
    assert "FailedScheduling" in {fact.label for fact in facts["warnings"]}


async def test_whoever_may_read_one_namespace_sees_that_one_and_is_told_what_else_is_not_permitted(
    kubeconfig: Path, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """Each tile stands by itself: one that may not be read must not empty the others."""
    await create(cluster, _unschedulable(cluster_namespace))
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "reads-here", "namespace": cluster_namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "dora"}],
    }
    await cluster.create(await cluster.resource("rolebindings.rbac.authorization.k8s.io"), binding)
    request = AccessRequest(verb="list", resource="pods", namespace=cluster_namespace)
    await until_allowed(cluster, "dora", request)
    config = _as("dora", kubeconfig, cluster_namespace)
    overview = await _overview(
        config,
        lambda one: (
            _trouble(one, cluster_namespace) and all(tile.gauge is not Gauge.WAITING for tile in one.tiles)
        ),
    )
    assert (_tile(overview, "nodes").gauge, _tile(overview, "nodes").text) == (
        Gauge.DENIED,
        "not permitted: list nodes",
    )
    assert f"in namespace {cluster_namespace} only" in _tile(overview, "workloads").text
    assert {one.namespace for one in overview.troubles} == {cluster_namespace}
    assert "those in Secrets: not permitted" in _tile(overview, "certificates").text


async def test_somebody_who_may_read_nothing_is_told_so_tile_by_tile(kubeconfig: Path) -> None:
    """An empty screen would look like a healthy cluster."""
    config = _as("nobody-at-all", kubeconfig, "default")
    overview = await _overview(config, lambda one: all(tile.gauge is not Gauge.WAITING for tile in one.tiles))
    assert _tile(overview, "nodes").gauge is Gauge.DENIED
    assert _tile(overview, "workloads").gauge is Gauge.DENIED
    assert overview.troubles == ()


def _leading_to(port: int, kubeconfig: Path, server: str, folder: Path) -> Path:
    through = folder / "through-the-tunnel"
    through.write_text(kubeconfig.read_text().replace(server, f"https://127.0.0.1:{port}"))
    through.chmod(0o600)
    return through


async def test_a_swallowed_connection_is_told_while_what_was_asked_has_no_answer(
    kubeconfig: Path,
    cluster: KubeCluster,
    cluster_namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A question into a VPN that is gone is open for half a minute: so long the last look passed for the present."""
    monkeypatch.setattr(pulse, "DEADLINE_S", 0.5)
    monkeypatch.setattr(live, "ASK_AFTER_S", 0.2)
    await create(cluster, _unschedulable(cluster_namespace))
    server = cluster.transport.server
    async with Tunnel(int(server.rpartition(":")[2])).up() as tunnel:
        through = _leading_to(tunnel.port, kubeconfig, server, tmp_path)
        open_questions: list[str] = []
        get = ReadOnlyCluster.get

        async def asked(
            self: ReadOnlyCluster, resource: Resource, name: str, namespace: str = ""
        ) -> JsonObject:
            tunnel.swallow(True)
            open_questions.append(name)
            try:
                return await get(self, resource, name, namespace)
            finally:
                open_questions.remove(name)

        config = Config(kubeconfig=(through,), namespace=cluster_namespace)
        async with (
            asyncio.timeout(DEADLINE_S),
            open_ops(config) as ops,
            aclosing(ops.overview()) as overviews,
        ):
            await anext(
                one
                async for one in overviews
                if _trouble(one, cluster_namespace) and _tile(one, "nodes").gauge is not Gauge.WAITING
            )
            monkeypatch.setattr(ReadOnlyCluster, "get", asked)
            # It comes by the watches, and what is seen of it is looked into.
            await create(cluster, _unschedulable(cluster_namespace, "stuck-too"))
            lost = await anext(one async for one in overviews if one.lost)
            assert open_questions
            assert lost.lost_since is not None
            monkeypatch.setattr(ReadOnlyCluster, "get", get)
            tunnel.swallow(False)
            found = await anext(
                one async for one in overviews if not one.lost and _trouble(one, cluster_namespace)
            )
            assert _tile(found, "workloads").gauge is Gauge.BAD


def test_the_certificate_that_ends_first_is_named() -> None:
    """An API server whose certificate ends on Sunday is this week's most urgent matter."""
    far = (NOW + timedelta(days=300), "yours")
    tile = certificates_tile([far, (NOW + timedelta(days=3), "the API server's")], NOW)
    assert (tile.gauge, tile.text) == (Gauge.BAD, "the API server's ends in 3 days, 2026-11-24")
    soon = certificates_tile([far, (NOW + timedelta(days=20), "Secret shop/web")], NOW)
    assert soon.gauge is Gauge.WARN
    assert certificates_tile([far], NOW).gauge is Gauge.OK
    assert "ended on" in certificates_tile([(NOW - timedelta(days=1), "yours")], NOW).text
    assert certificates_tile([], NOW, hidden="not permitted").gauge is Gauge.UNKNOWN


def test_a_backup_older_than_its_objective_is_said_before_all_others() -> None:
    """The one that is overdue is the one that matters."""
    objective = Objective(repository="nightly", span=timedelta(hours=26), said="the configuration")
    late = Standing(objective=objective, newest=NOW - timedelta(hours=30))
    good = Standing(objective=objective, newest=NOW - timedelta(hours=2))
    assert backups_said([good], NOW).text == (
        "the newest complete backup is 2 h old; the configuration allows 26 h"
    )
    tile = backups_said([good, late], NOW)
    assert tile.gauge is Gauge.BAD
    assert tile.text.startswith("the newest complete backup is 30 h old in nightly")
    anything = Objective(repository="", span=timedelta.max, said="")
    assert "no objective" in backups_said([Standing(objective=anything, newest=NOW)], NOW).text
    none = backups_said([Standing(objective=anything, trouble="there is no key")], NOW)
    assert (none.gauge, none.text) == (Gauge.WARN, "there is no key")


def _run(state: RunState) -> RunSummary:
    return RunSummary(
        id="01RUN",
        action="drain",
        state=state,
        headline="payments-pdb: 0 disruptions allowed",
        summary="Safe.",
        actor=Actor(name="U0BOB"),
        person="bob",
        cluster_uid="uid",
        risk="disruptive",
        digest="d",
        proposed_at=NOW,
    )


def test_what_waits_runs_and_needs_review_is_counted_and_the_newest_named() -> None:
    """A request nobody saw expires; a step in doubt is not cleared up by waiting."""
    approvals, runs = runs_said(
        [_run(RunState.AWAITING_APPROVAL), _run(RunState.RUNNING), _run(RunState.NEEDS_REVIEW)]
    )
    assert approvals.text == "1 waits for a yes: drain by bob, payments-pdb: 0 disruptions allowed"
    assert runs.gauge is Gauge.WARN
    assert runs.text.startswith("1 needs review: drain by bob")
    assert "1 under way" in runs.text
    assert [tile.gauge for tile in runs_said([])] == [Gauge.OK, Gauge.OK]
