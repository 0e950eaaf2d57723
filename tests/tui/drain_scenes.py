"""Made-up drains for screens: a plan with pods of every fate, and its run at any moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from k8sops.core.events import Event, EventKind
from k8sops.core.plan import ClusterInfo, Decision, Finding, Forecast, Item, Plan, Step, Target, bulk_of
from k8sops.core.risk import Risk
from k8sops.core.run import Run, RunState
from tests.tui.fake_runs import a_run
from tests.tui.feeds import START

CLUSTER = ClusterInfo(
    context="acme", server="https://x", uid="cluster-uid", name="acme", environment="production"
)
SUMMARY = "Fits: 5 pods move, none stays pending; payments-pdb paces 2 waves; about 1 min."


def a_pod(name: str, *, node: str = "node-3", lands_on: str = "", verb: str = "evict", **told: Any) -> Item:
    """A pod of namespace shop; `told` is its data."""
    why = str(told.pop("why", f"moves to {lands_on}" if lands_on else ""))
    data = {"wave": 1, "at_s": 0.0, "done_s": 30.0} | told if verb != "keep" else {}
    if lands_on:
        data |= {"fit": "fits", "lands_on": lands_on}
    return Item(
        target=Target(kind="pods", name=name, namespace="shop", uid=f"uid-{name}"),
        verb=verb,
        group="replicated",
        why=why,
        data=data,
    )


PODS = (
    a_pod("web-1", lands_on="node-4"),
    a_pod("web-2", lands_on="node-5", why="moves to node-5, if pods arrive in the expected order"),
    a_pod("cart-1", lands_on="node-4", why="moves to node-4; loses its emptyDir data"),
    a_pod("pay-1", lands_on="node-5", budgets=["shop/payments-pdb"]),
    a_pod(
        "pay-2",
        lands_on="node-5",
        why="moves to node-5; wave 2, paced by shop/payments-pdb",
        wave=2,
        at_s=30.0,
        done_s=60.0,
        budgets=["shop/payments-pdb"],
    ),
    a_pod("agent-1", verb="keep", why="is managed by a DaemonSet and stays"),
    a_pod("数据-1", verb="refuse", why="is made again by nothing: --force", wave=0),
)
ROOM = [
    {"node": "node-5", "arriving": 3, "cpu": [40, 97], "memory": [20, 30], "pods": [10, 13]},
    {"node": "node-4", "arriving": 2, "cpu": [62, 81], "memory": [20, 90], "pods": [10, 12]},
    {"node": "node-6", "arriving": 0, "cpu": [5, 5], "pods": [1, 1], "cordoned": True},
]


def drain_plan(*pods: Item, decision: Decision | None = None, blocked: bool = False, **told: Any) -> Plan:
    """A drain of node-3."""
    node = Target(kind="nodes", name="node-3", uid="uid-3")
    step = Step(
        id="drain/node:node-3", verb="drain", target=node, why="", before={}, after={},
        risk=Risk.DISRUPTIVE, bulk=bulk_of(pods or PODS),
    )  # fmt: skip
    blocker = Finding(level="blocker", code="bare", text="a pod nothing makes again", override="--force")
    warning = Finding(level="warning", code="singleton", text="redis [b]runs[/b] once")
    return Plan(
        action="drain",
        action_version=1,
        summary=SUMMARY,
        cluster=CLUSTER,
        params={"nodes": ["node-3"]},
        steps=(step,),
        findings=(warning, *((blocker,) if blocked else ())),
        blast_radius={"room": ROOM} | told,
        forecast=Forecast(seconds=60.0, limited_by="budget shop/payments-pdb"),
        made_at=START,
        expires_at=START + timedelta(hours=1),
        decision=decision,
    )


def drain_run(state: RunState = RunState.RUNNING, **changes: Any) -> Run:
    """Its run."""
    run = a_run("01DRAIN", state=state)
    return msgspec.structs.replace(run, plan=drain_plan(), started_at=START, **changes)


def told(seq: int, kind: EventKind, pod: str = "", **data: Any) -> Event:
    """An event of one of its pods, or of all of it."""
    step = f"drain/node:node-3/evict:shop.{pod}" if pod else ""
    return Event(seq=seq, at=START, kind=kind, text=pod or kind, step=step, data=data)
