"""`k8sops backups list` and `show`: which backups there are, and what one is made of."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

from k8sops.cli.backup_options import backup_options, doubted
from k8sops.cli.settings import take_config

if TYPE_CHECKING:
    from k8sops.service.config import Config


@click.command(
    "list",
    params=backup_options(
        click.Option(
            ["--limit"],
            default=100,
            show_default=True,
            type=click.IntRange(1, 100_000),
            help="How many.",
        )
    ),
)
def list_command(**values: Any) -> int:
    r"""All backups, newest first: when, of what, how large, and whether they are complete.

    \b
    Examples:
      k8sops backups list
      k8sops backups list --cluster prod-eu --repo second-site -o json
    """
    from k8sops.cli.running import run_async

    return run_async(_list(take_config(values), values))


async def _list(config: Config, values: dict[str, Any]) -> int:
    from k8sops.cli.backup_text import list_lines
    from k8sops.cli.console import put, put_json, say
    from k8sops.core.documents import struct_document
    from k8sops.core.errors import ExitCode
    from k8sops.service.backup_desk import open_backups

    async with open_backups(config, values["repo"]) as desk:
        found, missing = await desk.listed(values["cluster"])
        now = desk.clock.now()
    shown = found[: values["limit"]]
    if values["output"] == "json":
        put_json(
            {
                "repository": {"location": desk.opened.location, "id": desk.vault.id},
                "backups": [struct_document(view) for view in shown],
                "unreadable": [struct_document(one) for one in missing],
            }
        )
    else:
        if not found and not missing:
            say(f"There is no backup in {desk.opened.location} yet; `k8sops backup` makes one.")
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        for line in list_lines(shown, now, width):
            put(line)
        if len(found) > len(shown):
            say(f"{len(found) - len(shown)} older ones are not shown; --limit shows more.")
    for one in missing:
        say(f"error: number {one.seq} of cluster {one.cluster} cannot be read: {one.why}")
    return ExitCode.FAILED if missing else ExitCode.DONE


@click.command("show", params=backup_options(click.Argument(["backup"], required=False, metavar="[BACKUP]")))
def show_command(**values: Any) -> int:
    r"""One backup, the latest if none is named: what is in it, and everything that is not.

    \b
    Examples:
      k8sops backups show
      k8sops backups show 01KAJ4 -o json
    """
    from k8sops.cli.running import run_async

    return run_async(_show(take_config(values), values))


async def _show(config: Config, values: dict[str, Any]) -> int:
    from k8sops.cli.backup_text import show_lines
    from k8sops.cli.console import put, put_json
    from k8sops.core.documents import struct_document
    from k8sops.service.backup_desk import open_backups

    async with open_backups(config, values["repo"], doubted) as desk:
        chosen = await desk.one(values["backup"] or "latest", values["cluster"])
        now = desk.clock.now()
    if values["output"] == "json":
        put_json(struct_document(chosen.view))
        return 0
    for line in show_lines(chosen.view, now):
        put(line)
    return 0
