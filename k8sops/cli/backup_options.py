"""Options that the commands on backups share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from k8sops.cli.settings import connection_options, output_option


def backup_options(*more: click.Parameter, output: bool = True) -> list[click.Parameter]:
    """What a command takes besides its own: which repository, which cluster's backups, and the connection's."""
    return [
        *more,
        click.Option(
            ["--repo"],
            default="",
            metavar="NAME|URL",
            help="The repository; K8SOPS_REPOSITORY or the configuration's if not given.",
        ),
        click.Option(
            ["--cluster"],
            default="",
            metavar="NAME|UID",
            help="Whose backups; of the only cluster, or the present context's, if not given.",
        ),
        *([output_option()] if output else []),
        *connection_options(),
    ]


def typed_namespace(values: Mapping[str, Any]) -> str:
    """The namespace that was typed. A configured one says where to act, not what to look at."""
    outer = (click.get_current_context().obj or {}) if click.get_current_context(silent=True) else {}
    return str(values.get("namespace") or outer.get("namespace") or "")


def doubted(text: str) -> None:
    """Tell of a backup that is damaged or gone while another one is read."""
    from k8sops.cli.console import say
    from k8sops.core.text import printable

    say(
        f"warning: {printable(text)}; the others can be read, and `k8sops backups verify` says what else is wrong"
    )
