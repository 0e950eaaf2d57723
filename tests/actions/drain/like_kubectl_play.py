"""All scenarios on one control plane, some at a time: made, judged, drained by both, compared by name afterwards."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from k8sops.actions.drain.verdicts import DrainFlags, judge
from k8sops.cluster.client import KubeCluster
from k8sops.cluster.connect import connect
from k8sops.cluster.identity import Impersonation
from k8sops.core.clock import SystemClock
from k8sops.core.errors import InvalidError
from k8sops.core.ops import Ops
from k8sops.forecast.budgets import Ledger
from k8sops.forecast.objects import Pod
from k8sops.sandbox.binaries import ensure_binary
from k8sops.sandbox.manager import SandboxHandle
from k8sops.sandbox.namespaces import create_namespace, delete_namespace
from tests.actions.drain.ground import service
from tests.actions.drain.like_kubectl_copies import COLLECTOR, Copy, collector_held_off, fates
from tests.actions.drain.like_kubectl_runs import (
    Granted,
    Outcome,
    granted,
    kubectl_drains,
    program_drains,
)
from tests.actions.drain.like_kubectl_scenarios import SCENARIOS, PodIn, Scenario
from tests.forecast.budget_world import ledger_now, unreckoned, until

T = TypeVar("T")

AT_ONCE: Final = 8
TOGETHER: Final = 25
"""Scenarios that are there at the same time: their nodes renew leases, and each plan reads all of them."""
STUCK_FOR_S: Final = 2.5
"""Longer than the shortest time after which a stuck pod is skipped."""


class Judged(msgspec.Struct, frozen=True):
    """What `judge` and the ledger said of a copy before it was drained."""

    refused: frozenset[str]
    goes: frozenset[str]
    """Roles all of whose pods are to leave, if nothing on the node is refused."""


class Pair(msgspec.Struct, frozen=True):
    """A scenario's ends."""

    judged: Judged
    kubectl: Outcome
    program: Outcome


async def play(sandbox: SandboxHandle, folder: Path) -> dict[str, Pair]:
    """Play all scenarios, by name; what was made for them is gone afterwards."""
    pairs: dict[str, Pair] = {}
    async with AsyncExitStack() as stack:
        cluster = await _connected(stack, sandbox)
        [space] = await _namespaces(stack, sandbox, "probe")
        await stack.enter_async_context(collector_held_off(cluster))
        await _wait_for_policy(stack, sandbox, cluster, space)
        ops = await stack.enter_async_context(service(sandbox.kubeconfig, folder))
        for first in range(0, len(SCENARIOS), TOGETHER):
            pairs |= await _played(sandbox, cluster, ops, folder, SCENARIOS[first : first + TOGETHER])
    return pairs


async def _played(
    sandbox: SandboxHandle, cluster: KubeCluster, ops: Ops, folder: Path, scenarios: Sequence[Scenario]
) -> dict[str, Pair]:
    async with AsyncExitStack() as stack:
        spaces = await _namespaces(stack, sandbox, "kubectl", "program")
        theirs, ours = (
            [Copy(cluster, space, f"{space}-{place:02}", one) for place, one in enumerate(scenarios)]
            for space in spaces
        )
        stack.push_async_callback(_each, [*theirs, *ours], Copy.remove)
        await _each([*theirs, *ours], Copy.make)
        await _settled(cluster, spaces)
        judged = await _judged(cluster, theirs)
        offset = sandbox.audit_log.stat().st_size
        kubectl = await ensure_binary("kubectl")
        by_kubectl, by_program = await asyncio.gather(
            _each(theirs, lambda copy: kubectl_drains(kubectl, sandbox.kubeconfig, folder, copy)),
            _each(ours, lambda copy: program_drains(ops, copy)),
        )
        done = granted(sandbox.audit_log, offset)
        nodes = [node async for node in cluster.list(await cluster.resource("nodes"))]
    cordoned = {node["metadata"]["name"] for node in nodes if node["spec"].get("unschedulable")}
    return {
        copy.scenario.name: Pair(
            judged=judged[copy.name],
            kubectl=_seen(copy, left, done, cordoned),
            program=_seen(other, right, done, cordoned),
        )
        for copy, other, left, right in zip(theirs, ours, by_kubectl, by_program, strict=True)
    }


async def _namespaces(stack: AsyncExitStack, sandbox: SandboxHandle, *uses: str) -> list[str]:
    """New ones, deleted with the stack."""
    names = [f"like-{use}-{uuid.uuid4().hex[:6]}" for use in uses]
    for name in names:
        await create_namespace(sandbox, name)
        stack.push_async_callback(delete_namespace, sandbox, name)
    return names


async def _connected(
    stack: AsyncExitStack, sandbox: SandboxHandle, impersonate: Impersonation | None = None
) -> KubeCluster:
    cluster = await connect(
        context=None,
        kubeconfig=[sandbox.kubeconfig],
        impersonate=impersonate,
        clock=SystemClock(),
        cluster_names={},
    )
    stack.push_async_callback(cluster.aclose)
    return cluster


async def _each(copies: Sequence[Copy], do: Callable[[Copy], Awaitable[T]]) -> list[T]:
    """Do it for every copy, some at a time; results in their order."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(copy: Copy) -> T:
        async with gate:
            return await do(copy)

    return await asyncio.gather(*map(one, copies))


async def _wait_for_policy(
    stack: AsyncExitStack, sandbox: SandboxHandle, cluster: KubeCluster, namespace: str
) -> None:
    """Until the API server enforces it: policies take effect a moment after they were made."""
    pods = await cluster.resource("pods")
    spec = {
        "containers": [{"name": "app", "image": "example/app:1"}],
        "schedulingGates": [{"name": "tests/no"}],
    }
    metadata = {"name": "probe", "namespace": namespace, "labels": {"made": "here"}}
    await cluster.create(pods, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    collector = await _connected(stack, sandbox, Impersonation(user=COLLECTOR))

    async def allowed() -> str:
        try:
            await collector.preview_delete(pods, "probe", namespace)
        except InvalidError:
            return ""
        return "the collector may still delete"

    await until("the policy", allowed)


async def _settled(cluster: KubeCluster, spaces: Sequence[str]) -> None:
    """Until budgets are reckoned over the pods as they are, and stuck pods have been stuck for long enough."""
    start = asyncio.get_running_loop().time()

    async def unsettled() -> str:
        if (left := start + STUCK_FOR_S - asyncio.get_running_loop().time()) > 0:
            return f"{left:.1f} s"
        # A budget that is reckoned late would open for one of the two drains only, or after its time.
        return "; ".join(filter(None, [await unreckoned(cluster, space) for space in spaces]))

    await until("budgets and stuck pods", unsettled)


async def _judged(cluster: KubeCluster, copies: Sequence[Copy]) -> dict[str, Judged]:
    ledger, _, _ = await ledger_now(cluster, copies[0].namespace)
    found = {}
    for copy in copies:
        here = await copy.pods()
        verdicts = {
            role: [_verb(copy, one, here, ledger) for one in names] for role, names in copy.roles.items()
        }
        found[copy.name] = Judged(
            refused=frozenset(role for role, verbs in verdicts.items() if "refuse" in verbs),
            goes=frozenset(role for role, verbs in verdicts.items() if set(verbs) == {"evict"}),
        )
    return found


def _verb(copy: Copy, name: str, here: dict[str, Pod], ledger: Ledger) -> str:
    flags = copy.scenario.flags
    pod = here[name]
    asked = dict(part.split("=") for part in flags.get("pod_selector", "").split(",") if part)
    if any(pod.metadata.labels.get(key) != value for key, value in asked.items()):
        return "keep"
    known = ("ignore_daemonsets", "delete_emptydir_data", "force")
    verdict = judge(
        pod,
        DrainFlags(
            **{key: flags.get(key, False) for key in known},
            skip_wait_for_delete_timeout_s=flags.get("skip_wait_for_delete_timeout", 0),
        ),
        now=datetime.now(UTC),
        daemonset_exists=_owner(copy, name) != "GoneDaemonSet",
    )
    if verdict.verb == "evict" and not flags.get("disable_eviction") and ledger.blocked_by(pod):
        return "blocked"
    return verdict.verb


def _owner(copy: Copy, name: str) -> str:
    role = next(role for role, names in copy.roles.items() if name in names)
    pods: tuple[PodIn, ...] = copy.scenario.pods
    return next(pod.owner for pod in pods if pod.role == role)


def _seen(copy: Copy, outcome: Outcome, done: dict[str, list[Granted]], cordoned: set[str]) -> Outcome:
    """With what the audit log and the node say."""
    mine = [one for one in done.get(copy.namespace, []) if one.pod in copy.uids]
    roles = {name: role for role, names in copy.roles.items() for name in names}
    return msgspec.structs.replace(
        outcome,
        fates=fates(copy, [(one.verb, one.pod) for one in mine]),
        graces=frozenset(one.grace_s for one in mine),
        refused=frozenset(roles[name] for name in outcome.refused),
        cordoned=copy.name in cordoned,
    )
