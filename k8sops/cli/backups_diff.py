"""`k8sops backups diff`: what differs between two backups, or between a backup and the cluster as it is now."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import click

from k8sops.cli.backup_options import backup_options, doubted, typed_namespace
from k8sops.cli.settings import take_config

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from k8sops.service.backup_live import Scope
    from k8sops.service.backup_views import ObjectChange
    from k8sops.service.config import Config

STYLES = {"added": "low", "removed": "blocker", "changed": "warning", "recreated": "warning"}
TOGETHER_FROM: Final = 10
NAMED: Final = 5
MARKS = {"added": "+", "removed": "-", "changed": "~", "recreated": "±", "unknown": "?"}


@click.command(
    "diff",
    params=backup_options(
        click.Argument(["before"], metavar="BACKUP"),
        click.Argument(["after"], required=False, metavar="[BACKUP]"),
        click.Option(["--live"], is_flag=True, help="Against the cluster as it is now."),
        click.Option(["--kind", "kinds"], multiple=True, metavar="KIND", help="Only this kind; repeatable."),
        click.Option(["--name"], default="", metavar="NAME", help="Only objects of this name."),
        click.Option(
            ["--noise"],
            is_flag=True,
            help="Status, too, and what kubectl keeps in annotations.",
        ),
        click.Option(["--any-cluster"], is_flag=True, help="With --live: also where it is another cluster."),
    ),
)
def diff_command(**values: Any) -> int:
    r"""What differs, object by object and field by field: between two backups, or from the cluster now.

    Of a Secret only which keys differ is shown. Exits 0 where nothing differs, 8 where something does, 1 where a part
    could not be compared.

    \b
    Examples:
      k8sops backups diff nightly@2026-11-20 latest
      k8sops backups diff latest --live -n shop
      k8sops backups diff @14:05 --live --kind deployments
    """
    from k8sops.cli.running import run_async
    from k8sops.core.errors import UsageError

    if bool(values["after"]) == values["live"]:
        raise UsageError("a backup is compared with another one or with --live", hint="name one of the two")
    namespace = typed_namespace(values)
    return run_async(_diff(take_config(values), values, namespace))


async def _diff(config: Config, values: dict[str, Any], namespace: str) -> int:
    from k8sops.cli.backup_progress import Seldom
    from k8sops.service.backup_desk import open_backups
    from k8sops.service.backup_live import Scope, changes_since
    from k8sops.service.backup_looking import diff

    scope = Scope(kinds=values["kinds"], namespace=namespace, name=values["name"], noise=values["noise"])
    unread: list[tuple[str, str]] = []
    line = Seldom()
    async with open_backups(config, values["repo"], doubted) as desk:
        before = await desk.one(values["before"], values["cluster"])
        try:
            if values["live"]:
                found, unread = await changes_since(
                    config,
                    desk,
                    before,
                    scope,
                    any_cluster=values["any_cluster"],
                    on_kind=lambda kind, done: line.show(f"{done:,} objects compared, {kind} now"),
                )
            else:
                after = await desk.one(values["after"], values["cluster"])
                found = [change async for change in diff(desk, before, after, scope)]
        finally:
            line.clear()
    return _told(found, unread, scope, as_json=values["output"] == "json")


def _told(
    found: Sequence[ObjectChange], unread: Sequence[tuple[str, str]], scope: Scope, *, as_json: bool
) -> int:
    from k8sops.cli.console import put, put_json, say
    from k8sops.core.documents import struct_document
    from k8sops.core.errors import ExitCode
    from k8sops.core.text import counted

    if as_json:
        put_json(
            {
                "objects": [struct_document(one) for one in found],
                "unread": [{"kind": kind, "why": why} for kind, why in unread],
            }
        )
    unselected = [one for one in found if one.change == "not_selected"]
    found = [one for one in found if one.change != "not_selected"]
    if not as_json:
        for text in change_lines(found):
            put(text)
        if found:
            counts = Counter(one.change for one in found)
            say(f"{counted(len(found), 'object')}: {', '.join(f'{n} {what}' for what, n in counts.items())}.")
        if not found and not unread:
            say("Nothing differs." if scope.noise else "Nothing differs; --noise compares status, too.")
        if unselected:
            many = counted(len(unselected), "object is", "objects are")
            say(
                f"{many} in one of them that the other does not select, so nothing is said of them; -o json lists all."
            )
    for kind, why in unread:
        say(f"error: {kind} could not be compared: {why}")
    if unread or any(one.change == "unknown" for one in found):
        return ExitCode.FAILED
    return ExitCode.DIFFERENT if found else ExitCode.DONE


def change_lines(found: Sequence[ObjectChange]) -> Iterator[str]:
    """Each object with its fields; many of a kind that came or went in one namespace are put together."""
    from k8sops.cli.console import paint
    from k8sops.core.text import printable

    groups: dict[tuple[str, str, str], list[ObjectChange]] = {}
    for one in found:
        groups.setdefault((one.kind, one.namespace, one.change), []).append(one)
    told: set[tuple[str, str, str]] = set()
    for one in found:
        key = one.kind, one.namespace, one.change
        group = groups[key]
        if len(group) < TOGETHER_FROM or any(other.fields for other in group):
            yield from _lines(one)
        elif key not in told:
            told.add(key)
            where = f"{one.namespace}/{one.kind}" if one.namespace else one.kind
            names = ", ".join(other.name for other in group[:NAMED])
            mark = paint(MARKS.get(one.change, "?"), STYLES.get(one.change, "note"), sys.stdout)
            text = f"{where}: {len(group)} {one.change}: {names} and {len(group) - NAMED} more; -o json lists all"
            yield f"{mark} {printable(text)}"


def _lines(one: ObjectChange) -> list[str]:
    from k8sops.cli.console import paint
    from k8sops.core.text import printable

    where = f"{one.namespace}/" if one.namespace else ""
    word = "not known: it lies in a gap of a backup" if one.change == "unknown" else one.change
    mark = paint(MARKS.get(one.change, "?"), STYLES.get(one.change, "note"), sys.stdout)
    head = f"{mark} {printable(f'{where}{one.kind}/{one.name}')}: {word}"
    return [head, *(f"    {printable(str(field))}" for field in one.fields)]
