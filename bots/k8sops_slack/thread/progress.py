"""The one message in a card's thread that is edited while the run goes on: how far it is, and the last that happened.

The whole message follows from the run, so that any number of events become one edit.
"""

from __future__ import annotations

from typing import Final

from k8sops.core.events import Event
from k8sops.core.run import Run
from k8sops_slack.blocks.building import context, section
from k8sops_slack.blocks.markup import Mrkdwn, clock_time, escaped, joined, written
from k8sops_slack.blocks.sending import Message, message
from k8sops_slack.cards.standing import done_steps, head, progress_text, waits_text
from k8sops_slack.cards.words import DOT, subject

NEWS_SHOWN: Final = 5
_GLYPHS: Final = {"step_done": "✓", "step_failed": "✗", "note": "·"}


def progress_message(run: Run) -> Message:
    """The message as of now."""
    lines = [joined(DOT, [head(run), progress_text(run.progress)])]
    if run.progress.waiting_for and not run.state.ended:
        lines.append(waits_text(run.progress, 300))
    news = [event for event in run.events if is_news(event)]
    if (before := len(news) - NEWS_SHOWN) > 0:
        lines.append(written(f"… {before} before"))
    lines += map(_line, news[-NEWS_SHOWN:])
    done, left = done_steps(run)
    about = escaped(subject(run), 160)
    return message(
        joined(": ", [about, escaped(str(run.state).replace("_", " "), 40)]),
        [
            section(joined("\n", lines)),
            context(written(f"{len(done)} of {len(done) + len(left)} steps done")),
        ],
    )


def is_news(event: Event) -> bool:
    """Whether whoever follows reads it: an end of a step, or a note."""
    return event.kind in _GLYPHS and not event.data.get("quiet")


def _line(event: Event) -> Mrkdwn:
    return joined(" ", [written(_GLYPHS[event.kind]), clock_time(event.at), escaped(event.text, 200)])
