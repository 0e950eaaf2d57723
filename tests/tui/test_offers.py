"""Which actions rows are offered: none that is registered is forgotten."""

from __future__ import annotations

from typing import Final

from k8sops.service.catalog import all_actions
from k8sops.tui.acting.offers import SESSION_WORDS, offers_for
from tests.tui.feeds import pod

KINDS: Final = (
    *("nodes", "deployments", "statefulsets", "daemonsets", "replicasets", "jobs", "cronjobs", "pods"),
    *("namespaces", "configmaps"),
)
ELSEWHERE: Final = {
    "rollout-status": "the table and the run of a restart show the same, live",
    "backup": "about a whole cluster: :backups",
    "restore": "from a backup: :backups",
    "prune_backups": "of a repository: :backups",
    "copy_backups": "of a repository: :backups",
    "rekey_backups": "of a repository: the command line",
    "import_backup": "of a repository: the command line",
    "remove_bundles": "of a repository: the command line",
}
"""Actions that are about no row, and where they are found."""


def test_every_registered_action_is_offered_on_some_row_or_known_to_be_elsewhere() -> None:
    """Who adds an action decides where people at the screen find it; by default they would not."""
    suspended = pod("night", status="True")
    offered = {
        offer.action for kind in KINDS for offer in (*offers_for(kind), *offers_for(kind, [suspended]))
    }
    registered = {spec.name for spec in all_actions()}
    assert offered - SESSION_WORDS.keys() == registered - ELSEWHERE.keys()
    assert registered >= ELSEWHERE.keys()
