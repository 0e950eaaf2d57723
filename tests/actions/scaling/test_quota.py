"""How many more pods quotas and limit ranges admit: pure, against what the API's documentation says."""

from __future__ import annotations

from typing import Any

import pytest

from k8sops.actions.scaling.quota import UNLIMITED, room_for
from k8sops.core.plan import JsonObject


def template(**spec: Any) -> JsonObject:
    """A pod of one container that asks for half a core and 256 Mi."""
    resources = {"requests": {"cpu": "500m", "memory": "256Mi"}}
    return {"spec": {"containers": [{"name": "app", "resources": resources}], **spec}}


def quota(hard: dict[str, str], used: dict[str, str] | None = None, **spec: Any) -> JsonObject:
    """A ResourceQuota as the API server shows it."""
    return {
        "metadata": {"name": "team"},
        "spec": {"hard": hard, **spec},
        "status": {"hard": hard, "used": used or {}},
    }


def limits(**fields: Any) -> JsonObject:
    """A LimitRange for containers."""
    return {"metadata": {"name": "range"}, "spec": {"limits": [{"type": "Container", **fields}]}}


@pytest.mark.parametrize(
    ("hard", "used", "pods"),
    [
        ({"pods": "5"}, {"pods": "3"}, 2),
        ({"count/pods": "5"}, {"count/pods": "5"}, 0),
        ({"requests.cpu": "2"}, {"requests.cpu": "600m"}, 2),
        ({"cpu": "2"}, {"cpu": "2500m"}, 0),
        ({"requests.memory": "1Gi"}, {}, 4),
        ({"services": "1"}, {"services": "1"}, UNLIMITED),
        ({"pods": "9", "requests.cpu": "1"}, {}, 2),
    ],
)
def test_the_least_room_of_all_counts_decides(hard: dict[str, str], used: dict[str, str], pods: int) -> None:
    """What a quota does not count, or another kind's count, limits nothing."""
    assert room_for(template(), [quota(hard, used)], []).pods == pods


def test_a_quota_on_limits_refuses_pods_that_give_none_unless_a_limit_range_gives_them() -> None:
    """The API server refuses such a pod with `must specify`; nobody sees it but the ReplicaSet."""
    on_limits = quota({"limits.cpu": "2"})
    refused = room_for(template(), [on_limits], [])
    assert (refused.pods, "wants limits.cpu to be given" in refused.why) == (0, True)
    assert room_for(template(), [on_limits], [limits(default={"cpu": "1"})]).pods == 2


def test_a_limit_range_that_refuses_the_container_leaves_no_room() -> None:
    """Too large and too small alike."""
    assert room_for(template(), [], [limits(max={"cpu": "400m"})]).pods == 0
    assert "at least 1Gi memory" in room_for(template(), [], [limits(min={"memory": "1Gi"})]).why


def test_a_quota_counts_only_pods_of_its_scopes() -> None:
    """A quota for best-effort pods says nothing of a pod with requests."""
    hard = {"pods": "0"}
    assert room_for(template(), [quota(hard, scopes=["BestEffort"])], []).pods == UNLIMITED
    assert room_for(template(), [quota(hard, scopes=["NotBestEffort"])], []).pods == 0
    high = {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]}
    assert room_for(template(), [quota(hard, scopeSelector=high)], []).pods == UNLIMITED
    assert room_for(template(priorityClassName="high"), [quota(hard, scopeSelector=high)], []).pods == 0
