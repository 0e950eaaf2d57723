"""The options of `k8sops logs`, and what they ask for. Names are stern's and kubectl's where those have one."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import click

from k8sops.cli.settings import connection_options
from k8sops.core.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from k8sops.core.log_selection import ContainerPhase, LogSelection, LogSpan
    from k8sops.service.loglines.printing import LineStyle, Output

DEFAULT_TAIL: Final = 100
LEVELS: Final = ("trace", "debug", "info", "warn", "error", "fatal")
_STAMP: Final = re.compile(r"(?:--timestamps|-t)(?:=(.*))?", re.DOTALL)
_SWITCH: Final = re.compile(r"--(init-containers|ephemeral-containers)=(true|false)")


def _many(*names: str, **more: Any) -> click.Option:
    return click.Option(list(names), multiple=True, **more)


def option_groups() -> tuple[tuple[str, list[click.Option]], ...]:
    """The options under the headings that help shows them by."""
    return (("Whose logs", _whose()), ("Which part", _part()), ("Which lines", _lines()), ("How", _how()))


def _whose() -> list[click.Option]:
    return [
        _many("-n", "--namespace", metavar="NAME[,…]", help="Namespaces; the context's own if not given."),
        click.Option(["-A", "--all-namespaces"], is_flag=True, help="Every namespace."),
        click.Option(["-l", "--selector"], default="", metavar="LABELS", help="Pods by label."),
        click.Option(["--field-selector"], default="", metavar="FIELDS", help="Pods by field."),
        _many("--node", metavar="NAME[,…]", help="Pods on these nodes."),
        _many("--exclude-pod", metavar="REGEX", help="Not these pods."),
        click.Option(["-c", "--container"], default="", metavar="REGEX", help="Only these containers."),
        _many("-E", "--exclude-container", metavar="REGEX", help="Not these containers."),
        _many(
            "--container-state",
            metavar="STATE[,…]",
            help="Only containers that are running, waiting or terminated; or all, as without it.",
        ),
        click.Option(
            ["--init-containers/--no-init-containers"], default=True, help="Init containers as well, or not."
        ),
        click.Option(
            ["--ephemeral-containers/--no-ephemeral-containers"],
            default=True,
            help="Ephemeral (debug) containers as well, or not.",
        ),
    ]


def _part() -> list[click.Option]:
    return [
        click.Option(
            ["--tail"],
            type=int,
            metavar="LINES",
            help="So many lines at each log's end; -1 for all. 100 when following, all with --since or --no-follow.",
        ),
        click.Option(["--since"], default="", metavar="WHEN", help="From 5m, 2h or 2026-11-22T17:00:00Z on."),
        click.Option(["-f", "--follow/--no-follow"], default=True, help="Go on, or end with what there is."),
        click.Option(["-p", "--previous"], is_flag=True, help="The container before the last restart."),
    ]


def _lines() -> list[click.Option]:
    return [
        _many("-i", "--include", metavar="REGEX", help="Only lines that match; of several, any."),
        _many("-e", "--exclude", metavar="REGEX", help="No lines that match."),
        click.Option(
            ["--level"],
            type=click.Choice(LEVELS, case_sensitive=False),
            help="Only lines of this level or worse; stack traces have that of their first line.",
        ),
        click.Option(
            ["--fold"], is_flag=True, help="Count lines that differ in numbers only, for 10 s each."
        ),
        click.Option(["--redact"], is_flag=True, help="Take secrets out."),
    ]


def _how() -> list[click.Option]:
    return [
        click.Option(
            ["-o", "--output"],
            type=click.Choice(["default", "raw", "json", "extjson"]),
            default="default",
            show_default=True,
            help="default names pod and container, raw is the line alone, json one object for each line; "
            "extjson the same, with a JSON line as an object within.",
        ),
        click.Option(["--template"], default="", metavar="TEXT", help="Each line by a Jinja2 template."),
        click.Option(
            ["-T", "--template-file"], type=click.Path(), metavar="FILE", help="The same, in a file."
        ),
        click.Option(
            ["-t", "--timestamps"],
            type=click.Choice(["default", "short"]),
            metavar="[=default|short]",
            help="Each line's time, to the nanosecond or to the second.",
        ),
        click.Option(
            ["--timezone"],
            default="Local",
            show_default=True,
            metavar="ZONE",
            help="As in UTC, Europe/Berlin.",
        ),
        _many("-H", "--highlight", metavar="REGEX", help="Mark what matches."),
        click.Option(
            ["--json/--no-json", "readable"],
            default=None,
            help="Lay JSON lines out as level, message and key=value; so at a terminal, unless --no-json.",
        ),
        click.Option(
            ["--color"], type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True
        ),
        click.Option(
            ["--allow-escapes"], is_flag=True, help="With -o raw, let containers drive your terminal."
        ),
        click.Option(
            ["-q", "--quiet"], is_flag=True, help="Say nothing of streams that come, nor at the end."
        ),
    ]


def cluster_options() -> list[click.Option]:
    """The connection's, but for the namespace, of which there may be several here."""
    return [option for option in connection_options() if option.name != "namespace"]


def spelled_out(arguments: Sequence[str]) -> list[str]:
    """What click cannot say: `-t` with nothing or with `=short`, `--init-containers=false`; as stern takes them."""
    spelled: list[str] = []
    for number, argument in enumerate(arguments):
        if argument == "--":
            return [*spelled, *arguments[number:]]
        if found := _STAMP.fullmatch(argument):
            argument = f"--timestamps={found[1] or 'default'}"  # noqa: PLW2901
        elif found := _SWITCH.fullmatch(argument):
            argument = f"--{'' if found[2] == 'true' else 'no-'}{found[1]}"  # noqa: PLW2901
        spelled.append(argument)
    return spelled


def selection_of(asked: dict[str, Any], default_namespace: str) -> LogSelection:
    """Whose logs are asked for."""
    from k8sops.core.log_selection import LogSelection

    workloads, patterns = _queries(asked["query"])
    namespaces = listed(asked["namespaces"]) or (default_namespace,)
    return LogSelection(
        namespaces=() if asked["all_namespaces"] else namespaces,
        workloads=workloads,
        pods="|".join(f"(?:{one})" for one in patterns) if len(patterns) > 1 else "".join(patterns),
        exclude_pods=asked["exclude_pod"],
        labels=asked["selector"],
        fields=asked["field_selector"],
        nodes=listed(asked["node"]),
        containers=asked["container"],
        exclude_containers=asked["exclude_container"],
        init=asked["init_containers"],
        ephemeral=asked["ephemeral_containers"],
        phases=_phases(listed(asked["container_state"])),
    )


def check_selection(asked: dict[str, Any]) -> None:
    """Refuse what selects nothing or cannot be meant, before anything is connected. Raises UsageError."""
    from k8sops.service.loglines.patterns import AnyOf

    workloads, patterns = _queries(asked["query"])
    narrowing = ("selector", "field_selector", "node", "container")
    if not (workloads or patterns or any(asked[name] for name in narrowing)):
        raise UsageError(
            "nobody's logs are asked for",
            hint="name pods (`web`), a workload (`deployment/web`), labels (-l app=web), or all (`.`)",
        )
    if workloads and patterns:
        raise UsageError(
            f"{workloads[0]!r} is a name and {patterns[0]!r} a pattern of pods: they cannot be given together",
            hint="write pod/NAME for a pod's own name, or run a command for each",
        )
    _phases(listed(asked["container_state"]))
    for flag, given in (
        ("QUERY", patterns),
        ("--container", (asked["container"],) if asked["container"] else ()),
        ("--exclude-pod", asked["exclude_pod"]),
        ("--exclude-container", asked["exclude_container"]),
    ):
        if given:
            AnyOf(given, flag)


def span_of(asked: dict[str, Any], now: datetime) -> LogSpan:
    """Which part of each log."""
    from k8sops.core.log_selection import LogSpan

    follow = asked["follow"] and not asked["previous"]
    tail = asked["tail"]
    if tail is None:
        tail = DEFAULT_TAIL if follow and not asked["since"] else -1
    since_s, since_ns = _since(asked["since"], now)
    return LogSpan(
        tail=None if tail < 0 else tail,
        since_s=since_s,
        since_ns=since_ns,
        previous=asked["previous"],
        follow=follow,
    )


def style_of(asked: dict[str, Any], *, colour: bool, at_terminal: bool) -> LineStyle:
    """How lines are written. Raises UsageError where options contradict each other."""
    from k8sops.service.loglines.printing import LineStyle
    from k8sops.service.loglines.times import zone_named

    template = _template(asked)
    output: Output = "template" if template else asked["output"]
    if asked["fold"] and output != "default":
        raise UsageError("--fold is for reading: it leaves lines out", hint="leave out -o and --template")
    readable = asked["readable"]
    return LineStyle(
        output=output,
        colour=colour,
        readable=at_terminal if readable is None else readable,
        stamp=asked["timestamps"],
        zone=zone_named(asked["timezone"]),
        namespaces=asked["all_namespaces"] or len(listed(asked["namespaces"])) > 1,
        escapes=asked["allow_escapes"] or not at_terminal,
        highlight=(*asked["highlight"], *asked["include"]),
        template=template,
    )


def wants_colour(choice: str) -> bool:
    """Whether stdout gets colour."""
    from k8sops.cli.console import coloured

    return coloured(sys.stdout) if choice == "auto" else choice == "always"


def listed(given: Sequence[str]) -> tuple[str, ...]:
    """Values of an option that may be repeated, and may hold several with commas between."""
    return tuple(one for many in given for one in many.split(",") if one)


def _queries(given: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of workloads, and patterns of pods."""
    return tuple(one for one in given if "/" in one), tuple(one for one in given if one and "/" not in one)


def _since(text: str, now: datetime) -> tuple[int, int]:
    """A span in seconds, which the kubelet counts back by its own clock, or a moment in nanoseconds."""
    from k8sops.core.logs import SECOND_NS
    from k8sops.core.moments import parse_moment

    if not text:
        return 0, 0
    moment = parse_moment(text, now, "--since")
    if moment > now:
        raise UsageError(f"--since {text!r} is yet to come")
    if "-" in text:
        return 0, int(moment.timestamp()) * SECOND_NS
    return max(1, int((now - moment).total_seconds())), 0


def _phases(given: Sequence[str]) -> tuple[ContainerPhase, ...]:
    known = ("running", "waiting", "terminated", "all")
    for one in given:
        if one not in known:
            raise UsageError(f"--container-state {one!r} is none of {', '.join(known)}")
    return () if "all" in given else tuple(cast("ContainerPhase", one) for one in given)


def _template(asked: dict[str, Any]) -> str:
    path = asked["template_file"]
    if not path:
        return str(asked["template"])
    if asked["template"]:
        raise UsageError("--template and --template-file both give a template", hint="give one of the two")
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the template {path} cannot be read: {error}") from error
