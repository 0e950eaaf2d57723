"""What its requester is told of a request: who was asked, and what can be done while nobody answers."""

from __future__ import annotations

from collections.abc import Sequence

from k8sops.core.run import Run
from k8sops.core.text import counted
from k8sops_slack.blocks.building import actions, button, confirm, section
from k8sops_slack.blocks.markup import Mrkdwn, bold, escaped, joined, written
from k8sops_slack.blocks.sending import Message, message
from k8sops_slack.cards import clicks
from k8sops_slack.cards.room import Room
from k8sops_slack.cards.words import DOT, expiry, needs_line, subject

NAMED = 5


def told_message(run: Run, room: Room) -> Message:
    """Who was asked directly, to the requester alone, with a way to ask again and to withdraw."""
    names = joined(", ", (escaped(name, 60) for name in room.told[:NAMED]))
    more = f" and {len(room.told) - NAMED} more" if len(room.told) > NAMED else ""
    asked = (
        Mrkdwn(f"Asked directly: {names}{more}.") if room.told else written("Nobody could be asked directly.")
    )
    value = clicks.click_on(run).value
    withdraw = confirm("Withdraw?", f"{subject(run)} is not asked for any more.", "Withdraw", "Keep it")
    pressed = [
        *([button("Ask again", clicks.NUDGE, value)] if room.told else []),
        button("Withdraw", clicks.CANCEL, value, confirm=withdraw),
    ]
    return message(asked, [section(joined("\n", [asked, needs_line(run, room)])), *actions(pressed)])


def reminder(run: Run, room: Room) -> Message:
    """To somebody who was asked and has not answered."""
    who = room.person(run.actor, run.person)
    text = joined(" ", [written("⏰"), who, written("still waits for you:"), escaped(subject(run), 160)])
    look = button("Look", clicks.DETAILS, clicks.click_on(run).value)
    until = joined(" ", [written("expires"), expiry(run)])
    return message(text, [section(joined("\n", [text, until]), accessory=look)])


def grouped_message(runs: Sequence[Run], room: Room) -> Message:
    """Several waiting requests of one person as one message; each is decided on its own, in its details."""
    who = room.person(runs[0].actor, runs[0].person)
    title = joined(" ", [who, written(f"asks for {counted(len(runs), 'approval')}:")])
    blocks = [section(bold(title))]
    for run in runs:
        until = joined(" ", [written("expires"), expiry(run)])
        line = joined(DOT, [escaped(subject(run), 160), until])
        text = joined("\n", [line, escaped(run.plan.summary, 200)])
        blocks.append(section(text, accessory=button("Look", clicks.DETAILS, clicks.click_on(run).value)))
    return message(joined(" ", [title, escaped(subject(runs[0]), 160)]), blocks)
