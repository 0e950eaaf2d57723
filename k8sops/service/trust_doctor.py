"""Whom this process would believe, and who would believe it: what `doctor` says of persons, keys and the cluster.

Everything here is told before the first approval is stuck: an identity that may not approve, a key that is missing or
nobody's, approvals nobody could sign.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from k8sops.cluster.client import KubeCluster
from k8sops.cluster.connect import UNVERIFIED
from k8sops.core.actor import Actor
from k8sops.core.errors import K8sOpsError
from k8sops.core.persons import Person
from k8sops.policy.keys import load_key
from k8sops.policy.model import PolicyFile
from k8sops.policy.people import Directory
from k8sops.policy.pins import pinned_keys
from k8sops.policy.policy import Policy
from k8sops.policy.rule_model import Outcome
from k8sops.service.clusters import cluster_refused
from k8sops.service.config import Config
from k8sops.service.doctor import Check
from k8sops.service.identity import key_path

_SHOW = "`k8sops identity show` prints the lines that a policy administrator adds"


def trust_checks(config: Config, policy: Policy, cluster: KubeCluster, username: str) -> Iterator[Check]:
    """Sentences about persons and keys under this policy, on this cluster. Blocking: reads the key's file."""
    if policy.shipped:
        return
    uid = cluster.info.uid
    person = policy.person_of(Actor(name=username), uid)
    yield from _cluster(policy, cluster)
    yield _identity(policy, person, username)
    if policy.trust == "signed":
        yield from _signing(policy, person, config.identity_key or key_path(os.environ))
        yield from _unmet(policy.file)
        if uid.startswith(UNVERIFIED):
            yield _warning(
                "keys",
                "you may not read namespace kube-system, so nothing can be signed for this cluster",
                "an administrator grants `get` on that one namespace; docs/identity.md has the role",
            )
    elif config.database_url.startswith("postgres"):
        yield _warning(
            "trust",
            "the policy trusts what stands in the store, which others can write: whoever can, can have runs executed",
            "`trust: signed` in the policy has carriers check signatures; docs/identity.md says how to begin",
        )


def _cluster(policy: Policy, cluster: KubeCluster) -> Iterator[Check]:
    if refused := cluster_refused(policy, cluster):
        yield _warning(
            "cluster", f"{refused}, so nothing is changed on it", "compare it with the policy's pin"
        )
    elif policy.cluster(cluster.info.uid) is None:
        yield _warning(
            "cluster",
            f"the policy does not list this cluster ({cluster.info.uid}): it counts as production",
            "list it under `clusters`",
        )


def _identity(policy: Policy, person: Person, username: str) -> Check:
    if person.shared:
        return _warning(
            "person",
            f"{username} is an identity several people use: it may propose, and its votes never count",
            "use credentials of your own to approve",
        )
    if not person.mapped:
        return _warning(
            "person",
            f"the policy maps {username} to nobody: your votes never count",
            "a policy administrator adds you under `people`",
        )
    role = ", an administrator of the policy" if policy.is_administrator(person) else ""
    groups = f", in {', '.join(person.groups)}" if person.groups else ""
    return Check(level="ok", subject="person", text=f"the policy knows you as {person.name}{groups}{role}")


def _signing(policy: Policy, person: Person, path: Path) -> Iterator[Check]:
    try:
        key = load_key(path)
    except K8sOpsError as error:
        yield _warning("keys", f"nothing can be signed here: {error.message}", error.hint)
        return
    pin = pinned_keys(policy.file).get(key.key_id)
    if pin is None:
        yield _warning("keys", f"the policy does not pin your key {key.key_id}: nothing can be signed", _SHOW)
    elif person.name and pin.person != person.name:
        yield _warning(
            "keys",
            f"key {key.key_id} is pinned for {pin.person}, but the cluster knows you as {person.name}",
            f"use {person.name}'s own key: K8SOPS_IDENTITY_KEY names its file",
        )
    else:
        yield Check(
            level="ok", subject="keys", text=f"what you do is signed with key {key.key_id}, pinned for you"
        )


def _unmet(file: PolicyFile) -> Iterator[Check]:
    """Approvals that too few persons with a key could give."""
    directory = Directory(file)
    keyed = {name for name, entry in file.people.items() if entry.keys}
    outcomes: list[tuple[str, Outcome]] = [(f"{kind} {rule.name}", rule) for kind, rule in file.each_rule()]
    for name, outcome in outcomes:
        if outcome.effect != "approve":
            continue
        able = directory.members(outcome.approvers)
        if len(able & keyed) < outcome.approvals <= len(able):
            yield _warning(
                "keys",
                f"{name} asks for {outcome.approvals} approvals, and only {len(able & keyed)} of those who may give"
                " them have a pinned key",
                "they run `k8sops identity enrol`",
            )


def _warning(subject: str, text: str, hint: str) -> Check:
    return Check(level="warning", subject=subject, text=text, hint=hint)
