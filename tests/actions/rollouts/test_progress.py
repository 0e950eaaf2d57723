"""What a Deployment's conditions mean at a moment: no control plane needed."""

from __future__ import annotations

import pytest

from k8sops.actions.rollouts.progress import rollout_state, stuck_before
from k8sops.core.plan import JsonObject


def given_up(*, at: str, written: str) -> JsonObject:
    """A Deployment whose controller gave up at one time, and whose template was last written at another."""
    managers = [
        {"manager": "seed", "time": "2026-05-04T01:00:00Z", "fieldsV1": {"f:spec": {"f:template": {}}}},
        {"manager": "k8sops", "time": written, "fieldsV1": {"f:spec": {"f:template": {"f:spec": {}}}}},
        {"manager": "controller", "time": "2026-05-04T09:00:00Z", "fieldsV1": {"f:status": {}}},
    ]
    condition = {
        "type": "Progressing",
        "status": "False",
        "reason": "ProgressDeadlineExceeded",
        "lastTransitionTime": at,
    }
    return {
        "metadata": {"generation": 2, "managedFields": managers},
        "spec": {"replicas": 3},
        "status": {"observedGeneration": 2, "conditions": [condition]},
    }


@pytest.mark.parametrize(
    ("at", "before"),
    [
        ("2026-05-04T02:00:00Z", True),
        ("2026-05-04T02:10:00Z", True),
        ("2026-05-04T02:10:01Z", False),
    ],
)
def test_that_its_controller_gave_up_counts_only_for_the_present_template(at: str, before: bool) -> None:
    """Going back from a stuck rollout is what a rollback is for: it must not end as stuck at its first look."""
    workload = given_up(at=at, written="2026-05-04T02:10:00Z")
    assert rollout_state(workload, "deployments.apps").stuck
    assert stuck_before(workload) is before


def test_without_managed_fields_it_is_believed() -> None:
    """A server that shows none leaves nothing to compare with."""
    workload = given_up(at="2026-05-04T02:00:00Z", written="2026-05-04T02:10:00Z")
    del workload["metadata"]["managedFields"]
    assert not stuck_before(workload)
