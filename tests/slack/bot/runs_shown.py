"""Runs to show, on a fixed clock: a drain of three nodes in production, in every state, and what is drawn of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from k8sops.core.actor import Actor
from k8sops.core.events import Event, Progress
from k8sops.core.plan import ClusterInfo, Decision, Demand, Finding, Plan, Step, Target
from k8sops.core.risk import Risk
from k8sops.core.run import Approval, Run, RunError, RunState, Vote
from k8sops_slack.cards.room import Room

NOW: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RUN: Final = "01KAJ4ZZZZZZZZZZZZZZZZZZZZ"
CLUSTER: Final = ClusterInfo(
    context="eu", server="https://x", uid="c-eu", name="prod-eu", environment="production"
)
ALICE: Final = Actor(name="UALICE", team="T1", surface="slack", auth="slack")
BOB: Final = Actor(name="bob@example.com", surface="tui")
ROOM: Final = Room(now=NOW, users={"alice": "UALICE", "bob": "UBOB"}, groups={"sre": "S1"})
NEEDS_ONE: Final = Decision(
    effect="approve", why="drains in production", demands=(Demand(count=1, groups=("sre",)),), ttl_s=3600
)
CONFIRM: Final = Decision(effect="confirm", why="it is disruptive")
WARNINGS: Final = tuple(
    Finding(level="warning", code=f"w{number}", text=f"redis-{number} runs once: it is away for 20 s")
    for number in range(5)
)
BLOCKER: Final = Finding(
    level="blocker", code="bare", text="nothing makes shop/debug again", override="--force"
)
SUMMARY: Final = "Fits: 57 pods move, none stays pending; payments-pdb paces wave 2; about 1 min 50 s."


def a_plan(
    *, nodes: int = 3, summary: str = SUMMARY, findings: Sequence[Finding] = (), **changes: Any
) -> Plan:
    plan = Plan(
        action="drain",
        action_version=1,
        summary=summary,
        cluster=CLUSTER,
        params={"nodes": [f"node-{number}" for number in range(1, nodes + 1)]},
        steps=tuple(
            Step(
                id=f"drain/node:node-{number}",
                verb="drain",
                target=Target(kind="nodes", name=f"node-{number}", uid=f"u{number}"),
                why="its pods move",
                before={},
                after={},
                risk=Risk.DISRUPTIVE,
                undo={"action": "uncordon", "params": {"nodes": [f"node-{number}"]}},
            )
            for number in range(1, nodes + 1)
        ),
        findings=tuple(findings),
        made_at=NOW,
        expires_at=NOW + timedelta(hours=1),
        decision=NEEDS_ONE,
        execute_as="person:alice",
    )
    return msgspec.structs.replace(plan, **changes)


def a_run(state: RunState, *, plan: Plan | None = None, **changes: Any) -> Run:
    run = Run(
        id=RUN,
        plan=plan or a_plan(findings=WARNINGS),
        state=state,
        actor=ALICE,
        person="alice",
        reason="kernel update",
        proposed_at=NOW,
    )
    return msgspec.structs.replace(run, **changes)


def approved(verdict: str = "approve", reason: str = "") -> tuple[Approval, ...]:
    vote = Vote(verdict="approve" if verdict == "approve" else "deny", digest="d", reason=reason)
    return (Approval(actor=BOB, vote=vote, at=NOW, person="bob"),)


def done(*numbers: int) -> tuple[Event, ...]:
    return tuple(
        Event(
            seq=seq,
            at=NOW + timedelta(seconds=seq),
            kind="step_done",
            text=f"node-{number} is empty",
            step=f"drain/node:node-{number}",
        )
        for seq, number in enumerate(numbers, 1)
    )


RAN: Final[Mapping[str, Any]] = {
    "approvals": approved(),
    "started_at": NOW,
    "ended_at": NOW + timedelta(seconds=110),
}
RUNNING: Final = Progress(
    done=12,
    total=57,
    unit="pods",
    eta_s=60,
    waiting_for="payments-pdb: 0 disruptions allowed",
    waiting_since=NOW - timedelta(seconds=40),
)
FAILED: Final = RunError(code="failed", message="node-2 did not answer", hint="look at its kubelet")
EVERY_STATE: Final[tuple[Run, ...]] = (
    a_run(RunState.PROPOSED, plan=a_plan(decision=CONFIRM)),
    a_run(RunState.AWAITING_APPROVAL),
    a_run(RunState.QUEUED, approvals=approved()),
    a_run(RunState.RUNNING, approvals=approved(), started_at=NOW, progress=RUNNING),
    a_run(RunState.SUCCEEDED, outcome="done: 57 pods moved", events=done(1, 2, 3), **RAN),
    a_run(RunState.FAILED, outcome="failed: node-2", error=FAILED, events=done(1), **RAN),
    a_run(RunState.CANCELLED, outcome="cancelled by alice: 1 of 3 steps done", events=done(1), **RAN),
    a_run(RunState.NEEDS_REVIEW, outcome="x", error=FAILED, events=done(1), **RAN),
    a_run(RunState.DENIED, outcome="denied by bob: not now", approvals=approved("deny", "not now")),
    a_run(RunState.EXPIRED, outcome="expired: the approvals did not come in time"),
    a_run(
        RunState.VOID,
        outcome="void: x",
        error=RunError(code="drifted", message="a new step: drain node/node-4"),
    ),
)


def drawn(blocks: Sequence[Mapping[str, Any]]) -> str:
    """Blocks as text: buttons in brackets, what they ask behind a question mark."""
    return "\n".join(line for block in blocks for line in _drawn(block))


def _drawn(block: Mapping[str, Any]) -> list[str]:
    kind = block["type"]
    if kind == "divider":
        return ["---"]
    if kind in {"actions", "context"}:
        return [" ".join(_element(one) for one in block["elements"])]
    if kind == "input":
        mark = "" if block["optional"] else "*"
        hint = [f"  {block['hint']['text']}"] if "hint" in block else []
        return [f"{block['label']['text']}{mark}: {_element(block['element'])}", *hint]
    lines = [one["text"] for one in [block.get("text"), *block.get("fields", [])] if one]
    return lines + ([_element(block["accessory"])] if "accessory" in block else [])


def _element(element: Mapping[str, Any]) -> str:
    kind = element["type"]
    if kind == "button":
        style = {"primary": "+", "danger": "!"}.get(element.get("style", ""), "")
        return f"[{style}{element['text']['text']}{'?' if 'confirm' in element else ''}]"
    if kind in {"mrkdwn", "plain_text"}:
        return str(element["text"])
    if "options" in element:
        return "{" + "|".join(one["text"]["text"] for one in element["options"]) + "}"
    return "{…}" if kind.endswith("external_select") else f"[{element.get('initial_value', '')}]"
