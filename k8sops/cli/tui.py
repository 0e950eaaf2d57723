"""`k8sops tui`: open the live screen. The screen itself lives in `k8sops.tui`, imported only here."""

from __future__ import annotations

from typing import Any

import click

from k8sops.cli.settings import connection_options, read_only_option, take_config


@click.command(
    "tui",
    params=[
        click.Argument(["kind"], metavar="[KIND|SCREEN]", required=False, default="pods"),
        click.Option(["-A", "--all-namespaces"], is_flag=True, help="Every namespace."),
        *connection_options(),
        read_only_option(),
    ],
)
def tui_command(**values: Any) -> int:
    r"""Open the live screen on a kind, or on one of its own screens: runs, approvals, overview, schedules, …

    Pods of the context's namespace if nothing is said.

    \b
    Examples:
      k8sops tui
      k8sops tui deployments -n shop
      k8sops tui nodes
      k8sops tui approvals
    """
    import sys

    from k8sops.core.errors import UsageError
    from k8sops.core.tables import TableQuery
    from k8sops.service import open_ops
    from k8sops.service.config import data_folder
    from k8sops.service.contexts import ConfiguredContexts
    from k8sops.service.screen_memory import FileMemory
    from k8sops.tui import run_tui
    from k8sops.tui.opening import FirstTable
    from k8sops.tui.screen_names import SCREEN_NAMES

    kind, everywhere = values.pop("kind"), values.pop("all_namespaces")
    config = take_config(values)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the live screen needs a terminal", hint=f"`k8sops get {kind}` prints the same rows")
    screen, kind = (kind, "pods") if kind in SCREEN_NAMES else ("", kind)
    start = TableQuery(kind=kind, namespace="" if everywhere else config.namespace)
    memory = FileMemory(data_folder())
    first = FirstTable(start, memory, all_namespaces=everywhere)
    return run_tui(
        lambda: open_ops(config, first=first),
        start,
        all_namespaces=everywhere,
        contexts=ConfiguredContexts(config),
        choice=config.screen_choice(),
        memory=memory,
        first=first,
        screen=screen,
    )
