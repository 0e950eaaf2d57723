"""What `backups export` writes is taken by kubectl as it stands, and comes to the same objects."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import aclosing
from pathlib import Path

from k8sops.actions.backups.applicable import Applicable
from k8sops.backup.vault.contents import load_contents
from k8sops.backup.vault.exporting import export_backup
from k8sops.core.errors import NotFoundError
from k8sops.core.plan import JsonObject
from k8sops.sandbox.binaries import ensure_binary
from tests.actions.backups.backing_up import Desk

ODD = {
    "yes": "no", "number": "1e3", "octal": "0o14", "date": "2026-11-21", "null": "null", "tilde": "~", "empty": "",
    "lines": "a\n  b\n\nc\n", "trailing": "x  \ny", "tab": "\tx", "merge": "<<", "colon": "a: b #c",
    "sexagesimal": "1:30", "unicode": "Ünï\U0001f600\u2028end", "backslash": "\\n \"q\" 'q'", "infinity": ".inf",
    "underscore": "1_000", "y": "y",
}  # fmt: skip


async def test_kubectl_applies_what_was_exported(backups: Desk, kubeconfig: Path, tmp_path: Path) -> None:
    """Above all every text is still that text: kubectl's YAML reader is not ours."""
    await backups.make("configmaps", "odd", data=ODD)
    await backups.secret("password", "hunter2")
    await backups.make("deployments", "web", spec=_spec())
    kinds = ["configmaps", "secrets", "deployments.apps"]
    await backups.back_up(include_kinds=kinds)
    vault = await backups.vault()
    contents = await load_contents(vault, backups.cluster.info.uid, await backups.body())
    clean = Applicable(contents.kinds, contents.rows())
    exported = await export_backup(vault, contents, tmp_path / "out", clean=clean, secrets=True)
    assert exported.objects >= 3
    assert exported.left_out >= 1, "the root certificate is published anew"
    before = {kind: await _got(backups, kind, name) for kind, name in _NAMED}
    for kind, name in _NAMED:
        resource = await backups.cluster.resource(kind)
        await backups.cluster.delete(resource, name, backups.namespace)
        await _gone(backups, kind, name)
    done = await asyncio.to_thread(_apply, await ensure_binary("kubectl"), kubeconfig, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    for kind, name in _NAMED:
        found = await _got(backups, kind, name)
        for field in ("data", "spec", "type"):
            assert found.get(field) == before[kind].get(field), (kind, field)


async def test_kubectl_applies_a_whole_namespace_to_another_cluster(
    backups: Desk, kubeconfig: Path, tmp_path: Path
) -> None:
    """Addresses of Services, what Deployments make of themselves, volumes that are elsewhere: nothing is refused.

    The originals are there still, so that an address or an owner that was written would be taken.
    """
    pod_labels = {"app": "web"}
    await backups.make("services", "web", spec={"selector": pod_labels, "ports": [{"port": 80}]})
    await backups.make("services", "headless", spec={"clusterIP": "None", "selector": pod_labels})
    await backups.make("deployments", "web", spec=_spec() | {"replicas": 2})
    await backups.make("statefulsets", "db", spec=_spec() | {"replicas": 1, "serviceName": "headless"})
    await backups.make("jobs", "once", spec={"template": {"spec": _pod_spec("Never")}, "suspend": True})
    await backups.make("serviceaccounts", "robot")
    await backups.make("roles", "read", rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}])
    await backups.claim("data")
    await _there(backups, "replicasets", 1)
    await backups.back_up(include_kinds=["*"])
    vault = await backups.vault()
    contents = await load_contents(vault, backups.cluster.info.uid, await backups.body())
    out = tmp_path / "out"
    await export_backup(vault, contents, out, clean=Applicable(contents.kinds, contents.rows()), secrets=True)
    place = out / "namespaces" / backups.namespace
    assert not (place / "replicasets.apps").exists()
    assert "clusterIP" not in (place / "services" / "web.yaml").read_text()
    assert 'clusterIP: "None"' in (place / "services" / "headless.yaml").read_text()
    everything = Applicable(contents.kinds, contents.rows(), everything=True)
    await export_backup(vault, contents, tmp_path / "all", clean=everything)
    assert (tmp_path / "all" / "namespaces" / backups.namespace / "replicasets.apps").exists()

    other = f"{backups.namespace}-copy"
    for path in out.rglob("*.yaml"):
        path.write_text(path.read_text().replace(backups.namespace, other))
    kubectl = await ensure_binary("kubectl")
    try:
        done = await asyncio.to_thread(_apply, kubectl, kubeconfig, out)
        assert done.returncode == 0, done.stderr
        again = await asyncio.to_thread(_apply, kubectl, kubeconfig, out)
        assert again.returncode == 0, again.stderr
        moved = Desk(backups.cluster, other)
        for kind, name in (("services", "web"), ("statefulsets", "db"), ("jobs", "once"), ("roles", "read")):
            assert await _got(moved, kind, name)
    finally:
        await backups.cluster.delete(await backups.cluster.resource("namespaces"), other)


_NAMED = (("configmaps", "odd"), ("secrets", "password"), ("deployments.apps", "web"))


def _spec() -> JsonObject:
    labels = {"app": "web"}
    return {
        "replicas": 0,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": _pod_spec()},
    }


def _pod_spec(restart: str = "Always") -> JsonObject:
    container = {"name": "web", "image": "web:1", "env": [{"name": "SWITCH", "value": "on"}]}
    return {"containers": [container], "restartPolicy": restart}


async def _there(backups: Desk, kind: str, number: int) -> None:
    resource = await backups.cluster.resource(kind)
    found: set[str] = set()
    async with asyncio.timeout(180), aclosing(backups.cluster.watch(resource, backups.namespace)) as events:
        async for event in events:
            found.add(event.object.get("metadata", {}).get("name", ""))
            if len(found - {""}) >= number:
                return


async def _got(backups: Desk, kind: str, name: str) -> JsonObject:
    return await backups.cluster.get(await backups.cluster.resource(kind), name, backups.namespace)


async def _gone(backups: Desk, kind: str, name: str) -> None:
    async with asyncio.timeout(180):
        while True:
            try:
                await _got(backups, kind, name)
            except NotFoundError:
                return
            await asyncio.sleep(0.1)


def _apply(kubectl: Path, kubeconfig: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [kubectl, "--kubeconfig", kubeconfig, "apply", "--server-side", "-R", "-f", folder],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
