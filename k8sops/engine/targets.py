"""Which objects a run locks: what was asked for, not what moves along with it."""

from __future__ import annotations

from k8sops.core.plan import Plan


def lock_keys(plan: Plan) -> tuple[str, ...]:
    """`cluster uid/kind/namespace/name` of each target, once (DESIGN §8)."""
    targets = {(step.target.kind, step.target.namespace, step.target.name) for step in plan.steps}
    return tuple(f"{plan.cluster.uid}/{kind}/{namespace}/{name}" for kind, namespace, name in sorted(targets))


def label_of_key(key: str) -> str:
    """How a person names what the key locks."""
    _, kind, namespace, name = key.split("/", 3)
    short = kind.split(".", 1)[0]
    return f"{namespace}/{short}/{name}" if namespace else f"{short}/{name}"
