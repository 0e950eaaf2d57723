"""Which cluster is meant, where nothing says it: asked, never guessed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from k8sops.core.plan import ClusterInfo
from k8sops.service.catalog import spec_named
from k8sops_slack.blocks.building import (
    Block,
    actions,
    context,
    external_select,
    option,
    section,
    static_select,
)
from k8sops_slack.blocks.limits import OPTIONS
from k8sops_slack.blocks.markup import code, escaped, joined, written
from k8sops_slack.blocks.sending import Message, message, modal
from k8sops_slack.cards.words import where
from k8sops_slack.typed.normal import normalised
from k8sops_slack.views.form import FormPlace

CHOOSE: Final = "cluster.choose"
FOR_FORM: Final = "cluster.form"
CALLBACK: Final = "cluster"


def cluster_message(
    line: str, clusters: Sequence[ClusterInfo], key: str, away: Collection[str] = ()
) -> Message:
    """A select of all clusters. `key` is where the typed line is kept meanwhile; it comes back as the block's id.

    `away` are contexts that do not answer. Raises ValueError for a key that is too long. A choice's value is the
    cluster's uid.
    """
    text = joined(" ", [written("Which cluster?"), code(line, 200)])
    return message(
        text, [section(text), *actions([_select(CHOOSE, clusters)], block_id=key), *_missing(away)]
    )


def cluster_dialog(place: FormPlace, clusters: Sequence[ClusterInfo], away: Collection[str] = ()) -> Block:
    """The same before a form is filled in, as its dialog; it carries what the form is for."""
    title = spec_named(place.action).typed.capitalize()
    asked = section(written("On which cluster?"))
    blocks = [asked, *actions([_select(FOR_FORM, clusters)]), *_missing(away)]
    return modal(title, CALLBACK, blocks, metadata=place.metadata)


def cluster_options(clusters: Sequence[ClusterInfo], typed: str) -> list[Block]:
    """Those in whose name what was typed stands, for a select that searches."""
    wanted = normalised(typed).lower()
    found = [one for one in sorted(clusters, key=where) if wanted in where(one).lower()]
    return [option(where(one), one.uid) for one in found[:OPTIONS]]


def _select(action: str, clusters: Sequence[ClusterInfo]) -> Block:
    if len(clusters) > OPTIONS:
        return external_select(action, hint="Search a cluster", many=False)
    return static_select(action, cluster_options(clusters, ""), hint="Choose a cluster")


def _missing(away: Collection[str]) -> list[Block]:
    if not away:
        return []
    return [context(escaped(f"Not there, as they have not answered yet: {', '.join(sorted(away))}.", 300))]
