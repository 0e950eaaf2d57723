"""`k8sops bundles`: the log bundles in a repository. `remove` is an action, and is planned first like any other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from k8sops.cli.settings import connection_options, output_option, take_config
from k8sops.service.catalog import all_actions

if TYPE_CHECKING:
    from k8sops.service.config import Config

GROUP: Final = "bundles "
ID_SHOWN: Final = 10


class _BundlesGroup(click.Group):
    """`list` and `get`, and the actions that are typed behind `bundles`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_actions()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for spec in all_actions():
            if spec.command == GROUP + cmd_name:
                from k8sops.cli.action_command import action_command

                found = action_command(spec)
                found.name = cmd_name
                return found
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, self.commands[name].get_short_help_str(80)) for name in super().list_commands(ctx)]
        with formatter.section("Look"):
            formatter.write_dl(rows)
        with formatter.section("Change (planned first, then applied)"):
            formatter.write_dl(list(_actions().items()))


def _actions() -> dict[str, str]:
    return {
        spec.command.removeprefix(GROUP): spec.summary
        for spec in all_actions()
        if spec.command.startswith(GROUP)
    }


@click.group("bundles", cls=_BundlesGroup, short_help="The log bundles in a repository.")
def bundles_group() -> None:
    r"""Log bundles that were kept in a repository: which there are, and one of them as a file again.

    `k8sops logs collect --to repository` keeps one there, encrypted as backups are. The repository is --repo, else
    K8SOPS_REPOSITORY, else the configuration's; no cluster is needed. BUNDLE is an id or its beginning, or `latest`.

    \b
    Examples:
      k8sops bundles list
      k8sops bundles get 01KAJ4 --to /tmp/incident.tar.zst
      k8sops bundles remove --older-than 720h --plan
    """


def _options(*more: click.Parameter) -> list[click.Parameter]:
    repo = click.Option(
        ["--repo"],
        default="",
        metavar="NAME|URL",
        help="The repository; K8SOPS_REPOSITORY or the configuration's if not given.",
    )
    return [*more, repo, output_option(), *connection_options()]


@bundles_group.command(
    "list",
    params=_options(
        click.Option(
            ["--cluster"], default="", metavar="NAME|UID", help="Only of this cluster; of all if not given."
        )
    ),
    short_help="All bundles, newest first.",
)
def list_command(**values: Any) -> int:
    r"""All bundles, newest first: when they were made, what they cover, how large they are, for whom.

    \b
    Examples:
      k8sops bundles list
      k8sops bundles list --cluster prod-eu -o json
    """
    from k8sops.cli.running import run_async

    return run_async(_list(take_config(values), values))


async def _list(config: Config, values: dict[str, Any]) -> int:
    from k8sops.cli.columns_text import aligned
    from k8sops.cli.console import put, put_json, say
    from k8sops.core.documents import struct_document
    from k8sops.core.errors import ExitCode
    from k8sops.core.sizes import size_text
    from k8sops.service.bundle_desk import open_bundle_desk

    async with open_bundle_desk(config, values["repo"]) as desk:
        found, missing = await desk.listed(values["cluster"])
        location = desk.opened.location
    if values["output"] == "json":
        put_json(
            {
                "repository": {"location": location, "id": desk.opened.vault.id},
                "bundles": [struct_document(one) for one in found],
                "unreadable": [struct_document(one) for one in missing],
            }
        )
    elif found:
        rows = [("ID", "MADE", "FROM", "UNTIL", "SIZE", "REDACTED", "CLUSTER", "FOR", "NAME")]
        rows += [
            (
                one.id[:ID_SHOWN],
                f"{one.made_at:%Y-%m-%d %H:%M:%S}",
                f"{one.since:%Y-%m-%d %H:%M}",
                f"{one.until:%Y-%m-%d %H:%M}",
                size_text(one.bytes),
                "yes" if one.redacted else "NO",
                one.cluster_name or one.cluster[:8],
                one.requested_by,
                one.name,
            )
            for one in found
        ]
        for line in aligned(rows):
            put(line)
    elif not missing:
        say(f"There is no bundle in {location}; `k8sops logs collect --to repository` keeps one there.")
    for lost in missing:
        say(f"error: bundle {lost.id} of cluster {lost.cluster} cannot be read: {lost.why}")
    return ExitCode.FAILED if missing else ExitCode.DONE


@bundles_group.command(
    "get",
    params=_options(
        click.Argument(["bundle"], metavar="BUNDLE"),
        click.Option(
            ["--to", "to"],
            default=None,
            metavar="FILE|FOLDER/",
            help="A file that is not there yet, for you alone.  [default: the bundle's name, here]",
        ),
    ),
    short_help="Bring a bundle out of the repository; goes on record.",
)
def get_command(**values: Any) -> int:
    r"""Bring a bundle out of the repository as the archive it was made as; goes on record.

    Every part is held against its digest, and the file only has its name once all of it is right.

    \b
    Examples:
      k8sops bundles get latest
      k8sops bundles get 01KAJ4 --to /tmp/incident.tar.zst
    """
    from k8sops.cli.running import run_async

    return run_async(_get(take_config(values), values))


async def _get(config: Config, values: dict[str, Any]) -> int:
    from k8sops.cli.backup_progress import Seldom
    from k8sops.cli.console import put, put_json
    from k8sops.core.documents import struct_document
    from k8sops.core.sizes import size_text
    from k8sops.service.audit_trail import os_actor
    from k8sops.service.bundle_desk import open_bundle_desk

    line = Seldom()
    async with open_bundle_desk(config, values["repo"]) as desk:
        chosen = await desk.one(values["bundle"])
        to = _place(values["to"], chosen.file_name)
        try:
            await desk.bring(
                chosen,
                to,
                os_actor(),
                lambda done, total: line.show(f"{size_text(done)} of {size_text(total)} brought"),
            )
        finally:
            line.clear()
    if values["output"] == "json":
        put_json({"file": str(to), **struct_document(chosen.view)})
    else:
        put(f"{to} ({size_text(chosen.view.bytes)}, sha256 {chosen.view.sha256})")
    return 0


def _place(typed: str | None, name: str) -> Path:
    """The file that is meant; a folder, there already or by its slash, takes the bundle under its own name."""
    place = Path(typed or "./").absolute()
    if place.is_dir() or (typed or "").endswith("/"):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        return place / name
    return place
