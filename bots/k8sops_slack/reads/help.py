"""Help: what there is to type, and all about one action. What somebody may not do anyway is told apart."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

import click

from k8sops.core.errors import UsageError
from k8sops.service.catalog import ActionSpec, all_actions, typed_action
from k8sops.service.command_line.away import command_away
from k8sops_slack.blocks.building import Block, actions, button, context, section
from k8sops_slack.blocks.limits import SECTION
from k8sops_slack.blocks.markup import Mrkdwn, bold, code, cut, escaped, fenced, joined, prose, written
from k8sops_slack.blocks.sending import Message, message
from k8sops_slack.typed.commands import OWN, did_you_mean

FORM = "form.open"
"""Opens the form of the action that is the button's value."""
_OPTIONS_SHOWN = 40


def help_message(command: str, refused: Collection[str] = ()) -> Message:
    """Everything there is to type; actions that are refused to whoever asks, by name, are told apart."""
    own = [joined(" ", [code(f"{command} {usage}"), escaped(told)]) for usage, told, _ in OWN.values()]
    may = [spec for spec in all_actions() if spec.name not in refused]
    lines = [joined(" ", [code(spec.typed), prose(spec.summary, 160)]) for spec in may]
    blocks = [*_sections("Look and decide", own), *_sections("Change, planned first", lines)]
    if refused:
        names = ", ".join(spec.typed for spec in all_actions() if spec.name in refused)
        blocks.append(context(escaped(f"Not for you here: {names}", 500)))
    blocks.append(
        context(written("Options are the command line's. In a thread, mention me in place of the command."))
    )
    return message(written(f"What there is to type: {command} help ACTION tells all about one."), blocks)


def help_on(topic: str, command: str) -> Message:
    """All about one action, or one of the chat's own words. Raises UsageError naming what was probably meant."""
    word = topic.split(" ", 1)[0]
    name, _ = typed_action(topic.split())
    found = next((spec for spec in all_actions() if spec.name == name), None)
    if found is None and word in OWN:
        usage, told, parameters = OWN[word]
        lines = [code(f"{command} {usage}"), escaped(told), *_options(parameters)]
        return message(escaped(told), [section(joined("\n", lines))])
    if found is None:
        raise UsageError(
            f"there is no command {topic!r}{did_you_mean(topic)}", hint=f"`{command} help` lists them"
        )
    return message(escaped(found.summary), _about(found, command))


def _about(spec: ActionSpec, command: str) -> list[Block]:
    head = joined("\n", [bold(code(f"{command} {spec.typed}")), prose(spec.summary), prose(spec.details)])
    examples = [one.replace("k8sops ", f"{command} ", 1) for one in spec.examples]
    options = cut(joined("\n", islice(_options(command_away(spec).params), _OPTIONS_SHOWN)), SECTION)
    blocks = [section(head), section(fenced(examples)), section(options)]
    return [*blocks, *actions([button("Fill in a form", FORM, spec.name)])]


def _options(parameters: Collection[click.Parameter]) -> list[Mrkdwn]:
    found = []
    for one in parameters:
        if isinstance(one, click.Option):
            takes = "" if one.is_flag or not one.metavar else f" {one.metavar}"
            found.append(joined(" ", [code(f"{', '.join(one.opts)}{takes}"), prose(one.help or "", 200)]))
    return found


def _sections(title: str, lines: list[Mrkdwn]) -> list[Block]:
    found, held = [], [bold(written(title))]
    for line in lines:
        if sum(map(len, held)) + len(held) + len(line) > SECTION - 100:
            found.append(section(joined("\n", held)))
            held = []
        held.append(line)
    return [*found, section(joined("\n", held))]
