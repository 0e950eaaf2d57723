"""The least Kubernetes roles that actions need, from the verbs they declare: what `k8sops rbac ACTION…` prints.

Without namespaces it is one ClusterRole; with them a Role in each, and a ClusterRole for what has no namespace. `*`
is printed only for what means every kind (a backup), since it gives away Secrets; else, where params decide the kind,
the kinds are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import yaml

from k8sops.policy.access import ANY, CLUSTER_SCOPED, NeededVerb

WORKLOADS: Final = ("deployments.apps", "statefulsets.apps", "replicasets.apps")
"""What `*` stands for where no kinds are named."""
EVERY: Final = ("*.*",)
"""Every kind in every group, those to come too."""
_API: Final = "rbac.authorization.k8s.io/v1"

Rule = dict[str, list[str]]


def least_roles(
    name: str,
    verbs: Iterable[NeededVerb],
    *,
    namespaces: Sequence[str] = (),
    kinds: Sequence[str] = WORKLOADS,
) -> tuple[dict[str, Any], ...]:
    """The manifests. `kinds` (plural.group) replace `*`, where the caller knows which they use."""
    needed = sorted({one for verb in verbs for one in _expanded(verb, kinds)})
    if not namespaces:
        return (_role("ClusterRole", name, "", _rules(needed)),) if needed else ()
    wide = [one for one in needed if one[1].partition("/")[0] in CLUSTER_SCOPED]
    narrow = [one for one in needed if one not in wide]
    found = [_role("ClusterRole", name, "", _rules(wide))] if wide else []
    if narrow:
        found += [_role("Role", name, namespace, _rules(narrow)) for namespace in dict.fromkeys(namespaces)]
    return tuple(found)


def roles_yaml(manifests: Iterable[dict[str, Any]]) -> str:
    """The manifests as YAML for `kubectl apply -f -`."""
    text: str = yaml.safe_dump_all(manifests, sort_keys=False, explicit_start=True)
    return text


def _expanded(verb: NeededVerb, kinds: Sequence[str]) -> Iterable[tuple[str, str, str]]:
    """(group, resource with subresource, verb)."""
    resource, slash, subresource = verb.resource.partition("/")
    if resource != ANY:
        yield verb.group, verb.resource, verb.verb
        return
    for kind in kinds:
        plural, _, group = kind.partition(".")
        yield group, f"{plural}{slash}{subresource}", verb.verb


def _rules(needed: Sequence[tuple[str, str, str]]) -> list[Rule]:
    """Rules with what has the same verbs in the same group put together."""
    verbs: dict[tuple[str, str], set[str]] = {}
    for group, resource, verb in needed:
        verbs.setdefault((group, resource), set()).add(verb)
    resources: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), found in verbs.items():
        resources.setdefault((group, tuple(sorted(found))), []).append(resource)
    return [
        {"apiGroups": [group], "resources": sorted(names), "verbs": list(found)}
        for (group, found), names in sorted(resources.items())
    ]


def _role(kind: str, name: str, namespace: str, rules: list[Rule]) -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": _API, "kind": kind, "metadata": metadata, "rules": rules}
