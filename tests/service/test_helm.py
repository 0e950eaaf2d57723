"""Helm releases: read from the Secrets of a real control plane, unpacked, masked, and decoded only on record."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from k8sops.cluster.client import KubeCluster
from k8sops.core.actor import Actor
from k8sops.core.audit import AuditFilter
from k8sops.core.errors import ForbiddenError, NotFoundError, UsageError
from k8sops.core.secret_values import MASK
from k8sops.redact.masking import masked_values
from k8sops.service import open_ops
from k8sops.service.audit_trail import open_audit
from k8sops.service.config import Config, config_of
from k8sops.service.helm import documents, laid_over
from k8sops.service.helm_masking import masked_notes, masked_object
from k8sops.service.helm_storage import unpacked
from tests.support.engine_world import eventually
from tests.support.helm import (
    GIVEN,
    MANIFEST,
    NOTES,
    PASSWORD,
    release_config_map,
    release_secret,
    sealed,
)

ALICE = Actor(name="alice", surface="tui")


async def test_the_newest_revision_of_each_release_is_listed_and_a_broken_one_hides_no_other(
    kubeconfig: Path, cluster: KubeCluster, cluster_namespace: str, tmp_path: Path
) -> None:
    """Ten revisions are kept of each release; one list line is wanted, and nothing secret in it or below it."""
    secrets = await cluster.resource("secrets")
    for manifest in (
        release_secret("cart", cluster_namespace, 9, status="superseded"),
        release_secret("cart", cluster_namespace, 10),
        sealed("odd", cluster_namespace, 1, b"nonsense"),
    ):
        await cluster.create(secrets, manifest)
    config = Config(
        kubeconfig=(kubeconfig,), namespace=cluster_namespace, database_url=f"sqlite:///{tmp_path}/store.db"
    )
    async with open_ops(config) as ops:
        reading = await ops.reading()
        cart, odd = (await reading.releases(cluster_namespace)).found
        assert (cart.name, cart.revision, cart.status, cart.chart) == ("cart", 10, "deployed", "cart-2.1.0")
        assert cart.updated is not None
        assert (cart.updated.hour, cart.app_version) == (9, "1.29"), "told in UTC, whatever zone Helm ran in"
        assert (odd.name, odd.chart) == ("odd", "")
        assert "cannot be unpacked" in odd.trouble
        history = await reading.release_history(cluster_namespace, "cart")
        assert [one.revision for one in history] == [10, 9]
        shown = await reading.release(cart)
        assert PASSWORD not in repr(shown)
        assert shown.all_values["database"]["host"] == "db"
        assert [one["kind"] for one in shown.objects] == ["Secret", "Deployment"]
        whole = await reading.release(cart, ALICE)
        assert (whole.values, whole.masked) == (GIVEN, False)
        with pytest.raises(UsageError, match="cannot be unpacked"):
            await reading.release(odd)
        with pytest.raises(NotFoundError):
            await reading.release_history(cluster_namespace, "other")
    async with open_audit(config) as trail:
        (one,) = await trail.find(AuditFilter(code="session.secret_view"))
    assert one.record is not None
    assert one.record.objects[0].name == "sh.helm.release.v1.cart.v10"
    assert one.record.data == {"release": "cart", "revision": 10}
    nobody = config_of({"kubeconfig": (kubeconfig,), "as": "nobody-at-all"})
    async with open_ops(nobody) as ops:
        with pytest.raises(ForbiddenError):
            await (await ops.reading()).releases()


async def test_what_helm_keeps_in_config_maps_is_listed_beside_the_rest_and_masked_as_well(
    kubeconfig: Path, cluster: KubeCluster, cluster_namespace: str, tmp_path: Path
) -> None:
    """`HELM_DRIVER=configmap` is not rare, and its releases would seem not to be there."""
    config_maps, secrets = await cluster.resource("configmaps"), await cluster.resource("secrets")
    await cluster.create(config_maps, release_config_map("cart", cluster_namespace, 2))
    await cluster.create(config_maps, release_config_map("cart", cluster_namespace, 3))
    await cluster.create(secrets, release_secret("other", cluster_namespace, 1))
    named_like_one = {"name": "owned", "labels": {"owner": "helm", "name": "owned", "version": "1"}}
    await cluster.create(
        config_maps,
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": named_like_one | {"namespace": cluster_namespace},
        },
    )
    config = Config(
        kubeconfig=(kubeconfig,), namespace=cluster_namespace, database_url=f"sqlite:///{tmp_path}/store.db"
    )
    async with open_ops(config) as ops:
        reading = await ops.reading()
        cart, other = (await reading.releases(cluster_namespace)).found
        assert (cart.storage, cart.revision, cart.chart, cart.trouble) == ("configmaps", 3, "cart-2.1.0", "")
        assert (other.storage, other.name) == ("secrets", "other")
        assert [one.revision for one in await reading.release_history(cluster_namespace, "cart")] == [3, 2]
        shown = await reading.release(cart)
        assert PASSWORD not in repr(shown)
        assert (await reading.release(cart, ALICE)).values == GIVEN
    async with open_audit(config) as trail:
        (one,) = await trail.find(AuditFilter(code="session.secret_view"))
    assert one.record is not None
    assert one.record.objects[0].kind == "configmaps"


async def test_who_may_read_config_maps_alone_is_told_what_is_missing_and_never_shown_an_empty_list(
    kubeconfig: Path, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """An auditor who may not read Secrets must not conclude that nothing is installed."""
    role = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}
    about = {"name": "config-maps", "namespace": cluster_namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "config-maps"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "an-auditor"}
    rbac = "rbac.authorization.k8s.io/v1"
    await cluster.create(
        await cluster.resource("roles"),
        {"apiVersion": rbac, "kind": "Role", "metadata": about, "rules": [role]},
    )
    await cluster.create(
        await cluster.resource("rolebindings"),
        {
            "apiVersion": rbac, "kind": "RoleBinding", "metadata": about,
            "roleRef": reference, "subjects": [subject],
        },
    )  # fmt: skip
    auditor = config_of({"kubeconfig": (kubeconfig,), "as": "an-auditor"})

    async with open_ops(auditor) as ops:
        reading = await ops.reading()
        with pytest.raises(ForbiddenError, match="secrets"):
            await reading.releases(cluster_namespace)
        await cluster.create(
            await cluster.resource("configmaps"), release_config_map("cart", cluster_namespace, 1)
        )

        async def sees_it() -> bool:
            try:
                return bool((await reading.releases(cluster_namespace)).found)
            except ForbiddenError:
                return False

        await eventually(sees_it)
        found = await reading.releases(cluster_namespace)
        assert ([one.name for one in found.found], found.unread) == (["cart"], ("secrets",))


async def test_hooks_are_read_with_how_they_went_and_masked(
    kubeconfig: Path, cluster: KubeCluster, cluster_namespace: str
) -> None:
    """They are in no manifest; a migration's password is on its command line."""
    await cluster.create(await cluster.resource("secrets"), release_secret("cart", cluster_namespace, 1))
    async with open_ops(Config(kubeconfig=(kubeconfig,), namespace=cluster_namespace)) as ops:
        reading = await ops.reading()
        (cart,) = (await reading.releases(cluster_namespace)).found
        migration, trial = (await reading.release(cart)).hooks
    assert (migration.events, migration.weight) == (("pre-install", "pre-upgrade"), -5)
    assert (migration.phase, migration.ended) == (
        "Succeeded",
        datetime(2026, 11, 20, 9, 0, 7, 200_000, tzinfo=UTC),
    )
    assert migration.object["spec"]["template"]["spec"]["containers"][0]["args"] == ["--password", MASK]
    assert (trial.events, trial.phase, trial.ended) == (("test",), "", None)


def test_values_are_masked_by_name_and_by_look_and_references_stay() -> None:
    """Which Secret is used is what a reader needs; what is in it is not."""
    shown = masked_values(
        {
            **GIVEN,
            "auth": {"token": {"value": 4711, "secretName": "x"}, "enabled": True},
            "env": [{"name": "API_TOKEN", "value": "t0ken"}, {"name": "MODE", "value": "fast"}],
            "passwords": ["one", "two"],
            "adminPassword": "",
        }
    )
    assert shown["replicas"] == 3
    assert shown["database"] == {"password": MASK, "existingSecret": {"name": "db", "key": "url"}}
    assert shown["url"] == MASK
    assert shown["auth"] == {"token": {"value": MASK, "secretName": "x"}, "enabled": True}
    assert shown["env"] == [{"name": "API_TOKEN", "value": MASK}, {"name": "MODE", "value": "fast"}]
    assert shown["passwords"] == [MASK, MASK]
    assert shown["adminPassword"] == ""


def test_objects_of_a_manifest_are_masked_wherever_a_secret_stands() -> None:
    """A password is in a Secret, an environment and an argument alike."""
    secret, deployment = (masked_object(one) for one in documents(MANIFEST))
    assert secret["data"]["password"] == f"{MASK} (16 bytes)"
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert container["args"] == ["--listen=:80", "--password", MASK]
    assert [one["value"] for one in container["env"]] == [MASK, "info"]
    with pytest.raises(UsageError, match="no YAML"):
        documents("a: [")
    assert documents("") == ()


def test_notes_keep_the_command_that_fetches_a_password_and_lose_the_password() -> None:
    """Charts print both."""
    shown = masked_notes(NOTES + "export PASSWORD=$(kubectl get secret cart)\n")
    assert PASSWORD not in shown
    assert "kubectl get ingress" in shown
    assert "$(kubectl get secret cart)" in shown


def test_a_given_null_takes_a_value_of_the_chart_away() -> None:
    """As Helm does it."""
    chart = {"a": {"b": 1, "c": 2}, "d": 3}
    assert laid_over(chart, {"a": {"b": None, "c": {"e": 1}}, "d": [1]}) == {"a": {"c": {"e": 1}}, "d": [1]}
    assert chart == {"a": {"b": 1, "c": 2}, "d": 3}


def test_a_release_is_unpacked_zipped_or_not_and_a_bomb_is_refused() -> None:
    """Anybody who may write a Secret could fill the memory of everybody who looks."""

    def packed(data: bytes) -> str:
        return base64.b64encode(base64.b64encode(data)).decode()

    old = json.dumps({"name": "old", "config": {"a": 1}, "chart": None}).encode()
    assert unpacked(packed(old)).config == {"a": 1}
    assert unpacked(base64.b64encode(old).decode(), layers=1).config == {"a": 1}
    with pytest.raises(UsageError, match="larger than"):
        unpacked(packed(gzip.compress(b" " * 5000 + b"{}")), largest=1024)
    odd = [b"\x1f\x8b\x08junk", b"[]", b'{"info": []}', b'{"hooks": [{"weight": "x"}]}', b"[" * 100_000]
    for broken in ("", "!", *map(packed, odd)):
        with pytest.raises(UsageError, match="cannot be unpacked"):
            unpacked(broken)
