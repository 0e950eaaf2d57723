"""`k8sops timeline`: what happened, in order of time, read from the cluster as it is now or from a bundle.

stdout, or the file that is named, holds the timeline; stderr says how far the reading is and what is not in it.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from k8sops.cli.settings import take_config, with_connection

if TYPE_CHECKING:
    from datetime import tzinfo

    from k8sops.core.errors import ExitCode
    from k8sops.core.timeline import Timeline
    from k8sops.service.config import Config

FORMS: Final = ("text", "json", "html")
_SUFFIXES: Final = {".html": "html", ".htm": "html", ".json": "json", ".txt": "text"}


@click.command(
    "timeline",
    params=[
        click.Argument(["objects"], metavar="[KIND/NAME]...", nargs=-1),
        click.Option(["-A", "--all-namespaces"], is_flag=True, help="Every namespace, and all nodes."),
        click.Option(
            ["--since"], default="", metavar="SPAN", help="How far back: 30m, 2h, 7d.  [default: 1h]"
        ),
        click.Option(
            ["--from", "from_"], default="", metavar="WHEN", help="From then on: 2026-11-22T16:00:00Z."
        ),
        click.Option(["--until"], default="", metavar="WHEN", help="Up to then; now if not given."),
        click.Option(
            ["--logs/--no-logs"], default=True, show_default=True, help="Search logs for lines of errors."
        ),
        click.Option(
            ["--lines"],
            type=click.IntRange(1, 1_000_000),
            default=2_000,
            show_default=True,
            metavar="N",
            help="How many lines at the end of each container's log are searched.",
        ),
        click.Option(
            ["--only-trouble"], is_flag=True, help="Leave out what tells neither of trouble nor of a change."
        ),
        click.Option(
            ["--no-fold", "unfolded"], is_flag=True, help="A line for each pod, however many do alike."
        ),
        click.Option(
            ["--timezone"],
            default="UTC",
            show_default=True,
            metavar="ZONE",
            help="As in Local, Europe/Berlin.",
        ),
        click.Option(
            ["-o", "--output"], type=click.Choice(FORMS), help="text, or what the name after --to ends in."
        ),
        click.Option(
            ["--to"],
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="A new file, readable by its owner only; stdout if not given.",
        ),
        click.Option(
            ["--from-bundle"],
            metavar="BUNDLE",
            type=click.Path(path_type=Path),
            help="The timeline that `logs collect` put into a bundle, without a cluster.",
        ),
    ],
)
def timeline_command(**values: Any) -> int:
    r"""What happened, in order of time: the first page of a post-mortem.

    Events, new revisions and what they changed, containers that ended, replicas changed, nodes, our own runs with who
    asked and who agreed, and lines of errors from the logs. Naming objects narrows it to what they are made of and
    belong to. What may not be read is named below it; what should have been read and was not also makes the exit code
    1. Secrets are taken out of all texts.

    \b
    Examples:
      k8sops timeline -n shop
      k8sops timeline deployment/checkout -n shop --since 3h
      k8sops timeline -A --only-trouble
      k8sops timeline -n shop --from 2026-11-22T16:00:00Z --until 2026-11-22T17:30:00Z --to incident.html
      k8sops timeline --from-bundle logs-20261122.tar.zst -o html --to incident.html
    """
    from k8sops.cli.running import run_async

    config = take_config(values)
    return run_async(_timeline(config, values))


with_connection(timeline_command)


async def _timeline(config: Config, asked: dict[str, Any]) -> ExitCode:
    import asyncio

    from k8sops.service.loglines.times import zone_named
    from k8sops.service.timing.rendering import only_trouble

    zone = zone_named(asked["timezone"])
    if asked["from_bundle"] is not None:
        found = await asyncio.to_thread(_of_bundle, asked)
    else:
        found = await _of_cluster(config, asked)
    shown = only_trouble(found) if asked["only_trouble"] else found
    await asyncio.to_thread(_print, shown, asked, zone)
    return _told_what_is_missing(found, asked)


def _of_bundle(asked: dict[str, Any]) -> Timeline:
    from k8sops.core.errors import UsageError
    from k8sops.service.timing.rendering import bundled_timeline

    given = ("objects", "all_namespaces", "since", "from_", "until")
    for name in given:
        if asked[name]:
            flag = "KIND/NAME" if name == "objects" else f"--{name.rstrip('_').replace('_', '-')}"
            raise UsageError(
                f"a bundle has the window and the selection it was made with: {flag} says nothing"
            )
    return bundled_timeline(asked["from_bundle"])


async def _of_cluster(config: Config, asked: dict[str, Any]) -> Timeline:
    from k8sops.cli.console import ProgressLine
    from k8sops.core.clock import SystemClock
    from k8sops.service import open_ops
    from k8sops.service.timing.asking import timeline_wanted

    given = {name: asked[name] for name in ("since", "from_", "until", "logs", "lines")}
    async with open_ops(config) as ops:
        wanted = timeline_wanted(
            asked["objects"],
            ops.default_namespace,
            SystemClock().now(),
            every_namespace=asked["all_namespaces"],
            namespace_is_default=not config.namespace,
            **given,
        )
        line = ProgressLine()
        try:
            return await (await ops.reading()).timeline(wanted, line.show)
        finally:
            line.clear()


def _print(timeline: Timeline, asked: dict[str, Any], zone: tzinfo | None) -> None:
    from k8sops.service.audit_leaving import NewFile
    from k8sops.service.timing.rendering import timeline_html, timeline_json

    target: Path | None = asked["to"]
    form = asked["output"] or (_SUFFIXES.get(target.suffix, "text") if target else "text")
    if form == "text" and target is None:
        _print_text(timeline, asked, zone)
        return
    if form == "text":
        data = "".join(f"{line}\n" for line in _lines(timeline, asked, zone)).encode()
    else:
        data = timeline_json(timeline) if form == "json" else timeline_html(timeline, zone=zone)
    if target is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    with NewFile(target) as file:
        file.write(data)


def _print_text(timeline: Timeline, asked: dict[str, Any], zone: tzinfo | None) -> None:
    from k8sops.cli.console import paint, put

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for line in _lines(
        timeline, asked, zone, width=width, trouble=lambda head: paint(head, "blocker", sys.stdout)
    ):
        put(line)


def _lines(timeline: Timeline, asked: dict[str, Any], zone: tzinfo | None, **more: Any) -> Any:
    from k8sops.service.timing.rendering import timeline_lines

    return timeline_lines(timeline, zone=zone, folded=not asked["unfolded"], **more)


def _told_what_is_missing(timeline: Timeline, asked: dict[str, Any]) -> ExitCode:
    """Exit code 1 where a read failed just now; what may not be read, or a bundle lacks, is only said."""
    from k8sops.cli.console import say
    from k8sops.core.errors import ExitCode
    from k8sops.service.timing.rendering import unknown_lines

    if asked["to"] is not None or asked["output"] in {"json", "html"}:
        for line in unknown_lines(timeline.unknown):
            say(line)
    if asked["to"] is not None:
        say(f"{asked['to']} holds the timeline.")
    whole = asked["from_bundle"] is not None or all(one.expected for one in timeline.unknown)
    return ExitCode.DONE if whole else ExitCode.FAILED
