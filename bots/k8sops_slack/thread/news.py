"""News in a channel: a run as its card, what is of no run in its sentence, several of a minute as a list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from k8sops.core.run import Run, RunId
from k8sops.core.text import counted
from k8sops.service.chat.news import News
from k8sops.service.chat.together import Together
from k8sops_slack.blocks.building import Block, context, section
from k8sops_slack.blocks.markup import Mrkdwn, escaped, written
from k8sops_slack.blocks.sending import Message, message
from k8sops_slack.cards.card import card
from k8sops_slack.cards.room import Room
from k8sops_slack.cards.standing import WORDS
from k8sops_slack.thread.several import entry, listed

_HELD_BACK: Final = written(
    "This waited for the end of quiet hours, or until the channel took another message."
)


def news_message(together: Together, runs: Mapping[RunId, Run], room: Room) -> Message:
    """The message of these news; runs that are on record no more are left out."""
    told = [one for one in together.news if not one.run or one.run in runs]
    shown = list(dict.fromkeys(one.run or one.id for one in told))
    held_back = [context(_HELD_BACK)] if together.kind == "held_back" else []
    if len(shown) == 1 and not together.left_out:
        found = _single(told[-1], runs, room)
        return message(found.text, [*found.blocks, *held_back])
    title = _headline(told, runs)
    by_id = {one.run or one.id: one for one in told}
    entries = [_entry(by_id[id_], runs, room) for id_ in shown]
    return listed(title, title, entries, room, more=together.left_out, last=held_back)


def _single(news: News, runs: Mapping[RunId, Run], room: Room) -> Message:
    if news.run:
        return card(runs[news.run], room)
    said = _sentence(news)
    return message(said, [section(said)])


def _entry(news: News, runs: Mapping[RunId, Run], room: Room) -> list[Block]:
    return entry(runs[news.run], room) if news.run else [section(_sentence(news))]


def _sentence(news: News) -> Mrkdwn:
    return escaped(news.text or news.kind, 600)


def _headline(told: Iterable[News], runs: Mapping[RunId, Run]) -> Mrkdwn:
    """`5 runs failed, 1 backup overdue`: runs by how they stand now."""
    states = Counter(runs[run].state for run in dict.fromkeys(one.run for one in told if one.run))
    kinds = Counter(one.kind for one in told if not one.run)
    parts = [f"{counted(number, 'run')} {WORDS[state]}" for state, number in states.items()]
    for kind, number in kinds.items():
        noun, _, word = kind.partition(".")
        parts.append(f"{counted(number, noun)} {word}".rstrip())
    return escaped(", ".join(parts), 300)
