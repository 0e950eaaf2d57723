"""An action's command read where there is no terminal, as in a chat: never printing, never ending the process.

What only a terminal can mean is refused by name, and so is what names a file: it would be a file of whoever carries the
run, not of whoever types.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import click
import msgspec
from click.core import ParameterSource

from k8sops.core.errors import UsageError
from k8sops.core.plan import JsonObject
from k8sops.service.catalog import ActionSpec, check_given, params_of, spec_named
from k8sops.service.command_line.checking import out_of_reach, typable
from k8sops.service.command_line.fields import (
    SHARED_FIELDS,
    explicit_of,
    given_of,
    namespace_option,
    own_fields,
    parameter_of,
)

NOT_HERE: Final[Mapping[str, str]] = {
    "--as": "everybody acts here as who they are",
    "--as-group": "everybody acts here as who they are",
    "--break-glass": "approvals are gone round at the command line and at the screen only",
    "--confirm": "the cluster's name is asked for before it is applied",
    "--context": "contexts are a kubeconfig's; name a cluster with --cluster",
    "--detach": "a run goes on by itself here",
    "--digest": "the plan is shown first, and its buttons mean exactly that plan",
    "--emergency": "the store of an emergency is on somebody's own machine",
    "--kubeconfig": "clusters are configured where this runs; name one with --cluster",
    "--output": "this answers in words",
    "--yes": "the plan is shown first, and asks",
    "-o": "this answers in words",
    "-y": "the plan is shown first, and asks",
}
"""Options of the command line that mean nothing away from it, and why."""

_TYPED: Final = ParameterSource.COMMANDLINE


class AwayCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed; of the Params only what was."""

    action: str
    params: JsonObject = {}
    cluster: str = ""
    namespace: str = ""
    reason: str = ""
    only_plan: bool = False
    hold: bool = False

    @property
    def bare(self) -> bool:
        """Whether nothing says what to do it to, or how."""
        return not self.params.keys() - SHARED_FIELDS


def read_away(action: str, words: Sequence[str], *, program: str) -> AwayCommand:
    """What the words behind an action's name say. Raises UsageError, one sentence; its hint begins with `program`.

    A command without Params is not judged: whoever asked may be shown a form.
    """
    spec = spec_named(action)
    check_possible(action)
    hint = f"`{program} help {spec.typed}` shows how"
    command = command_away(spec)
    values = parsed(command, words, hint)
    fields = params_of(action).model_fields
    given = given_of(own_fields(action), values) | explicit_of(spec, values)
    if "namespace" in fields and values.get("namespace"):
        given["namespace"] = values["namespace"]
    for name, why in out_of_reach(fields, given).items():
        raise UsageError(f"{spec.typed}: {name.replace('_', '-')} {why}", hint=hint)
    read = AwayCommand(
        action=action,
        params=given,
        cluster=values.get("_cluster", ""),
        namespace=values.get("namespace", ""),
        reason=values.get("reason", ""),
        only_plan="plan" in values,
        hold="hold" in values,
    )
    if not read.bare:
        for name, info in fields.items():
            if info.is_required() and name not in given:
                raise UsageError(f"{spec.typed} needs {_name_of(command, name)}", hint=hint)
        try:
            check_given(action, given)
        except UsageError as error:
            raise UsageError(error.message, hint=hint) from error
    return read


def check_possible(action: str) -> None:
    """Refuse an action that cannot do without a file. Raises UsageError."""
    fields = params_of(action).model_fields
    lacking = [name for name in fields if fields[name].is_required() and name not in typable(action)]
    if lacking:
        spec = spec_named(action)
        raise UsageError(
            f"{spec.typed} reads a file, and there is none here",
            hint=f"use the command line: `k8sops {spec.typed}`",
        )


def command_away(spec: ActionSpec) -> click.Command:
    """The action's command as it is read away from a terminal; it does nothing."""
    own = own_fields(spec.name)
    cluster = ["--on"] if "cluster" in own else ["--cluster", "--on"]
    command = click.Command(
        spec.typed,
        params=[
            *(parameter_of(name, field) for name, field in own.items()),
            click.Option([*cluster, "_cluster"], metavar="NAME", help="Which cluster."),
            namespace_option(
                spec.name, click.Option(["-n", "--namespace"], metavar="NAME", help="Which namespace.")
            ),
            click.Option(["--reason"], metavar="TEXT", help="Why; recorded with the run."),
            click.Option(["--plan"], is_flag=True, help="Show the plan only; nothing can be applied."),
            click.Option(["--hold"], is_flag=True, help="Once approved, wait until I start it."),
        ],
        add_help_option=False,
    )
    for parameter in command.params:
        parameter.required = False
    return command


def parsed(command: click.Command, words: Sequence[str], hint: str) -> dict[str, Any]:
    """The values that were typed, by the names of their parameters. Raises UsageError, one sentence."""
    name, flags = command.name, _flags(command)
    for option in _options_in(words):
        if option in NOT_HERE and option not in flags:
            raise UsageError(f"{option} is not for here: {NOT_HERE[option]}", hint=hint)
    try:
        with command.make_context(name, list(words)) as context:
            source = context.get_parameter_source
            return {key: one for key, one in context.params.items() if source(key) is _TYPED}
    except click.NoSuchOption as error:
        raise UsageError(
            f"{name} has no option {error.option_name}{_near(error, flags)}", hint=hint
        ) from error
    except click.ClickException as error:
        # Click breaks choices into lines, and begins and ends as sentences on a terminal do.
        said = " ".join(error.format_message().split()).rstrip(".")
        raise UsageError(f"{name}: {said[:1].lower()}{said[1:]}", hint=hint) from error


def _near(error: click.NoSuchOption, flags: Sequence[str]) -> str:
    begun = [flag for flag in flags if flag.startswith(error.option_name) and len(error.option_name) > 3]
    near = begun or difflib.get_close_matches(error.option_name, flags, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _options_in(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        if word == "--":
            return
        if word.startswith("-"):
            yield word.partition("=")[0]


def _flags(command: click.Command) -> list[str]:
    return [flag for one in command.params if isinstance(one, click.Option) for flag in one.opts]


def _name_of(command: click.Command, field: str) -> str:
    found = next(one for one in command.params if one.name == field)
    if isinstance(found, click.Option):
        return found.opts[-1]
    return str(found.metavar or field.upper())
