"""`k8sops schedules`: actions on a timetable. What a schedule may do by itself is approved once, within limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from k8sops.cli.settings import connection_options, output_option, take_config

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from k8sops.core.actor import Actor
    from k8sops.core.errors import ExitCode
    from k8sops.core.schedules import ScheduleView
    from k8sops.service.config import Config
    from k8sops.service.schedules import ScheduleDesk

REMOVED = "is removed; its runs stay on record"
_NAME = click.Argument(["name"], metavar="NAME")


@click.group("schedules", short_help="Actions on a timetable, approved in advance.")
def schedules_group() -> None:
    """Schedules: an action, its arguments, and when.

    A schedule carries a standing approval: what it may do, at which risk, on how many objects, until when. Within it a
    firing runs by itself; outside it the run waits and everybody who listens is told. `k8sops worker` fires schedules.
    """


@schedules_group.command(
    "add",
    short_help="Add a schedule, or change one.",
    params=[
        _NAME,
        click.Argument(
            ["words"],
            nargs=-1,
            required=True,
            metavar="-- ACTION [ARGUMENT]...",
            type=click.UNPROCESSED,
        ),
        click.Option(
            ["--cron"],
            required=True,
            metavar="EXPR",
            help="Five fields, or six with seconds first; or @daily.",
        ),
        click.Option(
            ["--zone"], default="UTC", show_default=True, metavar="ZONE", help="As in Europe/Berlin."
        ),
        click.Option(
            ["--jitter"], default=0, metavar="SECONDS", type=int, help="Spread firings by at most this."
        ),
        click.Option(
            ["--concurrency"],
            type=click.Choice(["forbid", "queue", "replace"]),
            default="forbid",
            show_default=True,
            help="While the last run still goes: skip this one, wait for it, or cancel it first.",
        ),
        click.Option(
            ["--missed"],
            default="skip",
            show_default=True,
            metavar="POLICY",
            help="Of times no worker ran: skip, once, or catch_up(N).",
        ),
        click.Option(
            ["--alert-after"], type=int, metavar="SECONDS", help="Tell when it has not succeeded for so long."
        ),
        click.Option(
            ["--rpo"],
            default="",
            metavar="SPAN",
            help="Of a backup: tell when the newest complete one is older, as in 26h.",
        ),
        click.Option(
            ["--for-days"],
            type=click.IntRange(1, 366),
            default=90,
            show_default=True,
            help="How long the standing approval lasts.",
        ),
        click.Option(
            ["--risk"],
            type=click.Choice(["low", "disruptive", "destructive"]),
            help="The most it may risk by itself; what it would risk now if not given.",
        ),
        click.Option(
            ["--most-objects"],
            type=click.IntRange(1, 500),
            metavar="N",
            help="The most objects it may change by itself; as many as now if not given.",
        ),
        click.Option(
            ["--replace"], is_flag=True, help="Change the schedule of this name; voids its standing approval."
        ),
        click.Option(["--reason"], default="", metavar="TEXT", help="Why; recorded with each run."),
        click.Option(["-y", "--yes"], is_flag=True, help="Do not ask."),
        click.Option(
            ["--confirm"],
            default="",
            metavar="CLUSTER",
            help="The cluster's name, where policy wants it typed; --yes does not stand for it.",
        ),
        output_option(),
        *connection_options(),
    ],
)
def add_command(**values: Any) -> int:
    r"""Add a schedule, after showing what it would do now and what it would be allowed to do by itself.

    \b
    Examples:
      k8sops schedules add night --cron '0 22 * * *' --zone Europe/Berlin \
        -- scale deploy/web --replicas 1 -n shop
      k8sops schedules add night --replace --cron @hourly \
        -- scale deploy/web --replicas 1 -n shop
      k8sops schedules add nightly --cron '0 3 * * *' --rpo 26h --risk disruptive \
        -- backup --keep-daily 14 --keep-weekly 8
    """
    from k8sops.cli.running import run_async

    config = take_config(values)
    return run_async(_add(config, values))


async def _add(config: Config, values: dict[str, Any]) -> int:
    from datetime import timedelta

    from k8sops.cli.asking import ask_to_keep
    from k8sops.cli.console import say
    from k8sops.cli.identity_here import actor_at_terminal
    from k8sops.cli.schedule_text import draft_lines
    from k8sops.core.risk import Risk
    from k8sops.service import open_schedules

    given = _given(config, values)
    async with open_schedules(config) as (ops, desk):
        actor = await actor_at_terminal(ops)
        # Before anything is shown and asked: what is replaced is what was there when the question was put.
        version = (await desk.one(values["name"])).version if values["replace"] else None
        if version is None:
            await desk.check_free(values["name"])
        draft = await desk.draft(
            given,
            actor,
            stands_for=timedelta(days=values["for_days"]),
            risk=Risk(values["risk"]) if values["risk"] else None,
            most_targets=values["most_objects"],
        )
        for line in draft_lines(draft):
            say(line)
        ask_to_keep(
            draft.spec.name,
            draft.plan.cluster.name,
            draft.standing.risk if draft.decision.typed_name else None,
            yes=values["yes"],
            confirm=values["confirm"],
        )
        _shown(await desk.keep(draft, actor, change=version), as_json=values["output"] == "json")
    return 0


def _given(config: Config, values: dict[str, Any]) -> dict[str, Any]:
    """The schedule's fields as typed."""
    action, params = _action(values["words"], config)
    return {
        "name": values["name"],
        "action": action,
        "params": params,
        "cron": values["cron"],
        "zone": values["zone"],
        "jitter_s": values["jitter"],
        "concurrency": values["concurrency"],
        "missed": values["missed"],
        "alert_after_s": values["alert_after"],
        "rpo_s": _rpo(values["rpo"], action),
        "reason": values["reason"],
    }


def _rpo(text: str, action: str) -> int | None:
    from k8sops.core.errors import UsageError
    from k8sops.core.moments import parse_span

    if not text:
        return None
    if action != "backup":
        raise UsageError(
            "--rpo goes with backup", hint="--alert-after tells of any schedule that does not succeed"
        )
    return int(parse_span(text, "--rpo").total_seconds())


def _action(words: tuple[str, ...], config: Config) -> tuple[str, dict[str, Any]]:
    """The scheduled action and its arguments, read by the same parser as the command itself."""
    from k8sops.cli.action_command import given_at
    from k8sops.core.params import EXPLICIT, extra_of
    from k8sops.service.catalog import params_of, typed_action

    action, arguments = typed_action(words)
    inner, params = given_at(action, arguments, only_params=True)
    namespace = inner.namespace or config.namespace
    fields = params_of(action).model_fields
    if namespace and "namespace" in fields and not extra_of(fields["namespace"]).get(EXPLICIT):
        params["namespace"] = namespace
    default = config.repository or next((one.name for one in config.repositories), "")
    if default and "repo" in fields and not params.get("repo"):
        # A worker has a configuration of its own: what is meant here is said.
        params["repo"] = default
    return action, params


def _shown(view: ScheduleView, *, as_json: bool) -> None:
    from k8sops.cli.console import put, put_json
    from k8sops.cli.schedule_text import schedule_document, schedule_lines

    if as_json:
        put_json(schedule_document(view))
        return
    for line in schedule_lines(view):
        put(line)


@schedules_group.command(
    "list",
    short_help="All schedules, and when they fire next.",
    params=[output_option(), *connection_options()],
)
def list_command(**values: Any) -> int:
    """All schedules: what, when next, and how they stand."""
    from k8sops.cli.running import run_async

    return run_async(_list(take_config(values), as_json=values["output"] == "json"))


async def _list(config: Config, *, as_json: bool) -> int:
    from k8sops.cli.console import put, put_json, say
    from k8sops.cli.schedule_text import list_lines, schedule_document
    from k8sops.service import open_records

    async with open_records(config) as records:
        found = await records.schedules()
    if as_json:
        put_json([schedule_document(view) for view in found])
    elif not found:
        say("There are no schedules.")
    else:
        for line in list_lines(found):
            put(line)
        for why in dict.fromkeys(view.unattended for view in found if view.unattended):
            say(why)
    return 0


@schedules_group.command(
    "show",
    short_help="One schedule, and its last firings.",
    params=[_NAME, output_option(), *connection_options()],
)
def show_command(**values: Any) -> int:
    """One schedule: its standing approval, the next five times, its last firings."""
    from k8sops.cli.running import run_async

    return run_async(_show(take_config(values), values["name"], as_json=values["output"] == "json"))


async def _show(config: Config, name: str, *, as_json: bool) -> int:
    from k8sops.service import open_records

    async with open_records(config) as records:
        _shown(await records.schedule(name), as_json=as_json)
    return 0


def _changing(
    values: dict[str, Any], change: Callable[[ScheduleDesk, Actor], Awaitable[ScheduleView]], what: str
) -> ExitCode:
    """Make the change, and say in a sentence how the schedule stands now."""
    from k8sops.cli.running import run_async

    config, as_json = take_config(values), values["output"] == "json"

    async def changed() -> ExitCode:
        from k8sops.cli.console import put, say
        from k8sops.cli.identity_here import actor_at_terminal
        from k8sops.core.errors import ExitCode
        from k8sops.service import open_schedules

        async with open_schedules(config) as (ops, desk):
            view = await change(desk, await actor_at_terminal(ops))
        if as_json:
            _shown(view, as_json=True)
            return ExitCode.DONE
        put(f"schedule {view.name} {what}")
        if view.unattended and what != REMOVED:
            say(view.unattended)
        return ExitCode.DONE

    return run_async(changed())


def _change_options(*more: click.Parameter) -> list[click.Parameter]:
    return [_NAME, *more, output_option(), *connection_options()]


_REASON = click.Option(["--reason"], default="", metavar="TEXT", help="Why; recorded.")


@schedules_group.command("pause", short_help="Stop firing until resumed.", params=_change_options(_REASON))
def pause_command(**values: Any) -> int:
    """Stop firing until resumed."""
    return _changing(
        values, lambda desk, actor: desk.pause(values["name"], values["reason"], actor), "is paused"
    )


@schedules_group.command("resume", short_help="Fire again.", params=_change_options())
def resume_command(**values: Any) -> int:
    """Fire again; what came due meanwhile is treated as missed."""
    return _changing(values, lambda desk, actor: desk.resume(values["name"], actor), "fires again")


@schedules_group.command("remove", short_help="Take a schedule away.", params=_change_options())
def remove_command(**values: Any) -> int:
    """Take a schedule away; its runs and firings stay on record."""
    return _changing(values, lambda desk, actor: desk.remove(values["name"], actor), REMOVED)


@schedules_group.command("run-now", short_help="Fire once, at once.", params=_change_options())
def run_now_command(**values: Any) -> int:
    """Fire once at once, beside the timetable; a worker carries it out."""
    return _changing(values, lambda desk, actor: desk.run_now(values["name"], actor), "is to fire now")


_DIGEST = click.Option(
    ["--digest"], required=True, metavar="HEX", help="The standing approval's digest (12 or more digits)."
)


@schedules_group.command(
    "approve", short_help="Say yes to a standing approval.", params=_change_options(_DIGEST, _REASON)
)
def approve_command(**values: Any) -> int:
    """Say yes to a schedule's standing approval, named by its digest (see `schedules show`)."""
    return _vote(values, approve=True)


@schedules_group.command(
    "deny", short_help="Say no to a standing approval.", params=_change_options(_DIGEST, _REASON)
)
def deny_command(**values: Any) -> int:
    """Say no to a schedule's standing approval; the schedule is paused."""
    return _vote(values, approve=False)


def _vote(values: dict[str, Any], *, approve: bool) -> int:
    from k8sops.core.run import Vote

    vote = Vote(verdict="approve" if approve else "deny", digest=values["digest"], reason=values["reason"])
    what = (
        "has your vote; `k8sops schedules show` tells how it stands" if approve else "is denied, and paused"
    )
    return _changing(values, lambda desk, actor: desk.decide(values["name"], vote, actor), what)
