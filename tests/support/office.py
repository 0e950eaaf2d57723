"""A team at its terminals, in this process: persons with the rights to scale, and a policy that knows them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from k8sops.core.plan import JsonObject
from k8sops.policy.keys import create_key
from k8sops.sandbox.manager import SandboxHandle
from tests.support.command import Command, Told
from tests.support.persons_at_door import (
    apply_all,
    cluster_uid,
    kubeconfig_of,
    on_cluster,
    team_policy,
)
from tests.support.workloads import create, deployment, replicas_of

RULES = [
    {"name": "everything-takes-one", "match": {"risk": "low"}, "effect": "approve", "from": ["sre"]},
    {"name": "confirmed", "match": {"risk": "low"}, "effect": "confirm"},
]
GRANTS = {"effect": "approve", "from": ["sre"], "risk": "low", "longest": "8h", "most_targets": 2}


@dataclass
class Office:
    """A team at its terminals, in one namespace of the sandbox."""

    command: Command
    sandbox: SandboxHandle
    namespace: str
    folder: Path
    users: dict[str, str]
    url: str
    become: Callable[[str], None]

    def at(self, person: str, *arguments: str) -> Told:
        """What a person types, and the answer."""
        self.become(person)
        return self.command(*arguments)

    def scale(self, person: str, replicas: int, *more: str) -> Told:
        """A person scales web."""
        return self.at(
            person,
            "scale",
            "deployment/web",
            "--replicas",
            str(replicas),
            "-n",
            self.namespace,
            "--yes",
            *more,
        )

    def granted(self, *more: str, person: str = "alice", approve: bool = True) -> str:
        """A grant for scaling here, asked for and, by bob, approved; its id."""
        arguments = ("grants", "request", "--action", "scale", "-n", self.namespace, "--for", "2h", *more)
        asked = self.at(person, *arguments, "-o", "json")
        assert asked.code == 4, asked
        grant: JsonObject = asked.document
        if approve:
            done = self.at("bob", "grants", "approve", grant["id"], "--digest", grant["digest"][:12])
            assert done.code == 0, done
        return str(grant["id"])

    def replicas(self) -> int:
        """What web is scaled to."""
        return on_cluster(self.sandbox, lambda c: replicas_of(c, "deployments", "web", self.namespace))[0]

    def codes(self, *filters: str) -> list[str]:
        """Codes of audit records."""
        found: list[JsonObject] = self.command.done("audit", "list", *filters, "-o", "json").document
        return [one["code"] for one in found]


def make_office(
    command: Command,
    sandbox: SandboxHandle,
    namespace: str,
    url: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    **policy: Any,
) -> tuple[Office, list[JsonObject]]:
    """Persons with exactly the rights to scale, under a policy that wants an approval for it."""
    tag = uuid.uuid4().hex[:6]
    users = {person: f"{person}-{tag}" for person in ("alice", "bob", "carol", "dave")}
    keys = {person: create_key(folder / "keys" / f"{person}.pem") for person in users}
    pins = {person: key.public for person, key in keys.items()}
    said = {"rules": RULES, "grants": GRANTS, **policy}
    file = team_policy(folder / "team.yaml", cluster_uid(sandbox), users, keys=pins, **said)
    monkeypatch.setenv("K8SOPS_POLICY", str(file))
    configs = {person: kubeconfig_of(sandbox, folder, user) for person, user in users.items()}
    subjects = [text for user in users.values() for text in ("--subject", f"User:{user}")]
    role = ("rbac", "scale", "-n", namespace, "--kind", "deployments.apps", "--name", f"grants-{tag}")
    manifests = list(yaml.safe_load_all(command.done(*role, *subjects).out))
    apply_all(sandbox, manifests, *users.values())
    on_cluster(sandbox, lambda cluster: create(cluster, deployment("web", namespace, replicas=1)))

    def become(person: str) -> None:
        monkeypatch.setenv("KUBECONFIG", str(configs[person]))
        monkeypatch.setenv("K8SOPS_IDENTITY_KEY", str(folder / "keys" / f"{person}.pem"))

    return Office(command, sandbox, namespace, folder, users, url, become), manifests
