"""`k8sops slack`: the bot. Over Socket Mode it needs no address of its own; over HTTP Slack calls it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from k8sops.cli.settings import connection_options, grace_option, health_options, health_port_of, take_config
from k8sops.cli.slack_setup import setup_command

if TYPE_CHECKING:
    from k8sops.service.config import Config


@click.group(
    "slack",
    invoke_without_command=True,
    params=[
        click.Option(
            ["--http"],
            type=click.IntRange(0, 65535),
            metavar="PORT",
            help="Serve Slack's requests on this port of loopback, behind a proxy with TLS; 0 takes any free port.",
        ),
        click.Option(
            ["--no-worker"],
            is_flag=True,
            help="Carry no runs and fire no schedules here: a `k8sops worker` does.",
        ),
        *health_options(9478),
        grace_option(),
        *connection_options(),
    ],
)
@click.pass_context
def slack_group(context: click.Context, /, **values: Any) -> int | None:
    r"""Serve the desk in Slack: see, propose, approve and follow, as whom policy maps each user to.

    Tokens come from the environment: SLACK_BOT_TOKEN, and SLACK_APP_TOKEN for Socket Mode or SLACK_SIGNING_SECRET with
    --http. Any number may run side by side. Which clusters are served stands under `slack.contexts` in the
    configuration; who may what, in the policy.

    \b
    Examples:
      k8sops slack setup             everything there is to do once, step by step
      k8sops slack manifest          what Slack asks for when the app is made
      k8sops slack                   serve, over Socket Mode
      k8sops slack --http 8080       serve, over HTTP
    """
    if context.invoked_subcommand is not None:
        context.obj = values
        return None
    from k8sops.cli.console import say
    from k8sops.cli.running import run_async

    config = take_config(values)
    try:
        run_async(
            _serve(
                config,
                values["http"],
                health_port=health_port_of(values),
                worker=not values["no_worker"],
                grace_s=float(values["grace"]),
            )
        )
    except KeyboardInterrupt:
        say("stopped")
    return 0


@slack_group.command("manifest")
@click.option("--name", default="k8sops", show_default=True, help="What the app is called.")
@click.option("--command", default="", help="The slash command; else the configuration's, /k8s.")
@click.option("--url", default="", help="Over HTTP: the address Slack calls, https://…; else Socket Mode.")
def manifest_command(name: str, command: str, url: str) -> int:
    r"""Print the app's manifest: what it may do, what it hears, and its slash command.

    In Slack: Your apps, Create New App, From a manifest; then install it to the workspace. The bot token stands under
    OAuth & Permissions, an app token with `connections:write` is made under Basic Information.

    \b
    Example:
      k8sops slack manifest > manifest.json
    """
    from k8sops_slack.manifest import manifest_text

    command = command or take_config({}).slack.command
    click.echo(manifest_text(name=name, command=command, url=url), nl=False)
    return 0


slack_group.add_command(setup_command)


async def _serve(
    config: Config, port: int | None, *, health_port: int | None, worker: bool, grace_s: float
) -> None:
    from contextlib import AsyncExitStack

    from k8sops.cli.carrying import carry_until_stopped
    from k8sops.cli.console import say
    from k8sops.core.errors import UsageError
    from k8sops.service.chat.health import told_health
    from k8sops.service.chat.opening import open_chat

    try:
        from k8sops_slack.bot.contact import Contact
        from k8sops_slack.bot.serving import serving, tokens_from
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the bot needs {error.name}, which is not installed", hint="pip install 'k8sops[slack]'"
        ) from error
    tokens = tokens_from(os.environ, over_http=port is not None)
    contact = Contact()
    async with AsyncExitStack() as stack:
        chat = await stack.enter_async_context(open_chat(config))
        stopping = None
        if health_port is not None:
            told = told_health(config, contact.check, contact.families, health_port, say)
            stopping = (await stack.enter_async_context(told)).drain
        reached = await stack.enter_async_context(serving(chat, tokens, say, port=port, contact=contact))
        names = ", ".join(info.name for info in chat.desk.clusters)
        where = "Socket Mode" if reached == "socket" else reached
        say(f"listening over {where} for {chat.command}; clusters: {names}")
        for context, why in chat.desk.away.items():
            say(f"context {context} is tried again until it answers: {why}")
        await carry_until_stopped(chat.workers if worker else (), grace_s=grace_s, stopping=stopping)
