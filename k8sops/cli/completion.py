"""`k8sops completion SHELL`: print the script that completes commands, flags and kinds."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    r"""Print the shell's completion script.

    \b
    bash:  source <(k8sops completion bash)
    zsh:   source <(k8sops completion zsh)
    fish:  k8sops completion fish | source
    """
    from k8sops.cli.main import root

    completer = get_completion_class(shell)
    assert completer is not None  # noqa: S101 - click knows the three shells of the choice
    click.echo(completer(root, {}, "k8sops", "_K8SOPS_COMPLETE").source())
