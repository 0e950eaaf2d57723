"""What a line means: one of the chat's own words, or an action. Nothing is looked up, nothing is done.

Actions come from the registry, and are read as the command line reads them.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click
import msgspec

from k8sops.core.errors import UsageError
from k8sops.core.run import RunState
from k8sops.service.catalog import all_actions, typed_action
from k8sops.service.command_line.away import AwayCommand, parsed, read_away
from k8sops_slack.typed.normal import normalised
from k8sops_slack.typed.words import split_words


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One of the chat's own words, with what was typed for it; what was not, is empty."""

    word: str
    about: str = ""
    """The action, kind or run it is about."""
    name: str = ""
    cluster: str = ""
    namespace: str = ""
    every_namespace: bool = False
    selector: str = ""
    state: str = ""
    mine: bool = False
    reason: str = ""
    since: str = ""


Command = Asked | AwayCommand

_CLUSTER: Final = click.Option(["--cluster", "--on"], metavar="NAME", help="Which cluster.")
_RUN: Final = click.Argument(["about"], metavar="RUN", required=False)

OWN: Final[Mapping[str, tuple[str, str, tuple[click.Parameter, ...]]]] = {
    "help": (
        "help [ACTION]",
        "What there is to type, or all about one action.",
        (click.Argument(["about"], nargs=-1, metavar="[ACTION]"),),
    ),
    "status": ("status", "The cluster at a glance, trouble first.", (_CLUSTER,)),
    "get": (
        "get KIND [NAME]",
        "Objects of any kind, trouble first.",
        (
            click.Argument(["about"], metavar="KIND", required=False),
            click.Argument(["name"], metavar="[NAME]", required=False),
            click.Option(["-n", "--namespace"], metavar="NAME", help="Which namespace."),
            click.Option(["-A", "--all-namespaces", "every_namespace"], is_flag=True, help="All of them."),
            click.Option(["-l", "--selector"], metavar="SELECTOR", help="Only with these labels."),
            _CLUSTER,
        ),
    ),
    "timeline": (
        "timeline [KIND/NAME]",
        "What happened in the last hour, in order of time; --since SPAN.",
        (
            click.Argument(["about"], metavar="[KIND/NAME]", required=False),
            click.Option(["-n", "--namespace"], metavar="NAME", help="Which namespace."),
            click.Option(["-A", "--all-namespaces", "every_namespace"], is_flag=True, help="All of them."),
            click.Option(["--since"], metavar="SPAN", help="How far back: 30m, 2h."),
            _CLUSTER,
        ),
    ),
    "runs": (
        "runs",
        "The latest runs; --mine, --state STATE.",
        (
            click.Option(["--mine"], is_flag=True, help="Only mine."),
            click.Option(["--state"], type=click.Choice([str(one) for one in RunState]), help="Only such."),
            _CLUSTER,
        ),
    ),
    "run": ("run RUN", "One run: its card, with what can be done.", (_RUN,)),
    "approve": ("approve RUN", "Show the plan, and say yes to it.", (_RUN,)),
    "deny": (
        "deny RUN [WHY]",
        "Show the plan, and say no to it.",
        (
            _RUN,
            click.Argument(["why"], nargs=-1, metavar="[WHY]"),
            click.Option(["--reason"], metavar="TEXT", help="Why."),
        ),
    ),
    "schedules": ("schedules", "What runs on a timetable.", (_CLUSTER,)),
    "backups": ("backups", "The backups there are, newest first.", (_CLUSTER,)),
    "audit": (
        "audit [RUN]",
        "The latest records of the audit trail.",
        (_RUN, click.Option(["--mine"], is_flag=True, help="Only mine."), _CLUSTER),
    ),
    "whoami": ("whoami", "Who you are here, and as whom you act on the clusters.", (_CLUSTER,)),
}
"""The chat's own words: how each is typed, what it answers, and what it takes."""

_NEEDED: Final = {"get": "KIND", "run": "RUN", "approve": "RUN", "deny": "RUN"}
_PROGRAMS: Final = frozenset({"k8sops", "kubectl", "k8s"})
_SAME: Final[Mapping[tuple[str, ...], str]] = {
    ("rollout", "restart"): "restart",
    ("rollout", "undo"): "rollback",
    ("runs", "show"): "run",
    ("runs", "list"): "runs",
    ("schedules", "list"): "schedules",
    ("backups", "list"): "backups",
    ("audit", "list"): "audit",
}


def read_line(text: str, *, program: str) -> Command:
    """What a line asks for; nothing at all asks for help. `program` is what it is typed behind, as in `/k8s`.

    Raises UsageError, one sentence, with a hint.
    """
    words = _without_address(split_words(normalised(text)), program)
    if not words:
        return Asked(word="help")
    words[0] = words[0].lower()
    if same := _SAME.get(tuple(words[:2])):
        words = [same, *words[2:]]
    if {"--help", "-h"} & {*words[1:]}:
        return Asked(word="help", about=typed_action(words)[0])
    action, rest = typed_action(words)
    if words[0] in OWN and action == words[0]:
        return _own(words[0], words[1:], program)
    if any(spec.name == action for spec in all_actions()):
        return read_away(action, rest, program=program)
    raise UsageError(
        f"there is no command {words[0]!r}{did_you_mean(words[0])}", hint=f"`{program} help` lists them"
    )


def did_you_mean(word: str) -> str:
    """`; did you mean drain?`, or nothing."""
    known = [*OWN, *(spec.typed for spec in all_actions())]
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _without_address(words: list[str], program: str) -> list[str]:
    """The words behind the bot's own name, or the name of a program that people are used to."""
    if words and words[0].startswith("@"):
        words = words[1:]
    if words and words[0].lower().lstrip("/") in {*_PROGRAMS, program.lstrip("/")}:
        words = words[1:]
    return words


def _own(word: str, words: Sequence[str], program: str) -> Asked:
    usage, _, parameters = OWN[word]
    command = click.Command(word, params=[*parameters], add_help_option=False)
    hint = f"type `{program} {usage}`"
    values: dict[str, Any] = parsed(command, words, hint)
    about = values.pop("about", "")
    about = " ".join(about) if isinstance(about, tuple) else about
    if word in _NEEDED and not about:
        raise UsageError(f"{word} needs {_NEEDED[word]}", hint=hint)
    if why := " ".join(values.pop("why", ())):
        values.setdefault("reason", why)
    return Asked(word=word, about=about, **values)
