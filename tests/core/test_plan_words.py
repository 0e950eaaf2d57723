"""Where a plan acts, in words: what stands beside cluster and identity above it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from k8sops.core.plan import Plan, Target
from k8sops.core.plan_words import where_text
from tests.support.plans import a_plan, scale_step

NODE = Target(kind="nodes", name="n1")


def asked(params: dict[str, Any], *targets: Target) -> Plan:
    """A plan of one step on each."""
    steps = tuple(msgspec.structs.replace(scale_step(), target=target) for target in targets)
    return msgspec.structs.replace(a_plan(steps=steps), params=params)


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (asked({"targets": ["deployment/web"], "namespace": "shop"}), "shop"),
        (asked({"targets": ["a/pod/x", "b/pod/x"], "namespace": "default"}), "a and b"),
        (asked({"targets": ["nodes/n1"], "changes": ["a=b:NoSchedule"], "namespace": "default"}, NODE), ""),
        (asked({"nodes": ["n1"]}, NODE), ""),
        (asked({"query": [], "namespace": "default", "all_namespaces": True}), "all namespaces"),
    ],
)
def test_the_namespace_that_is_shown_is_where_it_acts(plan: Plan, told: str) -> None:
    """The namespace of whoever asks says nothing of nodes, nor of objects that are named with their own."""
    assert where_text(plan) == told
