"""The dialog behind Details: all of a run, a page at a time, with the buttons of its card.

A vote is given on the card or here, on the same digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from k8sops.core.run import Run
from k8sops_slack.blocks.building import Block, actions, button, context, section
from k8sops_slack.blocks.markup import Mrkdwn, bold, escaped, joined, written
from k8sops_slack.blocks.sending import modal
from k8sops_slack.cards import clicks
from k8sops_slack.cards.buttons import buttons
from k8sops_slack.cards.card import card_lines
from k8sops_slack.cards.clicks import click_on
from k8sops_slack.cards.room import Room
from k8sops_slack.views.plan_text import Line, run_lines

CALLBACK: Final = "details"
PAGE: Final = "details.page."
"""Followed by the number of the page, from 0."""
PAGE_LINES: Final = 40
_LINE: Final = 300
_OF_REQUESTER: Final = frozenset({clicks.APPLY, clicks.APPLY_NAMED, clicks.CANCEL})
_SECTION: Final = 2800


def details(run: Run, room: Room, page: int = 0, ways: Sequence[Block] = ()) -> Block:
    """One page; a page that is not there is the last one. `ways` are what its reader can do, on every page."""
    lines = run_lines(run)
    pages = max(1, -(-len(lines) // PAGE_LINES))
    page = min(max(page, 0), pages - 1)
    blocks = [section(joined("\n", card_lines(run, room))), *ways] if page == 0 else []
    for heading, group in groupby(
        lines[page * PAGE_LINES : (page + 1) * PAGE_LINES], key=lambda line: line.heading
    ):
        blocks += _sections(heading, [*group])
    if page:
        blocks += ways
    if pages > 1:
        value = click_on(run).value
        turns = [
            *([button("Back", f"{PAGE}{page - 1}", value)] if page else []),
            *([button("Next", f"{PAGE}{page + 1}", value)] if page < pages - 1 else []),
        ]
        blocks += [context(written(f"page {page + 1} of {pages}")), *actions(turns)]
    return modal(f"Run {run.id[:10]}", CALLBACK, blocks, metadata=click_on(run).value)


def ways(run: Run, room: Room, *, is_theirs: bool, may_approve: bool) -> list[Block]:
    """The card's buttons, but for those that whoever reads it would be refused."""

    def theirs(action: str) -> bool:
        if action == clicks.APPROVE:
            return may_approve
        if action in _OF_REQUESTER:
            return is_theirs
        return action != clicks.DETAILS

    return actions([one for one in buttons(run, room) if theirs(one["action_id"])])


def loading() -> Block:
    """What opens at once, before there is anything to show: a dialog has three seconds."""
    return modal("One moment", CALLBACK, [section(written("Looking…"))])


def refused(why: Sequence[Block]) -> Block:
    """What a dialog shows in place of what was asked for."""
    return modal("Not possible", CALLBACK, why)


def _sections(heading: str, lines: list[Line]) -> list[Block]:
    found: list[Block] = []
    held: list[Mrkdwn] = [bold(written(heading))]
    for line in lines:
        text = escaped(line.text, _LINE)
        if sum(map(len, held)) + len(text) + len(held) > _SECTION:
            found.append(section(joined("\n", held)))
            held = []
        held.append(text)
    return [*found, section(joined("\n", held))]
