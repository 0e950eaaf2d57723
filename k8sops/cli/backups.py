"""`k8sops backups`: look into backup repositories and look after them. Each command is imported when it is chosen."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from k8sops.service.catalog import all_actions

GROUP: Final = "backups "
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "list": ("k8sops.cli.backups_list:list_command", "All backups, newest first."),
    "show": ("k8sops.cli.backups_list:show_command", "One backup: what is in it, and what is not."),
    "browse": ("k8sops.cli.backups_inside:browse_command", "The objects in a backup."),
    "find": ("k8sops.cli.backups_inside:find_command", "An object across backups, with its history."),
    "cat": ("k8sops.cli.backups_inside:cat_command", "Print an object out of a backup."),
    "diff": (
        "k8sops.cli.backups_diff:diff_command",
        "What differs between backups, or from the cluster now.",
    ),
    "export": ("k8sops.cli.backups_inside:export_command", "Write a backup out as plain YAML."),
    "verify": ("k8sops.cli.backups_verify:verify_command", "Prove what the repository holds."),
    "key": ("k8sops.cli.backups_key:key_command", "Make or show the keys of this installation."),
}


class _BackupsGroup(click.Group):
    """Reading commands, and the actions that are typed behind `backups`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *_actions()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            module, _, attribute = COMMANDS[cmd_name][0].partition(":")
            command: click.Command = getattr(import_module(module), attribute)
            command.help = (command.help or "").replace("\\b", "\b")
            return command
        for spec in all_actions():
            if spec.command == GROUP + cmd_name:
                from k8sops.cli.action_command import action_command

                found = action_command(spec)
                found.name = cmd_name
                return found
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, summary) for name, (_, summary) in COMMANDS.items()]
        with formatter.section("Look"):
            formatter.write_dl(rows)
        if actions := _actions():
            with formatter.section("Change (planned first, then applied)"):
                formatter.write_dl(list(actions.items()))


def _actions() -> dict[str, str]:
    return {
        spec.command.removeprefix(GROUP): spec.summary
        for spec in all_actions()
        if spec.command.startswith(GROUP)
    }


@click.command("backups", cls=_BackupsGroup, short_help="Look into backups, and look after their repository.")
def backups_group() -> None:
    r"""Backups: what is in them, what changed, whether they are whole; and the repository they lie in.

    `k8sops backup` makes one, `k8sops restore` brings one back. The repository is --repo, else K8SOPS_REPOSITORY,
    else the configuration's; looking needs no cluster. BACKUP is `latest`, a number, a name, the beginning of an id,
    NAME@WHEN or @WHEN (a moment in UTC, a date, a time of day, a span ago).

    \b
    Examples:
      k8sops backups list
      k8sops backups show nightly@2026-11-20
      k8sops backups find configmap/settings -n shop
      k8sops backups cat deployment/web@14:05 -n shop
      k8sops backups diff latest --live
      k8sops backups verify --read-data 10%
    """
