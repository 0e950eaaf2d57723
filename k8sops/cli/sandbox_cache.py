"""`k8sops sandbox cache`: the snapshots from which large sandboxes stand up quickly; only click is imported here."""

from __future__ import annotations

import click

from k8sops.cli.console import say
from k8sops.cli.sandbox_options import CONTEXT, output_option, print_json

_MIB = 1024 * 1024


@click.group("cache", context_settings=CONTEXT)
def cache_group() -> None:
    """Snapshots of large loads, kept so that the next sandbox of that size stands up sooner.

    They hold the load that `sandbox up --pods --objects` wrote and nothing of a sandbox: no key, token or identity.
    The least recently used go by themselves once all together exceed 2 GiB.
    """


@cache_group.command("list")
@output_option
def list_command(output: str) -> int:
    """List the snapshots, the most recently used first."""
    from datetime import UTC, datetime

    from k8sops.core.clock import rfc3339
    from k8sops.sandbox.manager import SandboxManager

    found = SandboxManager().snapshots.all()
    if output == "json":
        print_json(
            [
                {
                    "nodes": one.about.size.nodes,
                    "pods": one.about.size.pods,
                    "others": one.about.size.rest,
                    "bytes": one.bytes,
                    "used": rfc3339(datetime.fromtimestamp(one.used, UTC)),
                    "path": str(one.database),
                }
                for one in found
            ]
        )
        return 0
    if not found:
        say("there is no snapshot; `k8sops sandbox up --pods 10000 --nodes 500` keeps one")
        return 0
    click.echo(f"{'NODES':>6} {'PODS':>8} {'OTHERS':>8} {'SIZE':>9}  LAST USED")
    for one in found:
        used = rfc3339(datetime.fromtimestamp(one.used, UTC))
        size = one.about.size
        click.echo(f"{size.nodes:>6} {size.pods:>8} {size.rest:>8} {one.bytes // _MIB:>5} MiB  {used}")
    return 0


@cache_group.command("clear")
def clear_command() -> int:
    """Remove all snapshots; sandboxes that stand are not touched, and the built binaries stay."""
    from k8sops.sandbox.manager import SandboxManager

    count = SandboxManager().snapshots.clear()
    click.echo(f"{count} snapshot{'' if count == 1 else 's'} removed")
    return 0
