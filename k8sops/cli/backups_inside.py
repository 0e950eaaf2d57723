"""`k8sops backups browse`, `find`, `cat` and `export`: what is inside backups."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from k8sops.cli.backup_options import backup_options, doubted, typed_namespace
from k8sops.cli.settings import take_config

if TYPE_CHECKING:
    from k8sops.service.config import Config

_BACKUP = click.Argument(["backup"], required=False, metavar="[BACKUP]")


@click.command(
    "browse",
    params=backup_options(
        _BACKUP,
        click.Argument(["kinds"], nargs=-1, metavar="[KIND]..."),
        click.Option(["--name"], default="", metavar="NAME", help="Only objects of this name."),
    ),
)
def browse_command(**values: Any) -> int:
    r"""The objects in a backup, by name; of some kinds or one namespace (-n) where that is said.

    \b
    Examples:
      k8sops backups browse latest
      k8sops backups browse nightly deployments cm -n shop
    """
    from k8sops.cli.running import run_async

    namespace = typed_namespace(values)
    return run_async(_browse(take_config(values), values, namespace))


async def _browse(config: Config, values: dict[str, Any], namespace: str) -> int:
    from k8sops.cli.columns_text import aligned
    from k8sops.cli.console import put, put_json, say
    from k8sops.core.documents import struct_document
    from k8sops.service.backup_desk import open_backups
    from k8sops.service.backup_inside import browse

    async with open_backups(config, values["repo"], doubted) as desk:
        chosen = await desk.one(values["backup"] or "latest", values["cluster"])
        found = await browse(desk, chosen, kinds=values["kinds"], namespace=namespace, name=values["name"])
    if values["output"] == "json":
        put_json({"backup": struct_document(chosen.view), "objects": [struct_document(one) for one in found]})
        return 0
    if not found:
        say("The backup has no such object.")
        return 0
    rows = [("NAMESPACE", "KIND", "NAME"), *((one.namespace or "-", one.kind, one.name) for one in found)]
    for line in aligned(rows):
        put(line)
    return 0


@click.command(
    "cat",
    params=backup_options(
        click.Argument(["object"], metavar="KIND/NAME[@BACKUP]"),
        click.Option(["--reveal"], is_flag=True, help="Show a Secret's values, too; that goes on record."),
    ),
)
def cat_command(**values: Any) -> int:
    r"""Print an object as it was in a backup, the latest if none is named; as YAML, or with -o json.

    \b
    Examples:
      k8sops backups cat deployment/web -n shop
      k8sops backups cat configmap/settings@nightly@2026-11-20 -n shop
      k8sops backups cat secret/db@14:05 -n shop --reveal
    """
    from k8sops.cli.running import run_async

    namespace = typed_namespace(values)
    return run_async(_cat(take_config(values), values, namespace))


async def _cat(config: Config, values: dict[str, Any], namespace: str) -> int:
    from k8sops.cli.console import put_json
    from k8sops.service.backup_desk import open_backups
    from k8sops.service.backup_inside import cat, split_object

    kind, name, backup = split_object(values["object"])
    async with open_backups(config, values["repo"], doubted) as desk:
        chosen = await desk.one(backup, values["cluster"])
        found = await cat(desk, chosen, kind, name, namespace, reveal=values["reveal"])
    if values["output"] == "json":
        put_json(found)
        return 0
    import yaml

    click.echo(yaml.safe_dump(found, sort_keys=False, allow_unicode=False), nl=False)
    return 0


@click.command(
    "find",
    params=backup_options(
        click.Argument(["object"], metavar="[KIND/]NAME"),
    ),
)
def find_command(**values: Any) -> int:
    r"""An object across all backups of a cluster: when it came, changed, went, and was made again.

    Who changed it stands in the audit trail where it was done with k8sops; `backups diff` shows what.

    \b
    Examples:
      k8sops backups find settings
      k8sops backups find configmap/settings -n shop
    """
    from k8sops.cli.running import run_async

    namespace = typed_namespace(values)
    return run_async(_find(take_config(values), values, namespace))


async def _find(config: Config, values: dict[str, Any], namespace: str) -> int:
    from k8sops.cli.backup_progress import Seldom
    from k8sops.cli.backup_text import found_lines
    from k8sops.cli.console import put, put_json, say
    from k8sops.core.documents import struct_document
    from k8sops.core.errors import ExitCode
    from k8sops.service.backup_desk import open_backups
    from k8sops.service.backup_live import Scope
    from k8sops.service.backup_looking import find

    kind, _, name = values["object"].rpartition("/")
    line = Seldom()
    async with open_backups(config, values["repo"], doubted) as desk:
        try:
            found = await find(
                desk,
                Scope(kinds=(kind,) if kind else (), namespace=namespace, name=name),
                cluster=values["cluster"],
                on_progress=lambda done, total: line.show(f"looked into {done} of {total} backups"),
            )
        finally:
            line.clear()
    if values["output"] == "json":
        put_json(struct_document(found))
    else:
        for text in found_lines(found):
            put(text)
    if not found.objects:
        say(f"None of {found.backups} backups has {values['object']}.")
    for one in found.unreadable:
        say(f"error: number {one.seq} cannot be read: {one.why}")
    return ExitCode.FAILED if found.unreadable or not found.objects else ExitCode.DONE


@click.command(
    "export",
    params=backup_options(
        _BACKUP,
        click.Option(
            ["--to", "folder"],
            required=True,
            type=click.Path(path_type=Path),
            metavar="FOLDER",
            help="A folder that is new or empty; files in it are for their owner only.",
        ),
        click.Option(["--kind", "kinds"], multiple=True, metavar="KIND", help="Only this kind; repeatable."),
        click.Option(["--include-secrets"], is_flag=True, help="Secrets, too: they lie in the clear then."),
        click.Option(
            ["--all", "everything"],
            is_flag=True,
            help="Also what controllers make of the rest, as ReplicaSets.",
        ),
    ),
)
def export_command(**values: Any) -> int:
    r"""Write a backup out as plain YAML, which kubectl can apply to any cluster; goes on record.

    Secrets are left out unless asked for, and so is what controllers make of the rest: ReplicaSets and pods of
    Deployments, Jobs of CronJobs, endpoints. What a server assigned, status and owners are left out always. Apply it
    with `kubectl apply --server-side -R -f FOLDER`; where something has to wait for another (custom resources for
    their definitions, pods for their accounts), the same once more.

    \b
    Examples:
      k8sops backups export latest --to shop-yaml -n shop
      k8sops backups export nightly@2026-11-20 --to all --include-secrets
    """
    from k8sops.cli.running import run_async

    namespace = typed_namespace(values)
    return run_async(_export(take_config(values), values, namespace))


async def _export(config: Config, values: dict[str, Any], namespace: str) -> int:
    from k8sops.cli.backup_progress import Seldom
    from k8sops.cli.console import put, put_json, say
    from k8sops.core.documents import struct_document
    from k8sops.core.sizes import size_text
    from k8sops.core.text import counted
    from k8sops.service.backup_desk import open_backups
    from k8sops.service.backup_live import Scope
    from k8sops.service.backup_looking import export

    line = Seldom()
    async with open_backups(config, values["repo"], doubted) as desk:
        chosen = await desk.one(values["backup"] or "latest", values["cluster"])
        try:
            done = await export(
                desk,
                chosen,
                values["folder"],
                Scope(kinds=values["kinds"], namespace=namespace),
                secrets=values["include_secrets"],
                everything=values["everything"],
                on_progress=lambda written, total: line.show(f"{written:,} of {total:,} objects written"),
            )
        finally:
            line.clear()
    if values["output"] == "json":
        put_json({"folder": str(values["folder"]), **struct_document(done)})
    else:
        put(f"{counted(done.objects, 'object')} ({size_text(done.bytes)}) written to {values['folder']}")
    if done.left_out:
        say(
            f"{counted(done.left_out, 'object')} left to the controllers that make them; --all writes them, too."
        )
    if done.secrets_left_out:
        say(
            f"{counted(done.secrets_left_out, 'Secret')} left out; --include-secrets writes them, in the clear."
        )
    return 0
