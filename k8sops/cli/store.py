"""`k8sops store`: the database that runs, votes, schedules and the audit trail are in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from k8sops.cli.settings import output_option, store_options, take_config

if TYPE_CHECKING:
    from k8sops.service.config import Config


@click.group("store", short_help="The database: where it is, migrations, backups.")
def store_group() -> None:
    r"""The store: a SQLite file of one's own, or a PostgreSQL database that several people or workers share.

    K8SOPS_DATABASE_URL says where it is: `sqlite:////folder/k8sops.db` or `postgresql://user@host/database`.

    \b
    Examples:
      k8sops store show
      k8sops store migrate
      k8sops store backup k8sops-2026-11-21.db
    """


@store_group.command("show", params=[output_option(), *store_options()])
def show_command(**values: Any) -> int:
    """Where the store is, its revision and size, its runs by state, and how far its audit trail goes."""
    from k8sops.cli.running import run_async

    return run_async(_show(take_config(values), as_json=values["output"] == "json"))


async def _show(config: Config, *, as_json: bool) -> int:
    from k8sops.cli.console import put, put_json
    from k8sops.service.store_admin import show

    shown = await show(config)
    if as_json:
        put_json(shown.document)
    else:
        for line in shown.lines:
            put(line)
    return 0


@store_group.command(
    "migrate",
    params=[
        click.Option(
            ["--sql"], is_flag=True, help="Print the SQL for an administrator instead (PostgreSQL)."
        ),
        click.Option(
            ["--from", "start"],
            default="",
            metavar="REVISION",
            help="With --sql: the revision the database is at; without, from nothing.",
        ),
        click.Option(
            ["--door-role"],
            default="k8sops_door",
            show_default=True,
            metavar="NAME",
            help="Of people's machines.",
        ),
        click.Option(
            ["--carrier-role"],
            default="k8sops_carrier",
            show_default=True,
            metavar="NAME",
            help="Of workers.",
        ),
        output_option(),
        *store_options(),
    ],
)
def migrate_command(**values: Any) -> int:
    r"""Bring the store's tables up to this program, in one transaction.

    A SQLite file migrates itself when it is opened, after a copy was made. PostgreSQL is only ever changed by this
    command, run as the role that owns the tables; it also makes the two roles and gives each exactly its rights.

    \b
    Examples:
      K8SOPS_DATABASE_URL=postgresql://owner@db/k8sops k8sops store migrate
      k8sops store migrate --sql --from 0001 > for-the-administrator.sql
    """
    from k8sops.cli.running import run_async

    return run_async(_migrate(take_config(values), values))


async def _migrate(config: Config, values: dict[str, Any]) -> int:
    from k8sops.cli.console import put, put_json
    from k8sops.core.errors import UsageError
    from k8sops.service.store_admin import migrate, role_names, sql_to_migrate

    roles = role_names(values["door_role"], values["carrier_role"])
    if values["sql"]:
        click.echo(sql_to_migrate(config, start=values["start"], roles=roles), nl=False)
        return 0
    if values["start"]:
        raise UsageError("--from goes with --sql", hint="without --sql the database itself says where it is")
    done = await migrate(config, roles=roles)
    if values["output"] == "json":
        put_json({"before": done.before, "after": done.after})
    elif done.before == done.after:
        put(f"the store is at revision {done.after} already")
    else:
        put(f"the store is at revision {done.after} now" + (f", from {done.before}" if done.before else ""))
    return 0


@store_group.command("merge", params=[output_option(), *store_options()])
def merge_command(**values: Any) -> int:
    r"""Bring what was done with --emergency into the shared store, now that it is back.

    The local audit trail is verified and kept whole in the shared store, each names the other's last record, and every
    run of the emergency comes with a review that stays open until somebody else has looked at it.

    \b
    Examples:
      k8sops store merge
    """
    from k8sops.cli.running import run_async

    return run_async(_merge(take_config(values), as_json=values["output"] == "json"))


async def _merge(config: Config, *, as_json: bool) -> int:
    from k8sops.cli.console import put, put_json, say
    from k8sops.core.documents import struct_document
    from k8sops.service.merging import merge_emergency

    merged = await merge_emergency(config)
    if as_json:
        put_json(struct_document(merged))
    else:
        put(f"merged {merged.runs} runs and {merged.records} audit records; each run has an open review")
        for told in merged.unsigned:
            say(f"not answered for: {told}")
        put(f"the local store is put aside: {merged.put_aside}")
    return 0


@store_group.command(
    "backup",
    params=[
        click.Argument(["file"], metavar="FILE", type=click.Path(path_type=Path)),
        *store_options(),
    ],
)
def backup_command(**values: Any) -> int:
    r"""Copy the store to a new file, while it is in use (SQLite); of PostgreSQL, say which command does it.

    \b
    Examples:
      k8sops store backup k8sops-2026-11-21.db
    """
    from k8sops.cli.running import run_async

    return run_async(_backup(take_config(values), values["file"]))


async def _backup(config: Config, file: Path) -> int:
    from k8sops.cli.console import put
    from k8sops.service.store_admin import backup

    await backup(config, file)
    put(str(file))
    return 0
