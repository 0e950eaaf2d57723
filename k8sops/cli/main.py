"""`k8sops`: the root command, which imports a command only when it is chosen, and the one place errors end.

An error becomes one sentence on stderr and the exit code of DESIGN §6; a failure nobody foresaw is one sentence too,
with the trace behind K8SOPS_DEBUG=1. So does a stdout that is full; one that nobody reads any more is no failure.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from itertools import pairwise
from typing import Any, Final

import click

from k8sops import __version__
from k8sops.cli.settings import CONNECTION_FLAGS, connection_options, read_only_option
from k8sops.cli.stdout import OutputError, checked_stdout, let_go
from k8sops.core.collector import collect_rarely
from k8sops.core.errors import ExitCode, K8sOpsError

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "get": ("k8sops.cli.get:get_command", "Show objects of any kind, with kubectl's columns."),
    "logs": ("k8sops.cli.logs:logs_group", "Follow the logs of many pods."),
    "timeline": (
        "k8sops.cli.timeline:timeline_command",
        "What happened, in order of time: as text, JSON or a page.",
    ),
    "rollout": (
        "k8sops.cli.rollout:rollout_group",
        "Follow, pause, resume, restart and undo rollouts.",
    ),
    "backups": (
        "k8sops.cli.backups:backups_group",
        "Look into backups, and look after their repository.",
    ),
    "bundles": ("k8sops.cli.bundles:bundles_group", "The log bundles in a repository."),
    "runs": ("k8sops.cli.runs:runs_group", "List, show, follow, cancel, settle and undo runs."),
    "approvals": ("k8sops.cli.votes:approvals_group", "What waits for a vote."),
    "approve": ("k8sops.cli.votes:approve_command", "Say yes to exactly one plan."),
    "deny": ("k8sops.cli.votes:deny_command", "Say no to a proposed run."),
    "schedules": ("k8sops.cli.schedules:schedules_group", "Actions on a timetable, approved in advance."),
    "worker": ("k8sops.cli.worker:worker_command", "Carry queued runs and fire schedules."),
    "slack": ("k8sops.cli.slack:slack_group", "The bot: the same desk, in Slack."),
    "grants": ("k8sops.cli.grants:grants_group", "Time-boxed grants: small changes approved once."),
    "audit": ("k8sops.cli.audit:audit_group", "Search, prove, export and rotate the audit trail."),
    "policy": ("k8sops.cli.policy:policy_group", "Try a policy out, and have it explained."),
    "rbac": ("k8sops.cli.rbac:rbac_command", "Print the least Kubernetes roles that actions need."),
    "store": ("k8sops.cli.store:store_group", "The database: where it is, migrations, backups."),
    "tui": ("k8sops.cli.tui:tui_command", "Open the live screen on a kind."),
    "demo": (
        "k8sops.cli.demo:demo_command",
        "Bring up a real control plane, fill it, and open the screen on it.",
    ),
    "sandbox": ("k8sops.cli.sandbox:sandbox_group", "A real, local control plane with simulated nodes."),
    "identity": (
        "k8sops.cli.identity:identity_group",
        "Your signing key: enrol it, show it, check another's.",
    ),
    "doctor": ("k8sops.cli.doctor:doctor_command", "Check configuration and access, in plain sentences."),
    "completion": ("k8sops.cli.completion:completion_command", "Print the shell's completion script."),
}


def sections() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The commands as help shows them, under headings."""
    from k8sops.service.catalog import all_actions

    changing = (spec.name for spec in all_actions() if not spec.command)
    return (
        ("Look", ("get", "logs", "timeline", "tui", "doctor")),
        ("Change (planned first, then applied)", (*changing, "rollout")),
        ("Look into backups", ("backups", "bundles")),
        ("Follow and decide", ("runs", "approvals", "approve", "deny", "schedules", "grants")),
        ("Prove and rule", ("audit", "policy", "identity")),
        ("Practise", ("demo", "sandbox")),
        ("Set up", ("worker", "slack", "rbac", "store", "completion")),
    )


class _ReaderGoneError(Exception):
    """Nobody reads stdout any more. No OSError, of which click makes exit 1."""


class RootGroup(click.Group):
    """Commands by name, imported when chosen; help lists their one-line summaries from literals."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse the command line; may write help."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except BrokenPipeError as error:
            raise _ReaderGoneError from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGoneError from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of the sections."""
        return [name for _, names in sections() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the chosen command."""
        if cmd_name in COMMANDS:
            module, _, attribute = COMMANDS[cmd_name][0].partition(":")
            command: click.Command = getattr(import_module(module), attribute)
            return _with_line_breaks(command)
        from k8sops.service.catalog import all_actions

        for spec in all_actions():
            if spec.typed == cmd_name:
                from k8sops.cli.action_command import action_command

                return action_command(spec)
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Sections instead of one alphabet."""
        from k8sops.service.catalog import all_actions

        summaries = {name: summary for name, (_, summary) in COMMANDS.items()}
        summaries |= {spec.name: spec.summary for spec in all_actions()}
        for title, names in sections():
            with formatter.section(title):
                formatter.write_dl([(name, summaries[name]) for name in names])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest command instead of only refusing."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            hint = f"did you mean {near[0]!r}?" if near else "`k8sops --help` lists the commands"
            raise click.UsageError(f"there is no command {args[0]!r}; {hint}", ctx) from error


def _with_line_breaks(command: click.Command) -> click.Command:
    """Give click the control character it keeps examples' lines by; in docstrings it is written out."""
    command.help = (command.help or "").replace("\\b", "\b")
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _with_line_breaks(inner)
    return command


@click.group(
    cls=RootGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Every change shows its plan before it is applied: add --plan to only look. "
    "Without a command, the live screen opens on the current context.",
)
@click.version_option(__version__, prog_name="k8sops")
@click.pass_context
def root(ctx: click.Context, /, **values: Any) -> Any:
    """The operations desk for Kubernetes."""
    ctx.obj = {flag: values.get(flag) for flag in CONNECTION_FLAGS}
    if ctx.invoked_subcommand is not None:
        return None
    tui = root.get_command(ctx, "tui")
    assert tui is not None  # noqa: S101 - it stands in COMMANDS
    return ctx.invoke(tui, kind="pods", all_namespaces=False, **values)


root.params.extend([*connection_options(), read_only_option()])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    from k8sops.cli.console import report

    try:
        code = _guarded(arguments)
        with suppress(BrokenPipeError):
            sys.stdout.flush()
            return code
    except OutputError as error:
        code = error.exit_code
        report(error)
    # What was not read, or not written, would be tried once more at exit, and complained of.
    let_go(sys.stdout)
    return code


def _guarded(arguments: list[str]) -> int:  # noqa: PLR0911 - one return for each way to end
    from k8sops.cli.console import report, say

    as_json = any(a in {"-ojson", "--output=json"} for a in arguments) or any(
        pair in {("-o", "json"), ("--output", "json")} for pair in pairwise(arguments)
    )
    try:
        result = root.main(arguments, prog_name="k8sops", standalone_mode=False)
    except OutputError:
        raise
    except K8sOpsError as error:
        report(error, as_json=as_json)
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help())
        return ExitCode.USAGE
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "k8sops"
        # Click breaks the choices of a missing argument into lines.
        said = " ".join(error.format_message().split())
        say(f"error: {said}\nhint: `{where} --help` shows how")
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        say("interrupted")
        return ExitCode.INTERRUPTED
    except _ReaderGoneError:
        return ExitCode.DONE
    except Exception as error:  # the outermost boundary: a user sees a sentence, never a traceback
        if os.environ.get("K8SOPS_DEBUG"):
            raise
        say(
            f"error: a defect of this program: {type(error).__name__}: {error}\n"
            "hint: K8SOPS_DEBUG=1 shows where; please report it"
        )
        return ExitCode.FAILED
    return int(result) if isinstance(result, int) else ExitCode.DONE


def entry() -> None:
    """The console script."""
    collect_rarely()
    sys.stdout = checked_stdout()
    sys.exit(main())
