"""`k8sops slack setup`: from no app at all to somebody who can use it, one step after the other.

Each step looks first: what is right already is said and left alone, so that whoever was interrupted runs it again.
Questions are asked outside of the event loop, where Ctrl-C ends them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from k8sops.cli.settings import connection_options, take_config

if TYPE_CHECKING:
    from k8sops.service.config import Config

_HERE: Final = ("context", "kubeconfig")
AGAIN: Final = "stopped; what was written stays, and the same command goes on from there"


@click.command(
    "setup",
    params=[
        click.Option(["--name"], default="k8sops", show_default=True, help="What the app is called."),
        click.Option(["--command"], default="", help="The slash command; else the configuration's, /k8s."),
        click.Option(
            ["--http", "url"],
            default="",
            metavar="URL",
            help="Over HTTP instead of Socket Mode: the address Slack calls, https://…",
        ),
        click.Option(
            ["--manifest"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Write the manifest there, too.",
        ),
        click.Option(
            ["--env-file"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Keep the tokens there, readable by you alone; what stands there is taken from there.",
        ),
        click.Option(["--user"], default="", metavar="ID|EMAIL", help="The first person, in Slack."),
        click.Option(["--person"], default="", metavar="NAME", help="What the policy calls them."),
        click.Option(["--group"], multiple=True, metavar="GROUP", help="A group of the policy; repeatable."),
        click.Option(["--cluster-user"], default="", metavar="USER", help="As whom the clusters see them."),
        click.Option(
            ["--cluster-group"], multiple=True, metavar="GROUP", help="And in which groups; repeatable."
        ),
        click.Option(
            ["--policy"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Where to begin a policy, if none is configured; else policy.yaml beside the configuration.",
        ),
        click.Option(["--yes"], is_flag=True, help="Write to policy and configuration without being asked."),
        *(one for one in connection_options() if one.name in _HERE),
    ],
)
def setup_command(**values: Any) -> int:
    r"""Set the bot up, step by step: the app, its tokens, the first person.

    Asks for what is missing and leaves what is right already; without a terminal everything comes from options, and the
    tokens from SLACK_BOT_TOKEN and SLACK_APP_TOKEN (over HTTP: SLACK_SIGNING_SECRET) or from --env-file. Tokens are
    tried at Slack, never shown, and kept only where you say. Policy and configuration are added to, never rewritten.
    Exits 0 where all is well, 1 where something is left to do.

    \b
    Examples:
      k8sops slack setup
      k8sops slack setup --env-file ~/.config/k8sops/slack.env
      k8sops slack setup --user U0456EFGH --person alice --cluster-user alice@example.org --yes
    """
    from k8sops.cli.console import say
    from k8sops.core.errors import ExitCode, UsageError

    config = take_config(values)
    try:
        return _go(config, values)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the bot needs {error.name}, which is not installed", hint="pip install 'k8sops[slack]'"
        ) from error
    except (KeyboardInterrupt, click.Abort):
        say()
        say(AGAIN)
        return ExitCode.INTERRUPTED


def _go(config: Config, values: dict[str, Any]) -> int:
    from k8sops.cli.slack_setup_person import Answers
    from k8sops.cli.slack_setup_steps import Files, go
    from k8sops.cli.slack_setup_tokens import App

    app = App(name=values["name"], command=values["command"] or config.slack.command, url=values["url"])
    answers = Answers(
        user=values["user"],
        person=values["person"],
        groups=values["group"],
        cluster_user=values["cluster_user"],
        cluster_groups=values["cluster_group"],
        policy=values["policy"],
        yes=values["yes"],
    )
    return go(config, app, answers, Files(manifest=values["manifest"], tokens=values["env_file"]))
