"""What is said while a request waits: to those who are asked for approval, and to whoever asked for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Final

from k8sops.core.run import Run, RunId, RunState
from k8sops.core.text import counted
from k8sops.service.chat.asked import Asked
from k8sops_slack.blocks.building import Block, actions, button, confirm, section
from k8sops_slack.blocks.markup import Mrkdwn, escaped, joined, moment, written
from k8sops_slack.blocks.sending import Message, message
from k8sops_slack.cards import clicks
from k8sops_slack.cards.buttons import buttons
from k8sops_slack.cards.card import card, card_lines, sentence
from k8sops_slack.cards.room import Room
from k8sops_slack.cards.words import DOT, expiry, needs_line, subject
from k8sops_slack.files.plan import IN_THREAD, is_long
from k8sops_slack.thread.several import decided_line, entry, listed, to_card, to_look_at

NAMED = 5
_NOWHERE: Final[Mapping[RunId, str]] = MappingProxyType({})


def told_message(run: Run, room: Room, asked: Sequence[Asked], *, again: bool = False) -> Message:
    """Who was asked directly and when, to the requester alone, with a way to ask again and to withdraw."""
    lines = [written("Asked again just now.")] if again else []
    lines.append(asked_line(asked))
    needed = joined("\n", [*lines, needs_line(run, room)])
    return message(joined(" ", lines), [section(needed), *_ways(run, asked)])


def asked_below(run: Run, asked: Sequence[Asked]) -> list[Block]:
    """The same below a card, which says itself what is needed."""
    return [section(asked_line(asked)), *_ways(run, asked)]


def asked_line(asked: Sequence[Asked]) -> Mrkdwn:
    """`Asked directly: bob, carol (14:02); dora (15:02).` and who could not be."""
    reached = [one for one in asked if not one.trouble]
    if not reached:
        parts = [written("Nobody could be asked directly.")]
    else:
        waves = [_wave([*wave]) for _, wave in groupby(reached, key=lambda one: one.wave)]
        parts = [joined(" ", [written("Asked directly:"), Mrkdwn(f"{joined('; ', waves)}.")])]
    if missed := [one for one in asked if one.trouble]:
        parts.append(joined(" ", [written("Not reached:"), Mrkdwn(f"{_names(missed)}.")]))
    return joined(" ", parts)


def escalated_message(run: Run, asked: Sequence[Asked], wanted: Sequence[str]) -> Message:
    """To the requester, when three quarters of the time have passed: who is asked now, or that nobody is left.

    `wanted` are the groups that policy names for this; none: all the others.
    """
    about = escaped(subject(run), 160)
    if any(one.wave and not one.trouble for one in asked):
        said = [written("Nobody has decided yet, so others are asked as well:"), Mrkdwn(f"{about}.")]
    else:
        groups = joined(", ", (escaped(name, 60) for name in wanted[:NAMED]))
        whom = f"nobody of {groups}" if wanted else "nobody else"
        said = [
            written("Nobody has decided yet, and"),
            Mrkdwn(f"{whom} can be asked here:"),
            Mrkdwn(f"{about}."),
            joined(" ", [written("It expires"), Mrkdwn(f"{expiry(run)}.")]),
        ]
    text = joined(" ", said)
    look = button("Look", clicks.DETAILS, clicks.click_on(run).value)
    return message(text, [section(joined("\n", [text, asked_line(asked)]), accessory=look)])


def reminder(runs: Sequence[Run], room: Room, cards: Mapping[RunId, str] = _NOWHERE) -> Message:
    """To somebody who was asked and has not answered, of all that waits for them from one person.

    `cards` are the addresses of the runs' cards, where they have one.
    """
    who = room.person(runs[0].actor, runs[0].person)
    if len(runs) > 1:
        title = joined(" ", [written("⏰"), who, written(f"still waits for you: {len(runs)} approvals")])
        return listed(title, title, [to_look_at(run, room, cards.get(run.id, "")) for run in runs], room)
    (run,) = runs
    text = joined(" ", [written("⏰"), who, written("still waits for you:"), escaped(subject(run), 160)])
    look = button("Look", clicks.DETAILS, clicks.click_on(run).value)
    until = joined(" ", [written("expires"), expiry(run)])
    below = joined(DOT, [until, to_card(cards.get(run.id, ""))])
    return message(text, [section(joined("\n", [text, below]), accessory=look)])


def asks_message(runs: Sequence[Run], room: Room) -> Message:
    """What one person asks of one approver: a card as long as one run waits, else a list."""
    waiting = [run for run in runs if run.state is RunState.AWAITING_APPROVAL]
    decided = [run for run in reversed(runs) if run.state is not RunState.AWAITING_APPROVAL]
    if len(runs) == 1:
        return card(runs[0], room, filed=IN_THREAD if is_long(runs[0].plan) else "")
    who = room.person(runs[0].actor, runs[0].person)
    lines = [decided_line(run) for run in decided]
    if not waiting:
        title = joined(" ", [written("Nothing waits any more of what"), who, written("asked for")])
        return listed(title, title, [entry(run, room) for run in decided], room)
    below = [section(joined("\n", lines[: 2 * NAMED]))] if lines else []
    if len(waiting) == 1:
        (run,) = waiting
        shown = [section(joined("\n", card_lines(run, room))), *actions(buttons(run, room)), *below]
        return message(sentence(run, room), shown)
    title = joined(" ", [who, written(f"asks for {counted(len(waiting), 'approval')}:")])
    others = Mrkdwn(f"and {len(waiting) - 1} more")
    text = joined(" ", [title, escaped(subject(waiting[0]), 160), others])
    return listed(text, title, [entry(run, room) for run in waiting], room, last=below)


def one_more(run: Run, room: Room) -> Message:
    """A request that joined the message above, said aloud."""
    who = room.person(run.actor, run.person)
    text = joined(" ", [who, written("asks for one more:"), escaped(subject(run), 160)])
    look = button("Look", clicks.DETAILS, clicks.click_on(run).value)
    until = joined(" ", [written("expires"), expiry(run)])
    return message(text, [section(joined("\n", [text, until]), accessory=look)])


def _ways(run: Run, asked: Sequence[Asked]) -> list[Block]:
    value = clicks.click_on(run).value
    withdraw = confirm("Withdraw?", f"{subject(run)} is not asked for any more.", "Withdraw", "Keep it")
    reached = any(not one.trouble for one in asked)
    pressed = [
        *([button("Ask again", clicks.NUDGE, value)] if reached else []),
        button("Withdraw", clicks.CANCEL, value, confirm=withdraw),
    ]
    return actions(pressed)


def _wave(asked: Sequence[Asked]) -> Mrkdwn:
    return Mrkdwn(f"{_names(asked)} ({moment(min(one.at for one in asked))})")


def _names(asked: Sequence[Asked]) -> Mrkdwn:
    names = joined(", ", (escaped(one.person, 60) for one in asked[:NAMED]))
    return Mrkdwn(f"{names} and {len(asked) - NAMED} more" if len(asked) > NAMED else names)
