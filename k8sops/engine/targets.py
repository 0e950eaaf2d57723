"""Which objects a run locks: what it changes, not what it only reads, nor what moves along with it."""

from __future__ import annotations

from k8sops.core.plan import Plan
from k8sops.core.risk import Risk


def lock_keys(plan: Plan) -> tuple[str, ...]:
    """`cluster uid/kind/namespace/name` of each target that is changed, once (DESIGN §8)."""
    changed = (step.target for step in plan.steps if step.risk is not Risk.READ)
    targets = {(target.kind, target.namespace, target.name) for target in changed}
    return tuple(f"{plan.cluster.uid}/{kind}/{namespace}/{name}" for kind, namespace, name in sorted(targets))


def label_of_key(key: str) -> str:
    """How a person names what the key locks."""
    _, kind, namespace, name = key.split("/", 3)
    short = kind.split(".", 1)[0]
    return f"{namespace}/{short}/{name}" if namespace else f"{short}/{name}"
