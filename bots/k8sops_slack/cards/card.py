"""The card of a run: at most eight lines, and the buttons of its state.

The sentence above it, which a lock screen shows, says the same in one.
"""

from __future__ import annotations

from typing import Final

from k8sops.core.run import WAITING, Run, RunState
from k8sops_slack.blocks.building import actions, section
from k8sops_slack.blocks.markup import Mrkdwn, bold, escaped, joined, written
from k8sops_slack.blocks.sending import Message, message
from k8sops_slack.cards.buttons import buttons
from k8sops_slack.cards.room import Room
from k8sops_slack.cards.standing import WORDS, account, standing_lines, told, took
from k8sops_slack.cards.words import (
    DOT,
    FINDINGS_SHOWN,
    asker_line,
    demanded,
    finding_lines,
    subject,
    what,
    where,
)

LINES: Final = 8
_UNDECIDED: Final = WAITING | {RunState.QUEUED}


def card(run: Run, room: Room, *, filed: str = "") -> Message:
    """The message of a run as it stands. `filed` says where the plan is as a file, if it is."""
    lines = card_lines(run, room, filed=filed)
    return message(sentence(run, room), [section(joined("\n", lines)), *actions(buttons(run, room))])


def card_lines(run: Run, room: Room, *, filed: str = "") -> list[Mrkdwn]:
    """What stands on the card: findings as long as somebody may still act on them."""
    title = joined(DOT, [escaped(where(run.plan.cluster), 100), escaped(what(run.plan), 120)])
    lines = [bold(title), escaped(run.plan.summary, 200)]
    found = [*finding_lines(run.plan.findings)] if run.state in _UNDECIDED else []
    if filed:
        # In the line that says that there is more, where there is one.
        found[FINDINGS_SHOWN:] = [joined(DOT, [*found[FINDINGS_SHOWN:], written(f"📎 {filed}")])]
    lines += [*found, asker_line(run, room)]
    return [*lines, *standing_lines(run, room)][:LINES]


def sentence(run: Run, room: Room) -> Mrkdwn:
    """All of it in a sentence or two."""
    about, decision = escaped(subject(run), 160), run.plan.decision
    if run.state is RunState.AWAITING_APPROVAL and decision is not None:
        asks = joined(" ", [room.person(run.actor, run.person), written("asks for approval:")])
        wanted = joined(" ", [written("Needs"), demanded(decision, room)])
        return joined(" ", [asks, _stopped(about), escaped(run.plan.summary, 160), _stopped(wanted)])
    if run.state in WAITING:
        return joined(" ", [written("Planned:"), _stopped(about), escaped(run.plan.summary, 160)])
    if run.state is RunState.QUEUED:
        return joined(" ", [written("Queued:"), _stopped(about)])
    if run.state is RunState.RUNNING:
        return joined(" ", [written("Running:"), _stopped(about)])
    taken = f" after {took(run)}" if took(run) else ""
    ended = joined(": ", [written(f"{_capital(WORDS[run.state])}{taken}"), _stopped(about)])
    rest = [escaped(told(run), 200)]
    if run.state in {RunState.FAILED, RunState.CANCELLED, RunState.NEEDS_REVIEW}:
        rest.append(_stopped(Mrkdwn(_capital(account(run)))))
    return joined(" ", [ended, *map(_stopped, rest[:1]), *rest[1:]])


def _stopped(text: Mrkdwn) -> Mrkdwn:
    return text if not text or text.endswith((".", "!", "?", "…")) else Mrkdwn(f"{text}.")


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
