"""Several runs in one message: what waits with its buttons, what is decided in a line, and how many more there are.

So many are listed as Slack takes whole: an entry without its text, or without its buttons, would be worse than none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from k8sops.core.run import Run, RunState
from k8sops_slack.blocks.building import Block, actions, button, context, section
from k8sops_slack.blocks.markup import Mrkdwn, bold, code, escaped, joined, link, written
from k8sops_slack.blocks.sending import Message, message
from k8sops_slack.cards import clicks
from k8sops_slack.cards.buttons import buttons
from k8sops_slack.cards.room import Room
from k8sops_slack.cards.standing import GLYPHS, head, told
from k8sops_slack.cards.words import DOT, needs_line, subject

LISTED: Final = 10
Entry = Sequence[Block]


def listed(
    text: Mrkdwn,
    title: Mrkdwn,
    entries: Sequence[Entry],
    room: Room,
    *,
    more: int = 0,
    last: Sequence[Block] = (),
) -> Message:
    """A title, as many of the entries as fit, and how many more there are (`more` besides those given)."""
    for number in range(min(LISTED, len(entries)), -1, -1):
        left = len(entries) - number + more
        blocks = [section(bold(title)), *(block for entry in entries[:number] for block in entry)]
        if left:
            runs = code(f"{room.command} runs")
            blocks.append(context(joined(" ", [written(f"and {left} more:"), runs, written("lists them")])))
        blocks += last
        made = message(text, blocks)
        if len(made.blocks) == len(blocks):
            break
    return made


def entry(run: Run, room: Room) -> list[Block]:
    """A run among others."""
    if run.state is RunState.AWAITING_APPROVAL:
        return [section(waiting_text(run, room)), *actions(buttons(run, room))]
    details = button("Details", clicks.DETAILS, clicks.click_on(run).value)
    return [section(decided_line(run), accessory=details)]


def to_look_at(run: Run, room: Room, address: str = "") -> list[Block]:
    """A run among others where nothing is edited later: what can be decided is looked up first, or on its card."""
    look = button("Look", clicks.DETAILS, clicks.click_on(run).value)
    text = joined("\n", [waiting_text(run, room), to_card(address)])
    return [section(text, accessory=look)]


def to_card(address: str) -> Mrkdwn:
    """A link to a card; empty where there is none."""
    return link(address, written("to its card")) if address else written("")


def waiting_text(run: Run, room: Room) -> Mrkdwn:
    """What is asked for and why, who has agreed, and until when."""
    why = escaped(f"“{run.reason}”", 100) if run.reason else written("")
    return joined(
        "\n",
        [
            bold(escaped(subject(run), 160)),
            joined(DOT, [escaped(run.plan.summary, 200), why]),
            joined(" ", [written(GLYPHS[run.state]), needs_line(run, room)]),
        ],
    )


def decided_line(run: Run) -> Mrkdwn:
    """What became of it, in a line."""
    return joined(DOT, [head(run), escaped(subject(run), 160), escaped(told(run), 120)])
