"""An action as a command: flags from its Params, then plan, question, application.

One function serves every action; what differs stands in the action's declaration and its Params. How words become
Params is `service.command_line`'s, which the chat reads by too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from k8sops.cli.settings import connection_options, output_option, take_config
from k8sops.core.params import AT_TERMINAL, extra_of
from k8sops.service.catalog import ActionSpec, check_given, params_of, spec_named
from k8sops.service.command_line.fields import (
    SHARED_FIELDS,
    explicit_of,
    given_of,
    namespace_option,
    own_fields,
    parameter_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from k8sops.service.config import Config


def action_command(spec: ActionSpec) -> click.Command:
    """The command of an action."""
    fields = own_fields(spec.name)
    shared_given = SHARED_FIELDS & params_of(spec.name).model_fields.keys()

    def run(**values: Any) -> int:
        from k8sops.cli.apply_flow import Flow, apply_flow
        from k8sops.cli.running import run_async

        named = _explicit(spec, values)
        config = take_config(values)
        given = given_of(fields, values) | named
        asked = [
            name for name, field in fields.items() if extra_of(field).get(AT_TERMINAL) and name not in given
        ]
        if not asked:
            check_given(spec.name, given)
        flow = Flow(
            action=spec.name,
            params=given,
            only_plan=values["plan"],
            yes=values["yes"],
            digest=values["digest"] or "",
            reason=values["reason"] or "",
            as_json=values["output"] == "json",
            namespaced=bool(shared_given),
            hold=values["hold"],
            detach=values["detach"],
            confirm=values["confirm"] or "",
            break_glass=_break_glass(values),
        )
        if asked:
            from k8sops.cli.editing import edit_flow

            return run_async(edit_flow(config, flow))
        return run_async(apply_flow(config, flow))

    examples = "\n".join(f"  {example}" for example in spec.examples)
    return click.Command(
        spec.name,
        callback=run,
        params=[
            *(parameter_of(name, field) for name, field in fields.items()),
            *_flow_options(),
            *(
                namespace_option(spec.name, option) if option.name == "namespace" else option
                for option in connection_options()
            ),
        ],
        help=f"{spec.summary}\n\n{spec.details}\n\n\b\nExamples:\n{examples}",
        short_help=spec.summary,
    )


def given_at(
    name: str, arguments: Sequence[str], *, only_params: bool = False
) -> tuple[Config, dict[str, Any]]:
    """What an action's command line says, without running it: configuration and Params as typed.

    With `only_params`, flags that are neither raise UsageError: they would say nothing.
    """
    spec = spec_named(name)
    context = action_command(spec).make_context(f"k8sops {name}", list(arguments))
    if only_params:
        _only_params(spec, context)
    values = dict(context.params)
    named = _explicit(spec, values)
    return take_config(values), given_of(params_of(name).model_fields, values) | named


def _only_params(spec: ActionSpec, context: click.Context) -> None:
    """Refuse flags that speak of one run, or of a cluster: what is given here is given for later."""
    from click.core import ParameterSource

    from k8sops.core.errors import UsageError

    for option in context.command.params:
        if option.name in {*params_of(spec.name).model_fields, "namespace"}:
            continue
        if context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE:
            raise UsageError(
                f"{option.opts[-1]} says nothing behind --: only what {spec.name} is to do goes there",
                hint=f"give {option.opts[-1]} before the --, if the command takes it",
            )


def _break_glass(values: Mapping[str, Any]) -> str:
    if not values["break_glass"]:
        return ""
    from k8sops.core.errors import UsageError

    if not (values["reason"] or "").strip():
        raise UsageError("--break-glass needs a reason", hint="add --reason TEXT")
    return str(values["reason"])


def _flow_options() -> list[click.Parameter]:
    return [
        click.Option(["--plan"], is_flag=True, help="Show the plan and stop; nothing changes."),
        click.Option(["-y", "--yes"], is_flag=True, help="Apply without being asked."),
        click.Option(
            ["--confirm"],
            metavar="CLUSTER",
            help="The cluster's name, where policy wants it typed; --yes does not stand for it.",
        ),
        click.Option(
            ["--digest"], metavar="HEX", help="Apply only the plan with this digest (12 or more digits)."
        ),
        click.Option(["--reason"], metavar="TEXT", help="Why; recorded with the run."),
        click.Option(
            ["--detach"], is_flag=True, help="Return at once; a worker in the background carries the run."
        ),
        click.Option(["--hold"], is_flag=True, help="Once approved, wait until I start it (`runs start`)."),
        click.Option(
            ["--break-glass"],
            is_flag=True,
            help="Go round approvals in an emergency: needs --reason, is told to everybody, and is reviewed.",
        ),
        output_option(),
    ]


def _explicit(spec: ActionSpec, values: Mapping[str, Any]) -> dict[str, Any]:
    """Of the connection's options those that the action takes as its own, where they were typed."""
    context = click.get_current_context(silent=True)
    return explicit_of(spec, values, (context.obj or {}) if context else {})
