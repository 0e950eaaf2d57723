"""An action as a command: flags from its Params, then plan, question, application.

One function serves every action; what differs stands in the action's declaration and its Params.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from k8sops.cli.settings import connection_options, output_option, take_config
from k8sops.core.params import METAVAR, POSITIONAL, SHORT, extra_of
from k8sops.service.catalog import ActionSpec, params_of

if TYPE_CHECKING:
    from collections.abc import Mapping

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

        config = take_config(values)
        flow = Flow(
            action=spec.name,
            params=_given(fields, values),
            only_plan=values["plan"],
            yes=values["yes"],
            digest=values["digest"] or "",
            reason=values["reason"] or "",
            as_json=values["output"] == "json",
            namespaced=bool(shared_given),
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


def _flow_options() -> list[click.Parameter]:
    return [
        click.Option(["--plan"], is_flag=True, help="Show the plan and stop; nothing changes."),
        click.Option(["-y", "--yes"], is_flag=True, help="Apply without being asked."),
        click.Option(
            ["--digest"], metavar="HEX", help="Apply only the plan with this digest (12 or more digits)."
        ),
        click.Option(["--reason"], metavar="TEXT", help="Why; recorded with the run."),
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


def _default_shown(field: FieldInfo) -> str:
    unit = " s" if extra_of(field).get(METAVAR) == "DURATION" else ""
    return f"{field.default}{unit}"
