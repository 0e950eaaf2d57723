"""What `backups export` writes is taken by kubectl as it stands, and comes to the same objects."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

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
    exported = await export_backup(vault, contents, tmp_path / "out", secrets=True)
    assert exported.objects >= 3
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


_NAMED = (("configmaps", "odd"), ("secrets", "password"), ("deployments.apps", "web"))


def _spec() -> JsonObject:
    labels = {"app": "web"}
    container = {"name": "web", "image": "web:1", "env": [{"name": "SWITCH", "value": "on"}]}
    return {
        "replicas": 0,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }


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
        [kubectl, "--kubeconfig", kubeconfig, "apply", "-R", "-f", folder],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
