"""The options every command shares, and how they become a configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from k8sops.service.config import Config

F = TypeVar("F", bound=Callable[..., Any])

CONNECTION_FLAGS: Final = (
    "context",
    "kubeconfig",
    "namespace",
    "as_user",
    "as_group",
    "emergency",
    "read_only",
)


def connection_options() -> list[click.Option]:
    """Which cluster, which namespace, as whom."""
    return [
        click.Option(
            ["--context"], metavar="NAME", help="The kubeconfig context to use; pinned for the whole command."
        ),
        click.Option(
            ["--kubeconfig"],
            type=click.Path(),
            help="A kubeconfig file instead of KUBECONFIG.",
            metavar="FILE",
        ),
        click.Option(
            ["-n", "--namespace"], metavar="NAME", help="The namespace; the context's own if not given."
        ),
        click.Option(["--as", "as_user"], metavar="USER", help="Impersonate a user."),
        click.Option(["--as-group"], multiple=True, metavar="GROUP", help="Impersonate a group; repeatable."),
        click.Option(
            ["--emergency"],
            is_flag=True,
            help="The shared store is away: record in a local one, as break-glass, merged afterwards.",
        ),
    ]


def grace_option() -> click.Option:
    """`--grace`, of every command that carries runs until it is told to stop."""
    return click.Option(
        ["--grace"],
        type=click.IntRange(0, 3600),
        default=30,
        show_default=True,
        metavar="SECONDS",
        help="How long runs may take to end once told to stop; then they are handed over.",
    )


def health_options(port: int) -> list[click.Option]:
    """Where a process answers its supervisor, of every command that serves; `port` if none is given."""
    return [
        click.Option(
            ["--health-port"],
            type=click.IntRange(0, 65535),
            default=port,
            show_default=True,
            help="Where /healthz, /readyz and /metrics answer, on loopback; 0 takes any free port.",
        ),
        click.Option(["--no-health"], is_flag=True, help="No health server."),
    ]


def health_port_of(values: Mapping[str, Any]) -> int | None:
    """The port that was asked for by these options; None for no health server."""
    port: int = values["health_port"]
    return None if values["no_health"] else port


def read_only_option() -> click.Option:
    """`--read-only`, for the screen and for any command when it is given before it."""
    return click.Option(["--read-only"], is_flag=True, help="Refuse every change, whatever policy allows.")


def store_options() -> list[click.Option]:
    """Which store, for commands that need no cluster."""
    return [option for option in connection_options() if option.name == "emergency"]


def output_option(*formats: str) -> click.Option:
    """`-o`, with text as its default."""
    return click.Option(
        ["-o", "--output"],
        type=click.Choice(formats or ("text", "json")),
        default=(formats or ("text",))[0],
        show_default=True,
        help="How to print the result.",
    )


def with_connection(command: click.Command) -> click.Command:
    """Give a command the connection options."""
    command.params.extend(connection_options())
    return command


def take_config(values: dict[str, Any]) -> Config:
    """Pop the connection options from a command's values and build its configuration.

    An option given before the command (`k8sops --context X get …`) holds unless the command gives its own.
    """
    from k8sops.service.config import load_config

    context = click.get_current_context(silent=True)
    outer: dict[str, Any] = (context.obj or {}) if context else {}
    given = {flag: values.pop(flag, None) or outer.get(flag) for flag in CONNECTION_FLAGS}
    flags = {
        "context": given["context"],
        "kubeconfig": (Path(given["kubeconfig"]),) if given["kubeconfig"] else (),
        "namespace": given["namespace"],
        "as": given["as_user"],
        "as-group": tuple(given["as_group"] or ()),
        "emergency": bool(given["emergency"]),
        "read_only": bool(given["read_only"]),
    }
    return load_config(flags)
