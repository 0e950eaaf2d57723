"""`k8sops runs`: what was proposed, what is going on, what became of it; and what a person does about it.

Listing, showing and following read the store alone; whoever changes something is who the cluster says they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from k8sops.cli.settings import connection_options, output_option, take_config

if TYPE_CHECKING:
    from k8sops.core.errors import ExitCode
    from k8sops.core.run import RunFilter
    from k8sops.service.config import Config

_RUN = click.Argument(["run"], metavar="RUN")


@click.group("runs", short_help="List, show, follow, cancel, settle and undo runs.")
def runs_group() -> None:
    r"""Runs: every change that was proposed, with its votes, its events and its end.

    RUN is an id, or the first six or more characters of one.

    \b
    Examples:
      k8sops runs list --state running --state awaiting_approval
      k8sops runs watch 01JABC
      k8sops runs undo 01JABC
    """


@runs_group.command(
    "list",
    short_help="What was proposed, newest first.",
    params=[
        click.Option(["--state"], multiple=True, metavar="STATE", help="As in `running`; repeatable."),
        click.Option(["--action"], default="", metavar="NAME", help="Of one action."),
        click.Option(["--by"], default="", metavar="PERSON", help="Of one person or username."),
        click.Option(
            ["--limit"], default=20, show_default=True, type=click.IntRange(1, 1000), help="How many."
        ),
        output_option(),
        *connection_options(),
    ],
)
def list_command(**values: Any) -> int:
    """The newest runs first."""
    from k8sops.cli.running import run_async

    return run_async(_list(take_config(values), _filter(values), as_json=values["output"] == "json"))


def _filter(values: dict[str, Any]) -> RunFilter:
    from k8sops.core.errors import UsageError
    from k8sops.core.run import RunFilter, RunState

    known = [str(state) for state in RunState]
    for state in values["state"]:
        if state not in known:
            raise UsageError(f"there is no state {state!r}", hint=f"the states are: {', '.join(known)}")
    return RunFilter(
        states=tuple(RunState(state) for state in values["state"]),
        action=values["action"],
        person=values["by"],
        limit=values["limit"],
    )


async def _list(config: Config, wanted: RunFilter, *, as_json: bool) -> int:
    from k8sops.cli.console import put, put_json, say
    from k8sops.cli.run_text import summary_lines
    from k8sops.core.clock import SystemClock
    from k8sops.core.documents import struct_document
    from k8sops.service import open_records

    async with open_records(config) as records:
        found = await records.runs(wanted)
    if as_json:
        put_json([struct_document(run) for run in found])
    elif not found:
        say("No runs found.")
    else:
        for line in summary_lines(found, SystemClock().now()):
            put(line)
    return 0


@runs_group.command(
    "show",
    short_help="One run: plan, votes, every event.",
    params=[_RUN, output_option(), *connection_options()],
)
def show_command(**values: Any) -> int:
    """One run: who asked, why, the votes, every event."""
    from k8sops.cli.running import run_async

    return run_async(_show(take_config(values), values["run"], as_json=values["output"] == "json"))


async def _show(config: Config, wanted: str, *, as_json: bool) -> int:
    from k8sops.cli.console import put, put_json
    from k8sops.cli.run_text import run_lines
    from k8sops.core.clock import SystemClock
    from k8sops.core.documents import run_document
    from k8sops.service import open_records

    async with open_records(config) as records:
        run = await records.get_run(wanted)
    if as_json:
        put_json(run_document(run))
    else:
        for line in run_lines(run, SystemClock().now()):
            put(line)
    return 0


@runs_group.command(
    "watch",
    short_help="Follow a run until it has ended.",
    params=[
        _RUN,
        click.Option(
            ["--after"], default=0, metavar="SEQ", type=click.IntRange(0), help="From which event on."
        ),
        output_option(),
        *connection_options(),
    ],
)
def watch_command(**values: Any) -> int:
    """Follow a run from anywhere until it has ended; exits as the run's own command would."""
    from k8sops.cli.running import run_async

    config = take_config(values)
    return run_async(_watch(config, values["run"], values["after"], as_json=values["output"] == "json"))


async def _watch(config: Config, wanted: str, after: int, *, as_json: bool) -> ExitCode:
    from contextlib import aclosing

    from k8sops.cli.console import put_json_line
    from k8sops.cli.following import tell_to_end
    from k8sops.cli.run_text import close_run, exit_of
    from k8sops.core.documents import struct_document
    from k8sops.service import open_records

    async with open_records(config) as records:
        async with aclosing(records.watch(wanted, after=after)) as events:
            if as_json:
                async for event in events:
                    put_json_line(struct_document(event))
            else:
                await tell_to_end(events)
        run = await records.get_run(wanted)
    return exit_of(run) if as_json else close_run(run, as_json=False)


@runs_group.command(
    "cancel",
    short_help="Stop a run, and say what was done.",
    params=[
        _RUN,
        click.Option(["--reason"], default="", metavar="TEXT", help="Why; recorded."),
        output_option(),
        *connection_options(),
    ],
)
def cancel_command(**values: Any) -> int:
    """Stop a run within its present step, and say what was done and what was not."""
    from k8sops.cli.running import run_async

    return run_async(_cancel(take_config(values), values))


async def _cancel(config: Config, values: dict[str, Any]) -> int:
    from k8sops.cli.console import put, put_json, say
    from k8sops.cli.identity_here import actor_at_terminal
    from k8sops.core.documents import run_document
    from k8sops.core.errors import ExitCode
    from k8sops.service import open_ops

    async with open_ops(config) as ops:
        run = await ops.cancel(values["run"], await actor_at_terminal(ops), values["reason"])
    if values["output"] == "json":
        put_json(run_document(run))
    elif run.state.ended:
        put(run.outcome)
    else:
        say(f"run {run.id} has been asked to stop, and has not yet: its carrier is silent")
    return ExitCode.DONE if run.state.ended else ExitCode.FAILED


@runs_group.command(
    "resume",
    short_help="Settle a run that needs review.",
    params=[
        _RUN,
        click.Option(
            ["--as", "how"],
            type=click.Choice(["done", "retry", "abandon"]),
            required=True,
            help="The step in doubt: it was done; do it again; or give the run up.",
        ),
        output_option(),
        *(option for option in connection_options() if option.name not in {"as_user", "as_group"}),
    ],
)
def resume_command(**values: Any) -> int:
    """Settle a run that needs review: its carrier died in a step that must not be repeated."""
    from k8sops.cli.running import run_async

    return run_async(_resume(take_config(values), values))


async def _resume(config: Config, values: dict[str, Any]) -> ExitCode:
    from k8sops.cli.following import follow_to_end
    from k8sops.cli.identity_here import actor_at_terminal
    from k8sops.cli.run_text import close_run
    from k8sops.service import open_ops

    async with open_ops(config) as ops:
        before = await ops.get_run(values["run"])
        seen = before.events[-1].seq if before.events else 0
        run = await ops.resume(before.id, values["how"], await actor_at_terminal(ops))
        await follow_to_end(ops, run.id, after=seen)
        return close_run(await ops.get_run(run.id), as_json=values["output"] == "json")


@runs_group.command(
    "undo",
    short_help="Propose what takes a run back.",
    params=[
        _RUN,
        click.Option(["-y", "--yes"], is_flag=True, help="Apply without being asked."),
        click.Option(
            ["--confirm"], metavar="CLUSTER", help="The cluster's name, where policy wants it typed."
        ),
        click.Option(["--reason"], default="", metavar="TEXT", help="Why; recorded."),
        click.Option(
            ["--commands"],
            is_flag=True,
            help="Only print the commands that take it back, in their order: of a run of any size.",
        ),
        output_option(),
        *connection_options(),
    ],
)
def undo_command(**values: Any) -> int:
    r"""Propose what would take a run back: a new plan on the cluster as it is now, never a replay.

    \b
    Examples:
      k8sops runs undo 01JABC
      k8sops runs undo 01JABC --commands      (a restore that made many objects)
    """
    from k8sops.cli.running import run_async

    if values["commands"]:
        return run_async(
            _undo_commands(take_config(values), values["run"], as_json=values["output"] == "json")
        )
    return run_async(_undo(take_config(values), values))


async def _undo_commands(config: Config, wanted: str, *, as_json: bool) -> int:
    from k8sops.cli.console import put, put_json
    from k8sops.service import open_records
    from k8sops.service.undoing import commands_of

    async with open_records(config) as records:
        commands = commands_of(await records.get_run(wanted))
    if as_json:
        put_json(commands)
    else:
        for command in commands:
            put(command)
    return 0


async def _undo(config: Config, values: dict[str, Any]) -> ExitCode:
    from k8sops.cli.apply_flow import Flow, proceed
    from k8sops.cli.identity_here import actor_at_terminal
    from k8sops.service import open_ops

    async with open_ops(config) as ops:
        actor = await actor_at_terminal(ops)
        run = await ops.undo(values["run"], actor, reason=values["reason"])
        flow = Flow(
            action=run.plan.action,
            params=run.plan.params,
            only_plan=False,
            yes=values["yes"],
            digest="",
            reason=values["reason"],
            as_json=values["output"] == "json",
            namespaced=True,
            confirm=values["confirm"] or "",
        )
        return (await proceed(ops, run, actor, flow))[0]


@runs_group.command(
    "start", short_help="Start or carry a run of mine.", params=[_RUN, output_option(), *connection_options()]
)
def start_command(**values: Any) -> int:
    r"""Start a run of mine that was held until approved, or that is queued while nobody carries it.

    \b
    Examples:
      k8sops scale deployment/web --replicas 0 -n shop --hold
      k8sops runs start 01JABC
    """
    from k8sops.cli.running import run_async

    return run_async(_start(take_config(values), values))


async def _start(config: Config, values: dict[str, Any]) -> ExitCode:
    from k8sops.cli.following import follow_to_end
    from k8sops.cli.identity_here import actor_at_terminal
    from k8sops.cli.run_text import close_run
    from k8sops.service import open_ops

    async with open_ops(config) as ops:
        before = await ops.get_run(values["run"])
        seen = before.events[-1].seq if before.events else 0
        run = await ops.start(before.id, await actor_at_terminal(ops))
        await follow_to_end(ops, run.id, after=seen)
        return close_run(await ops.get_run(run.id), as_json=values["output"] == "json")
