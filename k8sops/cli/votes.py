"""Voting: what waits, and yes or no to exactly one plan, named by its digest.

Approving shows the plan first and asks; without a terminal the digest of the reviewed plan must be given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from k8sops.cli.settings import connection_options, output_option, take_config
from k8sops.core.run import RunState

if TYPE_CHECKING:
    from k8sops.core.errors import ExitCode
    from k8sops.core.ops import Ops
    from k8sops.core.run import Run
    from k8sops.service.config import Config


@click.group("approvals", short_help="What waits for a vote.")
def approvals_group() -> None:
    """What waits for a vote, and reviews that are still open."""


@approvals_group.command(
    "list",
    short_help="Runs that wait for a vote, and open reviews.",
    params=[output_option(), *connection_options()],
)
def list_command(**values: Any) -> int:
    """Runs that wait for approval, newest first, and reviews that nobody has closed."""
    from k8sops.cli.running import run_async

    return run_async(_list(take_config(values), as_json=values["output"] == "json"))


async def _list(config: Config, *, as_json: bool) -> int:
    from k8sops.cli.console import put, put_json, say
    from k8sops.cli.run_text import waiting_lines
    from k8sops.core.clock import SystemClock
    from k8sops.core.documents import struct_document
    from k8sops.service import open_records

    async with open_records(config) as records:
        waiting, reviews = await records.approvals(), await records.reviews()
    if as_json:
        put_json(
            {
                "runs": [struct_document(run) for run in waiting],
                "reviews": [struct_document(review) for review in reviews],
            }
        )
        return 0
    if not waiting:
        say("Nothing waits for approval.")
    else:
        for line in waiting_lines(waiting, SystemClock().now()):
            put(line)
    for review in reviews:
        how = "in an emergency" if review.kind == "emergency" else "by breaking the glass"
        say(f"review open since {review.opened_at[:19]}: run {review.run} went round approvals {how}")
    if reviews:
        say("`k8sops approvals review RUN --note TEXT` closes one.")
    return 0


@approvals_group.command(
    "review",
    short_help="Close the review of a run.",
    params=[
        click.Argument(["run"], metavar="RUN"),
        click.Option(["--note"], required=True, metavar="TEXT", help="What you found; recorded."),
        output_option(),
        *connection_options(),
    ],
)
def review_command(**values: Any) -> int:
    r"""Close the review of a run that went round approvals, after looking at it.

    It takes a policy administrator who is somebody else than who broke the glass.

    \b
    Examples:
      k8sops runs show 01JABC
      k8sops approvals review 01JABC --note "the node was lost; scaling up was right"
    """
    from k8sops.cli.running import run_async

    return run_async(_review(take_config(values), values))


async def _review(config: Config, values: dict[str, Any]) -> int:
    from k8sops.cli.console import put, put_json
    from k8sops.cli.identity_here import actor_at_terminal
    from k8sops.service import open_ops
    from k8sops.service.reviewing import close_review

    async with open_ops(config) as ops:
        actor = await actor_at_terminal(ops)
        run = await close_review(config, values["run"], values["note"], actor, ops.cluster_info)
    if values["output"] == "json":
        put_json({"run": run.id, "review": "closed", "note": values["note"]})
    else:
        put(f"the review of run {run.id} is closed")
    return 0


def _vote_options() -> list[click.Parameter]:
    return [
        click.Argument(["run"], metavar="RUN"),
        click.Option(
            ["--digest"], default="", metavar="HEX", help="The reviewed plan's digest (12 or more digits)."
        ),
        click.Option(["--reason"], default="", metavar="TEXT", help="Why; recorded with the vote."),
        output_option(),
        *connection_options(),
    ]


@click.command("approve", params=_vote_options())
def approve_command(**values: Any) -> int:
    r"""Say yes to a run's plan, after seeing it.

    \b
    Examples:
      k8sops approve 01JABC
      k8sops approve 01JABC --digest 5f2a90c1b7d3
    """
    from k8sops.cli.running import run_async

    return run_async(_vote(take_config(values), values, approve=True))


@click.command("deny", params=_vote_options())
def deny_command(**values: Any) -> int:
    """Say no to a run; it ends there."""
    from k8sops.cli.running import run_async

    return run_async(_vote(take_config(values), values, approve=False))


async def _vote(config: Config, values: dict[str, Any], *, approve: bool) -> ExitCode:
    from k8sops.cli.console import put, put_json
    from k8sops.cli.identity_here import actor_at_terminal
    from k8sops.core.documents import run_document
    from k8sops.core.errors import ExitCode
    from k8sops.core.run import Vote
    from k8sops.service import open_ops

    async with open_ops(config) as ops:
        run = await ops.get_run(values["run"])
        actor = await actor_at_terminal(ops)
        if approve and run.state is RunState.AWAITING_APPROVAL:
            await _refuse_forged(ops, run)
            await _tell_drift(ops, run)
        digest = _digest(run, values["digest"], approve=approve)
        vote = Vote(verdict="approve" if approve else "deny", digest=digest, reason=values["reason"])
        await ops.decide(run.id, vote, actor)
        voted = await ops.get_run(run.id)
    if values["output"] == "json":
        put_json(run_document(voted))
    else:
        put(f"run {voted.id}: {_told(voted) if approve else voted.outcome}")
    return ExitCode.DONE


async def _refuse_forged(ops: Ops, run: Run) -> None:
    """What nobody has signed for is not shown as somebody's plan. Raises DeniedError."""
    from k8sops.core.errors import DeniedError

    if why := await ops.unproposed(run.id):
        raise DeniedError(
            f"the proposal is forged, or was changed: {why}",
            hint="no vote was signed; ask the requester, and tell who looks after the store",
        )


async def _tell_drift(ops: Ops, run: Run) -> None:
    """What has changed since the plan was made comes before the vote on it."""
    from k8sops.cli.console import say
    from k8sops.core.errors import K8sOpsError

    try:
        changes = await ops.drift(run.id)
    except K8sOpsError as error:
        say(f"Whether the cluster still is as planned cannot be told: {error.message}")
        return
    for change in changes:
        say(f"Drifted since it was planned, so that it would be void: {change}")


def _told(run: Run) -> str:
    """What became of it with this vote."""
    if run.state is RunState.AWAITING_APPROVAL:
        return run.events[-1].text
    if run.state is RunState.PROPOSED:
        return f"approved; it is held until {run.who} starts it"
    if run.state is RunState.QUEUED and run.progress.waiting_for:
        return f"approved and queued; {run.events[-1].text}"
    return f"approved; it is {run.state} now"


def _digest(run: Run, given: str, *, approve: bool) -> str:
    """The digest to vote on: the one given, or after the plan was shown and accepted, the plan's."""
    import sys

    from k8sops.cli.asking import answer, at_terminal
    from k8sops.cli.console import say
    from k8sops.cli.plan_text import identity_line, plan_lines
    from k8sops.core.errors import ConfirmationError

    if given or not approve:
        return given or run.plan.digest
    if not at_terminal():
        raise ConfirmationError(
            "there is no terminal to show the plan at, so no vote was recorded",
            hint=f"review it with `k8sops runs show {run.id}` and give --digest",
        )
    say(identity_line(run.plan, run.actor))
    for line in plan_lines(run.plan, sys.stderr):
        say(line)
    if answer(f"Approve this plan of {run.who} for {run.plan.cluster.name}? [y/N] ") not in {
        "y",
        "yes",
    }:
        raise ConfirmationError("not approved; no vote was recorded")
    return run.plan.digest
