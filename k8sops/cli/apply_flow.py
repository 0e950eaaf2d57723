"""Propose, show, ask, start, follow: the one way in which a change is made from the command line.

The exit code says what became of it (DESIGN §6). A signal cancels the run safely and tells where it stopped.
"""

from __future__ import annotations

import asyncio
import getpass
import sys
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from k8sops.cli.console import ProgressLine, put, put_json, say
from k8sops.cli.plan_text import identity_line, plan_lines
from k8sops.core.actor import Actor
from k8sops.core.documents import plan_document, run_document
from k8sops.core.errors import ConfirmationError, DriftedError, ExitCode, UsageError, exit_code_of
from k8sops.core.events import Event
from k8sops.core.ports import Ops
from k8sops.core.run import Run, RunState
from k8sops.service import open_ops

if TYPE_CHECKING:
    from k8sops.service.config import Config

SHORTEST_DIGEST: Final = 12

_EXIT_OF_STATE: Final = {
    RunState.SUCCEEDED: ExitCode.DONE,
    RunState.DENIED: ExitCode.DENIED,
    RunState.EXPIRED: ExitCode.DENIED,
    RunState.VOID: ExitCode.DRIFTED,
    RunState.CANCELLED: ExitCode.INTERRUPTED,
}


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


async def apply_flow(config: Config, flow: Flow) -> ExitCode:
    """Run the flow and return its exit code."""
    async with open_ops(config) as ops:
        actor = await actor_at_terminal(ops)
        run = await ops.propose(flow.action, flow.params, actor, reason=flow.reason)
        _check_digest(run, flow.digest)
        if flow.only_plan:
            return _show_plan(run, flow, actor)
        say(identity_line(run.plan, actor))
        for line in plan_lines(run.plan, sys.stderr):
            say(line)
        if run.plan.blockers:
            if flow.as_json:
                put_json(run_document(run))
            return ExitCode.BLOCKED
        if run.plan.steps and not flow.yes:
            _ask(run)
        return await _execute(ops, run, actor, flow)


async def actor_at_terminal(ops: Ops) -> Actor:
    """Who the API server says we are, with the OS user recorded beside it."""
    identity = await ops.whoami()
    return Actor(name=identity.username, groups=identity.groups, surface="cli", os_user=getpass.getuser())


def _check_digest(run: Run, digest: str) -> None:
    if not digest:
        return
    if len(digest) < SHORTEST_DIGEST:
        raise UsageError(f"--digest needs at least {SHORTEST_DIGEST} digits", hint="copy it from the plan")
    if not run.plan.digest.startswith(digest.lower()):
        raise DriftedError(
            f"the plan is not the reviewed one: its digest is {run.plan.digest[:SHORTEST_DIGEST]}, "
            f"not {digest[:SHORTEST_DIGEST]}",
            hint="review the new plan with --plan and pass its digest",
        )


def _show_plan(run: Run, flow: Flow, actor: Actor) -> ExitCode:
    if flow.as_json:
        put_json(plan_document(run.plan))
    else:
        put(identity_line(run.plan, actor))
        for line in plan_lines(run.plan, sys.stdout):
            put(line)
    return ExitCode.BLOCKED if run.plan.blockers else ExitCode.DONE


def _ask(run: Run) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfirmationError(
            "there is no terminal to ask at, so nothing was done",
            hint=f"review it with --plan, then add --yes --digest {run.plan.digest[:SHORTEST_DIGEST]}",
        )
    say()
    sys.stderr.write(f"Apply this plan to {run.plan.cluster.name}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise ConfirmationError("not confirmed; nothing was done")


async def _execute(ops: Ops, run: Run, actor: Actor, flow: Flow) -> ExitCode:
    line = ProgressLine()
    try:
        await ops.start(run.id, actor)
        async with aclosing(ops.watch(run.id)) as events:
            async for event in events:
                _tell(event, line)
    except asyncio.CancelledError:
        line.clear()
        stopped = await ops.cancel(run.id, actor, "interrupted at the terminal")
        say(stopped.outcome)
        if flow.as_json:
            put_json(run_document(stopped))
        raise
    ended = await ops.get_run(run.id)
    line.clear()
    return _close(ended, flow)


def _close(run: Run, flow: Flow) -> ExitCode:
    if flow.as_json:
        put_json(run_document(run))
    elif run.state is RunState.SUCCEEDED:
        put(run.outcome)
    if run.error is not None:
        say(f"error: {run.error.message}")
        if run.error.hint:
            say(f"hint: {run.error.hint}")
        return exit_code_of(run.error.code)
    return _EXIT_OF_STATE.get(run.state, ExitCode.FAILED)


def _tell(event: Event, line: ProgressLine) -> None:
    if event.kind == "progress":
        waiting = event.data.get("waiting_for")
        line.show(f"  {event.text}" + (f"; waiting for {waiting}" if waiting else ""))
    elif event.kind in {"step_done", "step_failed", "note"}:
        line.clear()
        glyph = {"step_done": "✓", "step_failed": "✗", "note": "·"}[event.kind]
        say(f"  {glyph} {event.text}")
