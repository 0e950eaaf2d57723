"""The end of a run: a reply that its requester notices, since edits notify nobody, and a failure for the channel."""

from __future__ import annotations

from k8sops.core.run import Run, RunState
from k8sops_slack.blocks.building import actions, button, section
from k8sops_slack.blocks.markup import Mrkdwn, escaped, joined, written
from k8sops_slack.blocks.sending import Message, message
from k8sops_slack.cards import clicks
from k8sops_slack.cards.card import sentence
from k8sops_slack.cards.room import Room
from k8sops_slack.cards.standing import head, standing_lines, undoable
from k8sops_slack.cards.words import subject

_FOR_ALL = frozenset({RunState.FAILED, RunState.NEEDS_REVIEW})


def end_reply(run: Run, room: Room) -> Message:
    """How it ended, to whoever asked for it, with the way back where there is one."""
    who = room.mention(run.actor, run.person)
    lines = [joined(" ", [who, escaped(subject(run), 160)]), *standing_lines(run, room)]
    value = clicks.click_on(run).value
    pressed = [button("Undo…", clicks.UNDO, value)] if undoable(run) else []
    if run.state in {RunState.VOID, RunState.EXPIRED}:
        pressed.append(button("Plan again", clicks.AGAIN, value))
    return message(joined(" ", [who, sentence(run, room)]), [section(joined("\n", lines)), *actions(pressed)])


def rings(run: Run, room: Room) -> bool:
    """Whether its end is news to whoever asked: not where they ended it themselves, or were refused as they asked."""
    if run.started_at is not None:
        return True
    if run.state is RunState.CANCELLED:
        names = {run.actor.name, run.person, room.users.get(run.person)}
        return not any(run.outcome.startswith(f"cancelled by {name}:") for name in names if name)
    if run.state is RunState.DENIED:
        asked = run.plan.decision is None or run.plan.decision.effect != "deny"
        own = run.person or run.actor.name
        return asked and not any(one.vote.verdict == "deny" and one.who == own for one in run.approvals)
    return True


def concerns_channel(run: Run) -> bool:
    """Whether everybody is told, not only who follows the thread."""
    return run.state in _FOR_ALL


def channel_failure(run: Run, room: Room) -> Message:
    """What everybody is told of a run that failed: what, where, why, and what was done."""
    about = joined(" ", [head(run), written("·"), escaped(subject(run), 160)])
    lines: list[Mrkdwn] = [about, *standing_lines(run, room)]
    details = button("Details", clicks.DETAILS, clicks.click_on(run).value)
    return message(sentence(run, room), [section(joined("\n", lines)), *actions([details])])
