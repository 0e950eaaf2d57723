"""Actions on nodes, as declared."""

from __future__ import annotations

from typing import Final

from k8sops.actions.declared.spec import ActionSpec, Verb
from k8sops.core.risk import Risk

_NODE_VERBS: Final = (
    Verb(verb="get", resource="nodes"),
    Verb(verb="list", resource="nodes"),
    Verb(verb="patch", resource="nodes"),
)

NODE_ACTIONS: Final[tuple[ActionSpec, ...]] = (
    ActionSpec(
        name="cordon",
        module="k8sops.actions.cordon",
        action_class="Cordon",
        params_class="CordonParams",
        summary="Keep new pods off nodes; what runs there stays.",
        details="A node that is cordoned already is left as it is and said so.",
        examples=(
            "k8sops cordon node-1 node-2",
            "k8sops cordon --selector topology.kubernetes.io/zone=zone-a --plan",
        ),
        risks=(Risk.READ, Risk.LOW),
        idempotent=True,
        policy_key="node.cordon",
        verbs=_NODE_VERBS,
    ),
    ActionSpec(
        name="uncordon",
        module="k8sops.actions.cordon",
        action_class="Uncordon",
        params_class="UncordonParams",
        summary="Let new pods onto nodes again.",
        details="A node that is not cordoned is left as it is and said so.",
        examples=("k8sops uncordon node-1", "k8sops uncordon --selector topology.kubernetes.io/zone=zone-a"),
        risks=(Risk.READ, Risk.LOW),
        idempotent=True,
        policy_key="node.uncordon",
        verbs=_NODE_VERBS,
    ),
)
