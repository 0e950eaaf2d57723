"""Which cluster is meant, where nothing says it: asked, never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from k8sops.core.plan import ClusterInfo
from k8sops_slack.blocks.building import actions, external_select, option, section, static_select
from k8sops_slack.blocks.limits import OPTIONS
from k8sops_slack.blocks.markup import code, joined, written
from k8sops_slack.blocks.sending import Message, message
from k8sops_slack.cards.words import where

CHOOSE: Final = "cluster.choose"


def cluster_message(line: str, clusters: Sequence[ClusterInfo], key: str) -> Message:
    """A select of all clusters. `key` is where the typed line is kept meanwhile; it comes back as the block's id.

    Raises ValueError for a key that is too long. A choice's value is the cluster's uid.
    """
    if len(clusters) > OPTIONS:
        element = external_select(CHOOSE, hint="Search a cluster", many=False)
    else:
        options = [option(where(one), one.uid) for one in sorted(clusters, key=where)]
        element = static_select(CHOOSE, options, hint="Choose a cluster")
    text = joined(" ", [written("Which cluster?"), code(line, 200)])
    return message(text, [section(text), *actions([element], block_id=key)])
