"""`k8sops policy`: what the rules say, before it matters."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from k8sops.cli.settings import output_option, take_config

if TYPE_CHECKING:
    from k8sops.service.config import Config
    from k8sops.service.policy_desk import Answer

_FILE = click.Path(path_type=Path)


@click.group("policy", short_help="Try a policy out, and have it explained.")
def policy_group() -> None:
    r"""The policy: one file that says who may do what, and who has to agree.

    \b
    Examples:
      k8sops policy explain scale deployment/web --replicas 5 -n shop
      k8sops scale deployment/web --replicas 5 --plan -o json > plan.json
      k8sops policy test plan.json --actor alice --policy new-policy.yaml
    """


@policy_group.command(
    "test",
    params=[
        click.Argument(["plan"], metavar="PLAN.json", type=_FILE),
        click.Option(
            ["--actor"],
            required=True,
            metavar="NAME",
            help="A person of the policy, or a username on the plan's cluster.",
        ),
        click.Option(["--group"], multiple=True, metavar="GROUP", help="A group the credentials claim."),
        click.Option(["--policy"], metavar="FILE", type=_FILE, help="Another policy than the one in force."),
        click.Option(["--at"], default="", metavar="WHEN", help="As if it were then: 2026-12-24T20:00:00Z."),
        click.Option(
            ["--surface"],
            default="cli",
            show_default=True,
            type=click.Choice(["cli", "tui", "slack", "schedule", "worker"]),
            help="From where it is asked for.",
        ),
        click.Option(["--schedule"], default="", metavar="NAME", help="As if this schedule asked."),
        click.Option(["--emergency"], is_flag=True, help="As if the glass were broken."),
        output_option(),
    ],
)
def test_command(**values: Any) -> int:
    r"""What a policy says to a recorded plan, rule by rule.

    PLAN.json is what `k8sops ACTION … --plan -o json` prints, or a run as `runs show -o json` prints it; `-` is stdin.
    Exits as a run would: 0 where it may go on (confirmed or not), 3 denied, 4 needs approval, 5 blocked.

    \b
    Examples:
      k8sops policy test plan.json --actor alice
      k8sops policy test plan.json --actor alice --at 2026-12-24T20:00:00Z
      k8sops policy test plan.json --actor bob@example.org --policy new-policy.yaml -o json
    """
    from k8sops.core.clock import SystemClock
    from k8sops.service.policy_desk import Rehearsal, rehearse

    # Its --emergency is a supposition; the flag of the same name that chooses a store is not meant.
    emergency = bool(values.pop("emergency"))
    config = take_config(values)
    asked = Rehearsal(
        actor=values["actor"],
        groups=values["group"],
        surface=values["surface"],
        emergency=emergency,
        schedule=values["schedule"],
        at=values["at"],
        policy=values["policy"] or config.policy,
    )
    return _tell(rehearse(_read(values["plan"]), asked, SystemClock()), as_json=values["output"] == "json")


def _read(path: Path) -> bytes:
    from k8sops.core.errors import UsageError

    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


@policy_group.command(
    "explain",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    params=[
        output_option(),
        click.Argument(
            ["command"], metavar="ACTION [ARGUMENTS]...", nargs=-1, required=True, type=click.UNPROCESSED
        ),
    ],
)
def explain_command(**values: Any) -> int:
    r"""What the policy says to what I am about to do: planned on the cluster, and not proposed.

    ACTION and its arguments are those of the command itself; options of `explain` stand before it.
    Exits as a run would: 0 where it may go on (confirmed or not), 3 denied, 4 needs approval, 5 blocked.

    \b
    Examples:
      k8sops policy explain scale deployment/web --replicas 5 -n shop
      k8sops policy explain -o json -- cordon node-1 --context prod-eu
    """
    from k8sops.cli.action_command import given_at
    from k8sops.cli.running import run_async
    from k8sops.service.catalog import typed_action

    name, arguments = typed_action(values["command"])
    config, given = given_at(name, arguments)
    return run_async(_explain(config, name, given, as_json=values["output"] == "json"))


async def _explain(config: Config, name: str, given: dict[str, Any], *, as_json: bool) -> int:
    from k8sops.cli.identity_here import actor_at_terminal
    from k8sops.core.clock import SystemClock
    from k8sops.service import open_ops
    from k8sops.service.policies import policy_of
    from k8sops.service.policy_desk import explain

    async with open_ops(config) as ops:
        actor = await actor_at_terminal(ops)
        run = await ops.preview(name, given, actor)
    policy = policy_of(config)
    answer = explain(policy, run.plan, actor, SystemClock(), emergency=config.emergency, grant=run.grant)
    return _tell(answer, as_json=as_json)


def _tell(answer: Answer, *, as_json: bool) -> int:
    from k8sops.cli.console import put, put_json

    if as_json:
        put_json(answer.document)
    else:
        for line in answer.lines:
            put(line)
    return answer.exit_code


@policy_group.command(
    "check",
    params=[
        click.Argument(["file"], metavar="[FILE]", required=False, type=_FILE),
        output_option(),
    ],
)
def check_command(**values: Any) -> int:
    r"""Whether a policy file is valid: yes, or one sentence that says where it is wrong (exit 2).

    Without FILE the policy in force is checked. What is allowed and will not work as it seems to is told as well.

    \b
    Examples:
      k8sops policy check
      k8sops policy check new-policy.yaml
    """
    from k8sops.cli.console import put, put_json, say
    from k8sops.service.policy_desk import check_policy

    path = values["file"] or take_config(values).policy
    checked = check_policy(path)
    if values["output"] == "json":
        put_json({"valid": True, "version": checked.version, "warnings": list(checked.warnings)})
        return 0
    put(f"{path or 'the shipped policy'} is valid: {checked.sentence}")
    for warning in checked.warnings:
        say(f"warning: {warning}")
    return 0


@policy_group.command("schema")
def schema_command() -> int:
    r"""Print the JSON Schema of a policy file, for editors and reviewers.

    \b
    Examples:
      k8sops policy schema > policy.schema.json
    """
    from k8sops.service.policy_desk import schema_text

    click.echo(schema_text(), nl=False)
    return 0
