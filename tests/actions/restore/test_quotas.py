"""Objects that fit into a quota one by one and not together: a dry run adds nothing up, so the preview does."""

from __future__ import annotations

from typing import Any

import pytest

from k8sops.actions.backups.restoring.quotas import asked_by, over
from tests.actions.restore.restoring import RestoreDesk, eventually, finding


def pod(*containers: dict[str, Any]) -> dict[str, Any]:
    """A pod whose containers have these resources."""
    named = [{"name": f"c{number}", "resources": one} for number, one in enumerate(containers)]
    return {"metadata": {"name": "p", "namespace": "shop"}, "spec": {"containers": named}}


@pytest.mark.parametrize(
    ("kind", "wanted", "asked"),
    [
        ("deployments.apps", {}, {"count/deployments.apps": 1}),
        ("secrets", {}, {"count/secrets": 1, "secrets": 1}),
        (
            "services",
            {"spec": {"type": "LoadBalancer", "ports": [{"port": 1}, {"port": 2}]}},
            {"count/services": 1, "services": 1, "services.loadbalancers": 1, "services.nodeports": 2},
        ),
        (
            "services",
            {
                "spec": {
                    "type": "LoadBalancer",
                    "ports": [{"port": 1}],
                    "allocateLoadBalancerNodePorts": False,
                }
            },
            {"count/services": 1, "services": 1, "services.loadbalancers": 1},
        ),
        (
            "persistentvolumeclaims",
            {"spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "1Ki"}}}},
            {
                "count/persistentvolumeclaims": 1,
                "persistentvolumeclaims": 1,
                "requests.storage": 1024,
                "fast.storageclass.storage.k8s.io/requests.storage": 1024,
                "fast.storageclass.storage.k8s.io/persistentvolumeclaims": 1,
            },
        ),
        (
            "pods",
            pod({"requests": {"cpu": "250m"}, "limits": {"cpu": "1"}}, {"requests": {"cpu": "1"}}),
            {"count/pods": 1, "pods": 1, "requests.cpu": 1250, "limits.cpu": 1000},
        ),
        ("pods", pod({"requests": {"cpu": "much"}}), {"count/pods": 1, "pods": 1}),
    ],
)
def test_what_an_object_asks_of_a_quota(kind: str, wanted: dict[str, Any], asked: dict[str, int]) -> None:
    """By the names that a quota has for it; a quantity that is none is for the server to refuse."""
    assert {name: number for name, number in asked_by(kind, wanted).items() if number} == asked


def quota(hard: dict[str, str], used: dict[str, str], **spec: Any) -> dict[str, Any]:
    """A quota as it is read."""
    metadata = {"name": "most", "namespace": "shop"}
    return {"metadata": metadata, "spec": {"hard": hard} | spec, "status": {"hard": hard, "used": used}}


def test_a_quota_that_has_less_left_is_named_with_figures() -> None:
    """In the units people write; `cpu` of a quota means requests; what fits is not named."""
    asked = {"count/configmaps": 10, "requests.cpu": 1500, "requests.memory": 1024}
    limited = quota(
        {"count/configmaps": "100", "cpu": "2", "requests.memory": "1Gi", "pods": "0"},
        {"count/configmaps": "97", "cpu": "1250m"},
    )
    assert [one.text for one in over(limited, asked)] == [
        "shop/most has 3 of count/configmaps left, 10 would be asked for",
        "shop/most has 750m of cpu left, 1500m would be asked for",
    ]
    exceeded = quota({"secrets": "1"}, {"secrets": "5"})
    assert [one.text for one in over(exceeded, {"secrets": 2})] == [
        "shop/most has 0 of secrets left, 2 would be asked for"
    ]
    assert list(over(quota({"pods": "0"}, {}, scopes=["BestEffort"]), {"pods": 5})) == []


async def test_objects_that_do_not_fit_together_are_told_before_they_are_made(desk: RestoreDesk) -> None:
    """Each of them is taken by itself, so that no dry run says a word."""
    for number in range(4):
        await desk.config_map(f"item-{number}")
    await desk.back_up(include_kinds=["configmaps"])
    for number in range(4):
        await desk.delete("configmaps", f"item-{number}")

    async def published() -> bool:
        return "kube-root-ca.crt" in await _names(desk)

    await eventually(published)
    there = len(await _names(desk))
    await desk.make("resourcequotas", "most", spec={"hard": {"count/configmaps": str(there + 3)}})

    async def counted() -> bool:
        status = (await desk.get("resourcequotas", "most")).get("status", {})
        return bool(status.get("used", {}).get("count/configmaps") == str(there))

    await eventually(counted)
    plan = await desk.preview()
    assert not plan.blockers
    assert plan.blast_radius["objects"] == 4
    warning = finding(plan, "quota")
    assert warning.level == "warning"
    assert warning.subjects == (f"{desk.namespace}/resourcequotas/most",)
    assert "has 3 of count/configmaps left, 4 would be asked for" in warning.text
    fits = await desk.preview(object=[f"configmap/item-{number}" for number in range(3)])
    assert "quota" not in {one.code for one in fits.findings}


async def _names(desk: RestoreDesk) -> list[str]:
    resource = await desk.cluster.resource("configmaps")
    return [one["metadata"]["name"] async for one in desk.cluster.list(resource, desk.namespace)]
