"""What every action declares about itself, as literals, so that listing actions imports none of them.

An action is classified here before it can be reached from any door: risk, idempotence, policy key and the verbs it
needs. `load` imports the chosen one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import msgspec

from k8sops.core.errors import UsageError
from k8sops.core.risk import Risk

if TYPE_CHECKING:
    from k8sops.core.params import Params
    from k8sops.core.ports import Action


class Verb(msgspec.Struct, frozen=True, kw_only=True):
    """A permission the action needs; `group` and `resource` may be `*` where params decide the kind."""

    verb: str
    resource: str
    group: str = ""


class ActionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """An action's public face."""

    name: str
    module: str
    action_class: str
    params_class: str
    summary: str
    details: str
    examples: tuple[str, ...]
    risks: tuple[Risk, ...]
    """Every risk a plan of this action can have, depending on its params."""
    idempotent: bool
    """Whether a step that may or may not have been sent can be sent again."""
    policy_key: str
    verbs: tuple[Verb, ...]
    version: int = 1
    """The action's own: a carrier only takes runs of versions it knows."""

    @property
    def changes_cluster(self) -> bool:
        """Whether any plan of this action can change something; read-only mode refuses these."""
        return any(risk is not Risk.READ for risk in self.risks)


_NODE_VERBS: Final = (
    Verb(verb="get", resource="nodes"),
    Verb(verb="list", resource="nodes"),
    Verb(verb="patch", resource="nodes"),
)

ACTIONS: Final[tuple[ActionSpec, ...]] = (
    ActionSpec(
        name="scale",
        module="k8sops.actions.scale",
        action_class="Scale",
        params_class="ScaleParams",
        summary="Set how many replicas a workload runs, and wait until they are ready.",
        details=(
            "Works on deployments, statefulsets, replicasets and every kind that has the scale subresource. "
            "The plan rests on the object's uid and its present replicas: if either changes before it is applied, "
            "the plan is void and nothing is done."
        ),
        examples=(
            "k8sops scale deployment/web --replicas 5 -n shop",
            "k8sops scale sts/postgres --replicas 3 -n data --plan",
            "k8sops scale deploy/web --replicas 0 -n shop --yes --reason 'maintenance window'",
        ),
        risks=(Risk.READ, Risk.LOW, Risk.DISRUPTIVE),
        idempotent=True,
        policy_key="workload.scale",
        verbs=(
            Verb(verb="get", resource="*/scale", group="*"),
            Verb(verb="update", resource="*/scale", group="*"),
            Verb(verb="list", resource="*", group="*"),
            Verb(verb="watch", resource="*", group="*"),
            Verb(verb="list", resource="pods"),
            Verb(verb="watch", resource="pods"),
        ),
    ),
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


def spec_of(name: str) -> ActionSpec:
    """The declaration of an action. Raises UsageError naming those that exist."""
    for spec in ACTIONS:
        if spec.name == name:
            return spec
    known = ", ".join(spec.name for spec in ACTIONS)
    raise UsageError(f"there is no action {name!r}", hint=f"the actions are: {known}")


def load_params(spec: ActionSpec) -> type[Params]:
    """Import the action's Params."""
    params: type[Params] = getattr(import_module(spec.module), spec.params_class)
    return params


def load_action(spec: ActionSpec) -> Action[Any]:
    """Import and make the action; actions hold no state of their own."""
    action: Action[Any] = getattr(import_module(spec.module), spec.action_class)()
    return action
