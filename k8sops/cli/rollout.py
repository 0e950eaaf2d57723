"""`k8sops rollout …`: the actions on rollouts under the words that kubectl's users type."""

from __future__ import annotations

from typing import Final

import click

from k8sops.cli.action_command import action_command
from k8sops.service.catalog import spec_named

ACTION_OF: Final = {
    "status": "rollout-status",
    "pause": "rollout-pause",
    "resume": "rollout-resume",
    "restart": "restart",
    "undo": "rollback",
}


class _RolloutGroup(click.Group):
    """Imports an action only when it is chosen."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(ACTION_OF)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in ACTION_OF:
            return None
        command = action_command(spec_named(ACTION_OF[cmd_name]))
        command.name = cmd_name
        return command


@click.command("rollout", cls=_RolloutGroup, short_help="Follow, pause, resume, restart and undo rollouts.")
def rollout_group() -> None:
    r"""Follow, pause, resume, restart and undo rollouts.

    \b
    Examples:
      k8sops rollout status deployment/web -n shop
      k8sops rollout pause deployment/web -n shop
      k8sops rollout undo deployment/web -n shop      (the same as `k8sops rollback`)
    """
