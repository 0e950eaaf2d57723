"""An action as a command: flags from its Params, then plan, question, application.

One function serves every action; what differs stands in the action's declaration and its Params.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from k8sops.cli.settings import connection_options, output_option, take_config
from k8sops.core.params import EXPLICIT, METAVAR, POSITIONAL, SHORT, extra_of
from k8sops.service.catalog import ActionSpec, check_given, params_of, spec_named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from k8sops.service.config import Config

SHARED_FIELDS = frozenset({"namespace"})


def action_command(spec: ActionSpec) -> click.Command:
    """The command of an action."""
    fields = {
        name: field for name, field in params_of(spec.name).model_fields.items() if name not in SHARED_FIELDS
    }
    shared_given = SHARED_FIELDS & params_of(spec.name).model_fields.keys()

    def run(**values: Any) -> int:
        from k8sops.cli.apply_flow import Flow, apply_flow
        from k8sops.cli.running import run_async

        named = _explicit(spec, values)
        config = take_config(values)
        given = _given(fields, values) | named
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
        return run_async(apply_flow(config, flow))

    examples = "\n".join(f"  {example}" for example in spec.examples)
    return click.Command(
        spec.name,
        callback=run,
        params=[
            *(_parameter(name, field) for name, field in fields.items()),
            *_flow_options(),
            *connection_options(),
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
    return take_config(values), _given(params_of(name).model_fields, values) | named


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


def _parameter(name: str, field: FieldInfo) -> click.Parameter:
    extra = extra_of(field)
    kind = _plain_type(field.annotation)
    many = get_origin(kind) is tuple
    metavar = str(extra.get(METAVAR) or "") or None
    if extra.get(POSITIONAL):
        return click.Argument([name], nargs=-1 if many else 1, required=field.is_required(), metavar=metavar)
    flags = [f"--{name.replace('_', '-')}", name]
    if short := extra.get(SHORT):
        flags.insert(0, f"-{short}")
    if kind is bool:
        return click.Option(flags, is_flag=True, default=bool(field.default), help=field.description)
    choices = (
        click.Choice([str(choice) for choice in get_args(kind)]) if get_origin(kind) is Literal else None
    )
    shown = (
        ""
        if field.is_required() or field.default in ("", (), None)
        else f"  [default: {_default_shown(field)}]"
    )
    return click.Option(
        flags,
        type=choices or click.STRING,
        multiple=many,
        required=field.is_required(),
        metavar=metavar or (None if choices else _metavar_of(kind)),
        help=f"{field.description}{shown}",
    )


def _metavar_of(kind: Any) -> str:
    return {int: "N", float: "NUMBER"}.get(kind, "TEXT")


def _plain_type(annotation: Any) -> Any:
    """The type without `| None`."""
    if get_origin(annotation) in {Union, types.UnionType}:
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation


def _given(fields: Mapping[str, FieldInfo], values: Mapping[str, Any]) -> dict[str, Any]:
    """Only what was typed, so that defaults and validation stay in one place: the Params."""
    return {name: values[name] for name in fields if values.get(name) not in (None, ())}


def _explicit(spec: ActionSpec, values: Mapping[str, Any]) -> dict[str, Any]:
    """Of the connection's options those that the action takes as its own, where they were typed."""
    fields = params_of(spec.name).model_fields
    taken = [name for name in SHARED_FIELDS & fields.keys() if extra_of(fields[name]).get(EXPLICIT)]
    context = click.get_current_context(silent=True)
    outer: dict[str, Any] = (context.obj or {}) if context else {}
    return {name: typed for name in taken if (typed := values.get(name) or outer.get(name))}


def _default_shown(field: FieldInfo) -> str:
    unit = " s" if extra_of(field).get(METAVAR) == "DURATION" else ""
    return f"{field.default}{unit}"
