"""The least Kubernetes roles: for persons who run actions with their own credentials, and for workers that carry runs.

Made from the verbs the actions declare, and what the program itself needs of a cluster. Prints; applies nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from k8sops.actions.registry import ACTIONS, Verb, spec_of
from k8sops.core.errors import UsageError
from k8sops.core.plan import JsonObject
from k8sops.policy.policy import Policy
from k8sops.policy.rbac import EVERY, WORKLOADS, least_roles, roles_yaml

API: Final = "rbac.authorization.k8s.io"
NAME: Final = "k8sops"
READS: Final = frozenset({"get", "list", "watch"})
RUN_EXTRA: Final = "userextras/k8sops.dev/run"

# Which cluster it is stands in the uid of namespace kube-system, by which policy knows it.
_IDENTIFIES: Final = {
    "apiGroups": [""],
    "resources": ["namespaces"],
    "resourceNames": ["kube-system"],
    "verbs": ["get"],
}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """For which actions, where, and for whom."""

    actions: tuple[str, ...]
    """None: all of them."""
    namespaces: tuple[str, ...] = ()
    """None: the whole cluster."""
    kinds: tuple[str, ...] = ()
    """`plural.group` of the kinds that are changed; none: deployments, statefulsets and replicasets."""
    subjects: tuple[str, ...] = ()
    """`User:NAME`, `Group:NAME` or `ServiceAccount:NAMESPACE/NAME`, to bind the roles to."""
    name: str = NAME
    worker: bool = False
    """For a worker: reads with its own credentials, and acts as those whom the policy names."""


def manifests(wanted: Wanted, policy: Policy) -> tuple[JsonObject, ...]:
    """Roles, and bindings where there are subjects. Raises UsageError."""
    specs = [spec_of(name) for name in wanted.actions] or list(ACTIONS)
    # Only who names a backup is given the right to read everything, Secrets too.
    named = {spec.name for spec in specs if spec.every_kind and spec.name in wanted.actions}
    usual = [verb for spec in specs if spec.name not in named for verb in spec.verbs]
    every = [verb for spec in specs if spec.name in named for verb in spec.verbs]
    acts_as = _impersonates(policy) if wanted.worker else []
    if acts_as:
        # What changes the cluster is done in another name, under that name's own rights.
        usual = [verb for verb in usual if verb.verb in READS]
        every = [verb for verb in every if verb.verb in READS]
    found = list(_roles(wanted, usual, WORKLOADS))
    for role in _roles(wanted, every, EVERY):
        _merge(found, role)
    wide = [_IDENTIFIES, *acts_as, *(_reviews() if wanted.worker and _asks_for_others(policy) else [])]
    _add(found, wanted.name, wide)
    subjects = [_subject(text) for text in wanted.subjects]
    return (*found, *(_binding(role, subjects) for role in found if subjects))


def as_yaml(found: Iterable[JsonObject]) -> str:
    """For `kubectl apply -f -`."""
    return roles_yaml(found)


def _roles(wanted: Wanted, verbs: Sequence[Verb], otherwise: Sequence[str]) -> tuple[JsonObject, ...]:
    kinds = wanted.kinds or otherwise
    return least_roles(wanted.name, verbs, namespaces=wanted.namespaces, kinds=kinds)


def _merge(found: list[JsonObject], role: JsonObject) -> None:
    """Put a role's rules into the one of the same kind and namespace, or the role itself beside the others."""
    for other in found:
        if (other["kind"], other["metadata"]) == (role["kind"], role["metadata"]):
            other["rules"] = [
                *other["rules"],
                *(rule for rule in role["rules"] if rule not in other["rules"]),
            ]
            return
    found.append(role)


def _add(found: list[JsonObject], name: str, rules: Sequence[JsonObject]) -> None:
    """Put rules that hold for the whole cluster into the ClusterRole, which may be missing."""
    for role in found:
        if role["kind"] == "ClusterRole":
            role["rules"] = [*role["rules"], *rules]
            return
    found.insert(
        0, {"apiVersion": f"{API}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": [*rules]}
    )


def _impersonates(policy: Policy) -> list[JsonObject]:
    """The right to act as exactly those whom the policy names, and to tell the API server's audit which run it is."""
    rules = policy.file.execute_as
    named = [*rules.people.values(), *rules.services]
    users = sorted({identity.user for identity in named})
    groups = sorted({group for identity in named for group in identity.groups})
    if not users:
        return []
    found: list[JsonObject] = [impersonate_rule("", "users", users)]
    if groups:
        found.append(impersonate_rule("", "groups", groups))
    return [*found, impersonate_rule("authentication.k8s.io", RUN_EXTRA, [])]


def impersonate_rule(group: str, resource: str, names: Sequence[str]) -> JsonObject:
    """The right to act as these; none: as anybody."""
    named: dict[str, Any] = {"resourceNames": list(names)} if names else {}
    return {"apiGroups": [group], "resources": [resource], **named, "verbs": ["impersonate"]}


def _asks_for_others(policy: Policy) -> bool:
    return policy.file.access_review.requester or policy.file.access_review.approvers


def _reviews() -> list[JsonObject]:
    return [
        {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]}
    ]


def _subject(text: str) -> JsonObject:
    kind, _, name = text.partition(":")
    if kind in {"User", "Group"} and name:
        return {"apiGroup": API, "kind": kind, "name": name}
    namespace, _, account = name.partition("/")
    if kind == "ServiceAccount" and namespace and account:
        return {"kind": kind, "name": account, "namespace": namespace}
    raise UsageError(
        f"{text!r} is no subject of a role",
        hint="write User:NAME, Group:NAME or ServiceAccount:NAMESPACE/NAME",
    )


def _binding(role: JsonObject, subjects: Sequence[JsonObject]) -> JsonObject:
    return {
        "apiVersion": f"{API}/v1",
        "kind": f"{role['kind']}Binding",
        "metadata": dict(role["metadata"]),
        "roleRef": {"apiGroup": API, "kind": role["kind"], "name": role["metadata"]["name"]},
        "subjects": list(subjects),
    }
