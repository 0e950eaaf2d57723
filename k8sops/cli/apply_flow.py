"""Propose, show, ask, start, follow: the one way in which a change is made from the command line.

The exit code says what became of it (DESIGN §6). A plan that drifts is shown again, difference first, and asked about
once more. What happens on a signal stands in `leaving`.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from k8sops.cli.asking import ask_to_apply, at_terminal
from k8sops.cli.console import paint, put, put_json, say
from k8sops.cli.following import follow_to_end
from k8sops.cli.identity_here import actor_at_terminal
from k8sops.cli.leaving import on_interrupt
from k8sops.cli.plan_text import identity_line, plan_lines
from k8sops.cli.run_text import close_run
from k8sops.core.actor import Actor
from k8sops.core.digests import SHORTEST_DIGEST
from k8sops.core.documents import plan_document, run_document
from k8sops.core.errors import ExitCode, K8sOpsError
from k8sops.core.ops import Ops
from k8sops.core.run import Run, RunState
from k8sops.service import open_ops

if TYPE_CHECKING:
    from k8sops.service.config import Config

MOST_PLANS: Final = 3


@dataclass(frozen=True)
class Flow:
    """What was asked for at the command line."""

    action: str
    params: dict[str, Any]
    only_plan: bool
    yes: bool
    digest: str
    reason: str
    as_json: bool
    namespaced: bool
    hold: bool = False
    detach: bool = False
    confirm: str = ""
    break_glass: str = ""


async def apply_flow(config: Config, flow: Flow) -> ExitCode:
    """Run the flow and return its exit code."""
    async with open_ops(config) as ops:
        actor = await actor_at_terminal(ops)
        if config.emergency:
            tell_emergency(config)
        if flow.only_plan:
            return _show_plan(
                await ops.preview(flow.action, flow.params, actor, reason=flow.reason, digest=flow.digest),
                flow,
                actor,
            )
        for _ in range(MOST_PLANS):
            run = await ops.propose(
                flow.action, flow.params, actor, reason=flow.reason, hold=flow.hold, digest=flow.digest
            )
            code, run = await proceed(ops, run, actor, flow)
            if run.state is not RunState.VOID or flow.yes or flow.digest or not at_terminal():
                return code
            say("The plan is made again, on the cluster as it is now:")
        return code


async def proceed(ops: Ops, run: Run, actor: Actor, flow: Flow) -> tuple[ExitCode, Run]:
    """Show a proposed run, have it confirmed, carry it, and say how it ended."""
    say(identity_line(run.plan, actor))
    for line in plan_lines(run.plan, sys.stderr):
        say(line)
    if run.plan.blockers:
        # It can never be started: what there is to see has been shown.
        run = await ops.cancel(run.id, actor, "its plan has blockers")
        if flow.as_json:
            put_json(run_document(run))
        return ExitCode.BLOCKED, run
    if run.state is RunState.DENIED:
        return close_run(run, as_json=flow.as_json), run
    await _confirmed(ops, run, actor, flow)
    if run.state is RunState.AWAITING_APPROVAL and not flow.break_glass:
        _tell_waiting(run, flow)
        if flow.detach or flow.hold or not at_terminal():
            if flow.as_json:
                put_json(run_document(run))
            return ExitCode.WAITING_FOR_APPROVAL, run
        await ops.carry(run.id)
    else:
        run = await _started(ops, run, actor, flow)
    return await _carried(ops, run, actor, flow)


def tell_emergency(config: Config) -> None:
    """Loudly: what is recorded now, is recorded elsewhere."""
    mark = paint("EMERGENCY", "blocker", bold=True)
    say(f"{mark}: this goes on record in {config.store_url}, not in the shared store.")
    say(
        "Each run is reviewed afterwards; `k8sops store merge` brings the record over once that store is back."
    )


def _tell_waiting(run: Run, flow: Flow) -> None:
    say()
    say(f"Run {run.id} awaits approval: {run.plan.decision.why if run.plan.decision else ''}")
    say(f"  k8sops approve {run.id} --digest {run.plan.digest[:SHORTEST_DIGEST]}")
    if flow.hold:
        say(f"Once it is approved, start it: k8sops runs start {run.id}")
    elif flow.detach or not at_terminal():
        say(f"Once it is approved a worker carries it, or you do: k8sops runs start {run.id}")


async def _started(ops: Ops, run: Run, actor: Actor, flow: Flow) -> Run:
    glass = flow.break_glass if run.state is RunState.AWAITING_APPROVAL else ""
    if flow.break_glass and not glass:
        say("Policy asks for no approval here: the glass stays whole.")
    try:
        started = await ops.start(run.id, actor, break_glass=glass, carry=not flow.detach)
    except K8sOpsError as error:
        with suppress(K8sOpsError):
            await ops.cancel(run.id, actor, f"it could not be started: {error.message}")
        raise
    if glass:
        mark = paint("The glass is broken", "blocker", bold=True)
        say(f"{mark}: everybody is told, and a review stays open until a policy administrator closes it.")
    return started


async def _confirmed(ops: Ops, run: Run, actor: Actor, flow: Flow) -> None:
    try:
        ask_to_apply(run, yes=flow.yes, confirm=flow.confirm)
    except BaseException:
        # What was not confirmed must not lie about as a proposal that somebody might start.
        await ops.cancel(run.id, actor, "not confirmed")
        raise


async def _carried(ops: Ops, run: Run, actor: Actor, flow: Flow) -> tuple[ExitCode, Run]:
    nobody = run.progress.waiting_for if run.state is RunState.QUEUED else ""
    if flow.detach:
        say(f"It waits for {nobody}." if nobody else await ops.leave_behind())
        if flow.as_json:
            put_json(run_document(run))
        elif nobody:
            put(f"run {run.id} is queued; `k8sops runs watch {run.id}` follows it")
        else:
            put(f"run {run.id} goes on in the background; `k8sops runs watch {run.id}` follows it")
        return ExitCode.DONE, run
    if nobody and not at_terminal():
        await ops.cancel(run.id, actor, "nobody who is alive may carry it")
        raise K8sOpsError(
            f"run {run.id} was not begun: it would wait for {nobody}",
            hint="start a `k8sops worker` that may; --detach leaves a run queued for one",
        )
    following = asyncio.ensure_future(follow_to_end(ops, run.id))
    while True:
        try:
            await asyncio.shield(following)
        except asyncio.CancelledError as interrupted:
            by = str(interrupted.args[0]) if interrupted.args else ""
            left = await on_interrupt(ops, run.id, actor, following, by=by, as_json=flow.as_json)
            if left is None:
                continue
            raise
        break
    ended = await ops.get_run(run.id)
    return close_run(ended, as_json=flow.as_json), ended


def _show_plan(run: Run, flow: Flow, actor: Actor) -> ExitCode:
    if flow.as_json:
        put_json(plan_document(run.plan))
    else:
        put(identity_line(run.plan, actor))
        for line in plan_lines(run.plan, sys.stdout):
            put(line)
    return ExitCode.BLOCKED if run.plan.blockers else ExitCode.DONE
