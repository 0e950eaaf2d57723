"""The bot's own page: what waits for a vote, what runs, how the clusters are, and what its reader did last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

import msgspec

from k8sops.core.run import Run, RunSummary
from k8sops_slack.blocks.building import Block, actions, button, context, divider, header, section
from k8sops_slack.blocks.markup import bold, escaped, joined, moment, written
from k8sops_slack.blocks.sending import home
from k8sops_slack.cards.clicks import DETAILS, Click, click_on
from k8sops_slack.cards.room import Room
from k8sops_slack.cards.standing import GLYPHS, WORDS
from k8sops_slack.cards.words import DOT, subject, typed
from k8sops_slack.reads.records import age
from k8sops_slack.reads.status import Health, health_lines

REFRESH: Final = "home.refresh"
PENDING: Final = 12
RUNNING: Final = 10
CLUSTERS: Final = 15
MINE: Final = 10


class HomeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows; each part is what its reader may see."""

    now: datetime
    pending: Sequence[RunSummary] = ()
    running: Sequence[RunSummary] = ()
    mine: Sequence[Run] = ()
    clusters: Sequence[Health] = ()
    names: Mapping[str, str] = MappingProxyType({})
    """The clusters' names as a person reads them, by uid."""


def home_view(facts: HomeFacts) -> Block:
    """The page."""
    blocks = [
        header("Waiting for a vote"),
        *_runs(facts, facts.pending, PENDING, "Nothing waits."),
        header("Running"),
        *_runs(facts, facts.running, RUNNING, "Nothing runs."),
        divider(),
        header("Clusters"),
        section(
            joined("\n", health_lines(facts.clusters, CLUSTERS) or [written("No cluster is configured.")])
        ),
        header("What you did last"),
        *([_mine(facts, run) for run in facts.mine[:MINE]] or [section(written("Nothing yet."))]),
        context(joined(" ", [written("as of"), moment(facts.now)])),
        *actions([button("Look again", REFRESH, "home")]),
    ]
    return home(blocks)


def _runs(facts: HomeFacts, runs: Sequence[RunSummary], most: int, nothing: str) -> list[Block]:
    if not runs:
        return [section(written(nothing))]
    found = [_run(facts, run) for run in runs[:most]]
    if len(runs) > most:
        found.append(context(written(f"and {len(runs) - most} more")))
    return found


def _run(facts: HomeFacts, run: RunSummary) -> Block:
    place = facts.names.get(run.cluster_uid, run.cluster_uid[:8])
    title = bold(escaped(f"{place}{DOT}{typed(run.action)}", 160))
    who = Room(now=facts.now).person(run.actor, "")
    since = escaped(f"{age(run.proposed_at, facts.now)} ago{DOT}{run.risk}", 80)
    by = joined(", ", [joined(" ", [written("by"), who]), since])
    value = Click(run=run.id, digest=run.digest, cluster=run.cluster_uid).value
    text = joined("\n", [joined(" ", [written(GLYPHS[run.state]), title]), escaped(run.headline, 200), by])
    return section(text, accessory=button("Look", DETAILS, value))


def _mine(facts: HomeFacts, run: Run) -> Block:
    when = f", {age(run.proposed_at, facts.now)} ago" if run.proposed_at is not None else ""
    told = escaped(f"{WORDS[run.state]}{DOT}{subject(run)}{when}", 300)
    text = joined(" ", [written(GLYPHS[run.state]), told])
    return section(text, accessory=button("Look", DETAILS, click_on(run).value))
