"""One run's view of a cluster: its id in the API server's own audit log, and whom its requests are made as."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.identity import Impersonation
from k8sops.cluster.readonly import ReadOnlyCluster
from k8sops.cluster.run_view import RUN_EXTRA, view_for_run
from k8sops.core import errors
from k8sops.core.actor import Identity
from k8sops.core.clock import UlidSource
from k8sops.core.ports import AccessRequest
from k8sops.sandbox.manager import SandboxHandle
from tests.support.clients import client_of
from tests.support.persons import client_as, granted, rule

ALICE = Impersonation(user="alice", groups=("ops",))
MAY_BE_ALICE = (
    rule("", "users", "impersonate", names=["alice"]),
    rule("", "groups", "impersonate", names=["ops"]),
)


@pytest.fixture
async def alice_writes(cluster: KubeCluster) -> AsyncIterator[None]:
    """Alice may make ConfigMaps; who impersonates her needs no such right."""
    async with granted(cluster, "alice", rule("", "configmaps", "create")):
        yield


async def make(view: KubeCluster, namespace: str, name: str) -> None:
    """One mutation."""
    metadata = {"name": name, "namespace": namespace}
    resource = await view.resource("configmaps")
    await view.create(resource, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})


async def logged(sandbox: SandboxHandle, namespace: str, name: str) -> dict[str, Any]:
    """The API server's own record of a ConfigMap's creation; it writes its log a moment after it answers."""
    async with asyncio.timeout(60):
        while True:
            # The API server may be in the middle of the last line.
            for line in sandbox.audit_log.read_text().rpartition("\n")[0].splitlines():
                if f'"{namespace}"' not in line or '"create"' not in line:
                    continue
                entry: dict[str, Any] = json.loads(line)
                if entry["objectRef"] == {**entry["objectRef"], "resource": "configmaps", "name": name}:
                    return entry
            await asyncio.sleep(0.05)


async def test_a_runs_mutation_is_in_the_api_servers_audit_log_under_its_id(
    cluster: KubeCluster, sandbox: SandboxHandle, cluster_namespace: str
) -> None:
    """Two logs kept by two programs then tell of the same change, and neither can be bent alone."""
    run = UlidSource().new()
    await make(await view_for_run(cluster, run), cluster_namespace, "by-run")
    await make(cluster, cluster_namespace, "by-hand")
    assert (await logged(sandbox, cluster_namespace, "by-run"))["userAgent"].endswith(f" (run {run})")
    assert run not in (await logged(sandbox, cluster_namespace, "by-hand"))["userAgent"]


async def test_a_run_that_impersonates_is_told_as_such_with_its_id(
    cluster: KubeCluster, sandbox: SandboxHandle, cluster_namespace: str, tmp_path: Path, alice_writes: None
) -> None:
    """The record names who really asked, whom for, and the run, which no User-Agent can fake."""
    run = UlidSource().new()
    tells = rule("authentication.k8s.io", f"userextras/{RUN_EXTRA}", "impersonate")
    async with (
        granted(cluster, "carrier", *MAY_BE_ALICE, tells),
        client_as(sandbox, tmp_path, "carrier") as carrier,
    ):
        await make(await view_for_run(carrier, run, impersonate=ALICE), cluster_namespace, "as-alice")
    entry = await logged(sandbox, cluster_namespace, "as-alice")
    assert entry["user"]["username"] == "carrier"
    assert entry["impersonatedUser"]["username"] == "alice"
    assert "ops" in entry["impersonatedUser"]["groups"]
    assert entry["impersonatedUser"]["extra"] == {RUN_EXTRA: [run]}


async def test_without_the_right_to_tell_the_run_still_runs_and_only_the_user_agent_tells(
    cluster: KubeCluster, sandbox: SandboxHandle, cluster_namespace: str, tmp_path: Path, alice_writes: None
) -> None:
    """An extra that is not allowed would turn every request into a 403."""
    run = UlidSource().new()
    async with (
        granted(cluster, "silent-carrier", *MAY_BE_ALICE),
        client_as(sandbox, tmp_path, "silent-carrier") as carrier,
    ):
        await make(await view_for_run(carrier, run, impersonate=ALICE), cluster_namespace, "untold")
    entry = await logged(sandbox, cluster_namespace, "untold")
    assert entry["impersonatedUser"]["username"] == "alice"
    assert "extra" not in entry["impersonatedUser"]
    assert entry["userAgent"].endswith(f" (run {run})")


async def test_two_runs_at_once_do_not_borrow_each_others_identity(
    cluster: KubeCluster, cluster_namespace: str
) -> None:
    """They share connections, and nothing else."""
    views = [
        await view_for_run(cluster, "01A", impersonate=Impersonation(user="alice", groups=("ops",))),
        await view_for_run(cluster, "01B", impersonate=Impersonation(user="bob")),
        await view_for_run(cluster, "01C"),
    ]
    names = [identity.username for identity in await asyncio.gather(*(view.whoami() for view in views * 5))]
    assert names == ["alice", "bob", "kubernetes-admin"] * 5
    with pytest.raises(errors.ForbiddenError, match="alice"):
        await views[0].preview_create(
            await cluster.resource("cm"), {"metadata": {"name": "x", "namespace": cluster_namespace}}
        )


async def test_closing_a_runs_view_leaves_the_cluster_open(cluster: KubeCluster) -> None:
    """A run ends; the carrier goes on."""
    await (await view_for_run(cluster, "01A")).aclose()
    assert (await cluster.whoami()).username == "kubernetes-admin"


@pytest.mark.parametrize(
    "whom",
    [
        Impersonation(user="system:admin"),
        Impersonation(user="System:kube-scheduler"),
        Impersonation(user="system:serviceaccount:kube-system:admin"),
        Impersonation(user="alice", groups=("ops", "system:masters")),
    ],
    ids=lambda whom: whom.sentence,
)
async def test_a_run_never_acts_as_kubernetes_itself(cluster: KubeCluster, whom: Impersonation) -> None:
    """The administrator's client could; a mistake in a policy file must not make it so."""
    with pytest.raises(errors.UsageError, match="Kubernetes' own"):
        await view_for_run(cluster, "01A", impersonate=whom)


async def test_acting_as_somebody_through_somebody_is_refused(kubeconfig: Path) -> None:
    """Headers name one user: the run would silently act as the wrong one of the two."""
    async with client_of(kubeconfig, impersonate=Impersonation(user="bob")) as bob:
        with pytest.raises(errors.UsageError, match="already act as bob"):
            await view_for_run(bob, "01A", impersonate=ALICE)


@pytest.mark.parametrize("run", ["", "01A\r\nX-Evil: 1", "01A)", "x" * 65])
async def test_a_run_id_cannot_carry_a_header(cluster: KubeCluster, run: str) -> None:
    """It comes from a store that others write."""
    with pytest.raises(errors.UsageError, match="id of a run"):
        await view_for_run(cluster, run)


async def test_somebody_elses_rights_are_asked_of_the_server(cluster: KubeCluster) -> None:
    """Requester and approvers are checked when the plan is made; a group's binding counts."""
    request = AccessRequest(verb="create", resource="configmaps", namespace="default")
    alice = Identity(username="alice-rights", groups=("ops",))
    assert not (await cluster.can_they(alice, request)).allowed
    async with granted(cluster, "alice-rights", rule("", "configmaps", "create")):
        assert (await cluster.can_they(alice, request)).allowed
        assert (await ReadOnlyCluster(cluster).can_they(alice, request)).allowed
        assert not (await cluster.can_they(Identity(username="bob"), request)).allowed
    masters = Identity(username="carol", groups=("system:masters",))
    assert (await cluster.can_they(masters, request)).allowed


async def test_what_every_authenticated_user_may_do_counts_for_somebody_else_too(
    cluster: KubeCluster,
) -> None:
    """The API server adds that group to whoever signs in; a policy's list of groups leaves it out."""
    review = AccessRequest(verb="create", group="authentication.k8s.io", resource="selfsubjectreviews")
    assert (await cluster.can_they(Identity(username="alice"), review)).allowed
    assert not (await cluster.can_they(Identity(username="system:anonymous"), review)).allowed


async def test_who_may_not_ask_about_others_is_told_so(
    cluster: KubeCluster, sandbox: SandboxHandle, tmp_path: Path
) -> None:
    """It takes a right that a door's user seldom has; that must not read as the other person's refusal."""
    async with client_as(sandbox, tmp_path, "alice") as alice:
        with pytest.raises(errors.ForbiddenError, match="subjectaccessreviews"):
            await alice.can_they(Identity(username="bob"), AccessRequest(verb="get", resource="pods"))
