"""`k8sops logs`: follows logs, and holds the actions that are typed behind it, such as `logs collect`.

The group is a command, too: what is no name of such an action is a query. A pod of that name is `pod/NAME`.
"""

from __future__ import annotations

from typing import Any, Final

import click

from k8sops.cli.logs_options import cluster_options, option_groups, spelled_out
from k8sops.cli.settings import take_config
from k8sops.service.catalog import all_actions

GROUP: Final = "logs "

_HELP = """Follow the logs of many containers at once, in order of time, across restarts, replaced pods and broken
connections; every line once. What the cluster can serve no more is marked where it is missing.

QUERY is a regular expression that a pod's name matches anywhere, or KIND/NAME: a pod, deployment, statefulset,
daemonset, replicaset, job, cronjob or service. All of several are followed.

\b
Examples:
  k8sops logs web                               pods with `web` in their name
  k8sops logs deployment/web cronjob/nightly -n shop,batch
  k8sops logs . -A --level error                errors of the whole cluster, stack traces included
  k8sops logs -l app=web -i checkout -e healthz --since 15m
  k8sops logs sts/db --previous                 what it said before its last restart
  k8sops logs web --fold                        what repeats is counted
  k8sops logs . --no-follow -o json | jq .      all there is, in total order
  k8sops logs web --template '{{ timestamp }} {{ pod|pod_color }} {{ fields.user|default("-") }} {{ message }}'

Ctrl-C ends it (exit 130) and says how many lines, streams and gaps there were. With --no-follow a stream that could
not be read is named, and the exit code is 1.
"""


class _Follow(click.Command):
    """The command itself; its options stand under headings."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, spelled_out(args))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        connection = cluster_options()
        for heading, options in (*option_groups(), ("Which cluster", connection)):
            rows = [row for option in options if (row := option.get_help_record(ctx)) is not None]
            with formatter.section(heading):
                formatter.write_dl(rows)
        if actions := _actions():
            with formatter.section("Commands"):
                formatter.write_dl(list(actions.items()))


class _LogsGroup(click.Group):
    """The actions behind `logs`; anything else is for the command that follows."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args and args[0] in _actions():
            return super().make_context(info_name, args, parent, **extra)
        return FOLLOW.make_context(info_name, args, parent, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_actions())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for spec in all_actions():
            if spec.command == GROUP + cmd_name:
                from k8sops.cli.action_command import action_command

                found = action_command(spec)
                found.name = cmd_name
                return found
        return None

    def get_help(self, ctx: click.Context) -> str:
        return FOLLOW.get_help(ctx)


def _actions() -> dict[str, str]:
    return {
        spec.command.removeprefix(GROUP): spec.summary
        for spec in all_actions()
        if spec.command.startswith(GROUP)
    }


def _run(**values: Any) -> int:
    from k8sops.cli.logs_flow import follow_logs
    from k8sops.cli.logs_options import check_selection, listed
    from k8sops.cli.running import run_async

    values["namespaces"] = values.pop("namespace")
    several = listed(values["namespaces"])
    config = take_config(values | {"namespace": several[0] if len(several) == 1 else None})
    for flag in (option.name for option in cluster_options()):
        values.pop(flag)
    check_selection(values)
    return run_async(follow_logs(config, values))


FOLLOW: Final = _Follow(
    "logs",
    callback=_run,
    params=[
        click.Argument(["query"], metavar="[QUERY]...", nargs=-1),
        *(option for _, options in option_groups() for option in options),
        *cluster_options(),
    ],
    help=_HELP,
    short_help="Follow the logs of many pods.",
)

logs_group: Final = _LogsGroup("logs", help=_HELP, short_help="Follow the logs of many pods.")
