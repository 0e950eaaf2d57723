"""`k8sops rbac` against a real API server: what it prints is valid, suffices, and is no more than is needed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from k8sops.cluster.client import KubeCluster
from k8sops.core.plan import JsonObject
from k8sops.sandbox.manager import SandboxHandle
from tests.support.command import Command
from tests.support.persons_at_door import (
    apply_all,
    cluster_uid,
    kubeconfig_of,
    on_cluster,
    remove_all,
    team_policy,
)
from tests.support.workloads import create, deployment, replicas_of

NEEDED = [
    ("deployments/scale", "get"),
    ("deployments/scale", "update"),
    ("deployments", "watch"),
]
"""Without any of these, `scale` cannot be done. `list` is for servers that do not stream their lists; this one does."""


@pytest.fixture
def somebody(sandbox: SandboxHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user nobody has given any rights, at the command line."""
    user = f"user-{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig_of(sandbox, tmp_path, user)))
    return user


@pytest.fixture
def given(sandbox: SandboxHandle) -> Iterator[list[JsonObject]]:
    """Roles a test has applied; taken back at its end."""
    applied: list[JsonObject] = []
    yield applied
    remove_all(sandbox, applied)


def printed(command: Command, *arguments: str) -> list[JsonObject]:
    """The manifests as printed."""
    return list(yaml.safe_load_all(command.done("rbac", *arguments).out))


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("scale", "-n", "default", "-n", "kube-public", "--subject", "User:alice"),
        ("cordon", "uncordon", "--subject", "Group:ops", "--subject", "ServiceAccount:default/worker"),
        ("--worker", "--subject", "User:worker"),
    ],
)
def test_what_is_printed_is_valid_to_the_api_server(
    command: Command, sandbox: SandboxHandle, arguments: tuple[str, ...]
) -> None:
    """As `kubectl apply --dry-run=server` would say."""
    manifests = printed(command, *arguments, "--name", "k8sops-preview")

    async def preview(cluster: KubeCluster) -> None:
        for manifest in manifests:
            resource = await cluster.resource(f"{manifest['kind']}.rbac.authorization.k8s.io")
            await cluster.preview_apply(resource, manifest, field_manager="tests")

    on_cluster(sandbox, preview)
    rules = [rule for manifest in manifests for rule in manifest.get("rules", ())]
    assert rules
    assert not any("*" in rule["resources"] or "*" in rule["verbs"] for rule in rules)
    assert not any("secrets" in rule["resources"] for rule in rules)


def test_with_exactly_that_role_a_person_can_run_the_action(
    command: Command,
    sandbox: SandboxHandle,
    cluster_namespace: str,
    somebody: str,
    given: list[JsonObject],
    own_store: str,
) -> None:
    """What is printed suffices: planned, applied, waited for, by somebody who may do nothing else."""
    on_cluster(sandbox, lambda cluster: create(cluster, deployment("web", cluster_namespace, replicas=1)))
    scale = ("scale", "deployment/web", "--replicas", "2", "-n", cluster_namespace, "--yes")
    assert command(*scale).code == 1
    role = ("scale", "-n", cluster_namespace, "--kind", "deployments.apps", "--name", somebody)
    given += printed(command, *role, "--subject", f"User:{somebody}")
    apply_all(sandbox, given, somebody)
    done = command(*scale)
    assert done.code == 0, done
    assert on_cluster(sandbox, lambda c: replicas_of(c, "deployments", "web", cluster_namespace)) == (2, 2)
    assert command("scale", "sts/web", "--replicas", "2", "-n", cluster_namespace, "--plan").code == 1


@pytest.mark.parametrize(("resource", "verb"), NEEDED)
def test_without_one_of_its_verbs_the_action_cannot_be_done(
    command: Command,
    sandbox: SandboxHandle,
    cluster_namespace: str,
    somebody: str,
    given: list[JsonObject],
    own_store: str,
    resource: str,
    verb: str,
) -> None:
    """What is printed is needed: the sentence that comes instead names what is missing."""
    on_cluster(sandbox, lambda cluster: create(cluster, deployment("web", cluster_namespace, replicas=1)))
    role = ("scale", "-n", cluster_namespace, "--kind", "deployments.apps", "--name", somebody)
    manifests = printed(command, *role, "--subject", f"User:{somebody}")
    taken = _without(manifests, resource, verb)
    assert taken, "the role never had it"
    given += manifests
    apply_all(sandbox, given, somebody)
    arguments = (
        "scale",
        "deployment/web",
        "--replicas",
        "2",
        "-n",
        cluster_namespace,
        "--timeout",
        "20s",
        "--yes",
    )
    told = command(*arguments)
    assert told.code == 1, told
    assert somebody in told.err
    assert verb in told.err


def test_a_worker_s_role_is_to_act_as_those_whom_the_policy_names_and_nobody_else(
    command: Command, sandbox: SandboxHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that may impersonate anybody is an administrator by another name."""
    users = {"alice": "alice@example.org", "bob": "bob@example.org"}
    acts_as = {"people": {"alice": {"user": "alice@example.org", "groups": ["ops"]}}}
    policy = team_policy(
        tmp_path / "team.yaml",
        cluster_uid(sandbox),
        users,
        execute_as=acts_as,
        access_review={"requester": True},
    )
    monkeypatch.setenv("K8SOPS_POLICY", str(policy))
    (role,) = printed(command, "scale", "--worker")
    acts = {rule["resources"][0]: rule for rule in role["rules"] if rule["verbs"] == ["impersonate"]}
    assert acts["users"]["resourceNames"] == ["alice@example.org"]
    assert acts["groups"]["resourceNames"] == ["ops"]
    verbs = {verb for rule in role["rules"] for verb in rule["verbs"]}
    assert verbs == {"get", "list", "watch", "impersonate", "create"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("skale",), "there is no action 'skale'"),
        (("scale", "--subject", "alice"), "'alice' is no subject of a role"),
        (("scale", "--subject", "ServiceAccount:worker"), "ServiceAccount:NAMESPACE/NAME"),
    ],
)
def test_wrong_input_gets_one_sentence_and_exit_2(
    command: Command, arguments: tuple[str, ...], sentence: str
) -> None:
    """Nothing half is printed, which a pipe would apply."""
    told = command("rbac", *arguments)
    assert told.code == 2
    assert sentence in told.err
    assert told.out == ""


def _without(manifests: list[JsonObject], resource: str, verb: str) -> bool:
    """Take one verb on one resource out of the rules; whether it was there."""
    found = False
    for manifest in manifests:
        for rule in manifest.get("rules", ()):
            if resource in rule["resources"] and verb in rule["verbs"]:
                others = [each for each in rule["resources"] if each != resource]
                assert not others
                rule["verbs"].remove(verb)
                found = True
        if "rules" in manifest:
            manifest["rules"] = [rule for rule in manifest["rules"] if rule["verbs"]]
    return found


def test_a_backup_that_is_named_may_read_every_kind_unless_some_are_named(command: Command) -> None:
    """Its role gives away Secrets, so nobody gets it without asking for it by name."""
    (role,) = printed(command, "backup")
    (every,) = [rule for rule in role["rules"] if rule["resources"] == ["*"]]
    assert every["apiGroups"] == ["*"]
    assert {"get", "list"} <= set(every["verbs"]) <= {"get", "list", "watch"}
    (narrow,) = printed(command, "backup", "--kind", "configmaps")
    assert not any("*" in rule["resources"] for rule in narrow["rules"])
