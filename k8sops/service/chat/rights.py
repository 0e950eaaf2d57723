"""Whether the bot may act as somebody on a cluster; where not, the role that it lacks, ready to be applied.

Rights to impersonate are given name by name: a bot that may act as anybody is whoever holds its token.
"""

from __future__ import annotations

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.identity import Impersonation
from k8sops.core.errors import DeniedError
from k8sops.core.plan import JsonObject
from k8sops.core.ports import AccessRequest
from k8sops.policy.rbac import roles_yaml
from k8sops.service.rbac import API, impersonate_rule

ROLE = "k8sops-slack"


class MayNotActAsError(DeniedError):
    """The bot's own credentials lack the right to act as a person; `manifest` is what gives it, as YAML."""

    code = "may_not_act_as"

    def __init__(self, message: str, *, manifest: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.manifest = manifest


async def check_may_act_as(cluster: KubeCluster, whom: Impersonation, person: str) -> None:
    """Raise MayNotActAsError where the bot may not act as this user and in all of these groups."""
    wanted = [("users", whom.user), *(("groups", group) for group in whom.groups)]
    missing = [
        (resource, name)
        for resource, name in wanted
        if not (
            await cluster.can_i(AccessRequest(verb="impersonate", group="", resource=resource, name=name))
        ).allowed
    ]
    if not missing:
        return
    own = (await cluster.whoami()).username
    named = ", ".join(f"{resource.removesuffix('s')} {name}" for resource, name in missing)
    raise MayNotActAsError(
        f"{own} may not act as {person} on cluster {cluster.info.name}: it lacks the right to impersonate {named}",
        hint="an administrator of the cluster applies the role below",
        manifest=roles_yaml(_manifests(own, whom)),
    )


def _manifests(own: str, whom: Impersonation) -> tuple[JsonObject, JsonObject]:
    """A role of exactly these names, and its binding to the bot."""
    name = f"{ROLE}-{whom.user}".lower()
    rules = [impersonate_rule("", "users", [whom.user])]
    if whom.groups:
        rules.append(impersonate_rule("", "groups", list(whom.groups)))
    metadata = {"name": "".join(sign if sign.isalnum() else "-" for sign in name).strip("-")}
    role: JsonObject = {
        "apiVersion": f"{API}/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules,
    }  # fmt: skip
    binding: JsonObject = {
        "apiVersion": f"{API}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": API, "kind": "ClusterRole", "name": metadata["name"]},
        "subjects": [_subject(own)],
    }
    return role, binding


def _subject(username: str) -> JsonObject:
    kind, _, rest = username.partition("system:serviceaccount:")
    namespace, _, account = rest.partition(":")
    if not kind and account:
        return {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    return {"apiGroup": API, "kind": "User", "name": username}
