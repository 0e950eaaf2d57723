"""Namespaces for tests: made with all that controllers put into every one, and deleted without waiting.

So a pod can be created at once, and nothing appears in between while somebody compares what is there.
"""

from __future__ import annotations

import asyncio
from typing import Final

from k8sops.core.errors import SandboxError
from k8sops.sandbox.manager import SandboxHandle
from k8sops.sandbox.readiness import admin_client
from k8sops.sandbox.state import SandboxFolder

DEADLINE_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.02


async def create_namespace(sandbox: SandboxHandle, name: str) -> None:
    """Create it and wait for its default service account, without which no pod is admitted, and root certificates.

    Raises SandboxError when they do not come within a minute.
    """
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    everywhere = {
        "default service account": f"/api/v1/namespaces/{name}/serviceaccounts/default",
        "ConfigMap kube-root-ca.crt": f"/api/v1/namespaces/{name}/configmaps/kube-root-ca.crt",
    }
    async with admin_client(_folder(sandbox), sandbox.server) as client:
        await client.create("/api/v1/namespaces", manifest)
        deadline = asyncio.get_running_loop().time() + DEADLINE_SECONDS
        for what, path in everywhere.items():
            while await client.get(path) is None:
                if asyncio.get_running_loop().time() >= deadline:
                    raise SandboxError(
                        f"namespace {name} has no {what} after {DEADLINE_SECONDS:.0f} s",
                        hint="kube-controller-manager makes it; `k8sops sandbox status` says whether it runs",
                    )
                await asyncio.sleep(POLL_SECONDS)


async def delete_namespace(sandbox: SandboxHandle, name: str) -> None:
    """Ask for its deletion; the namespace controller does the rest in its own time."""
    async with admin_client(_folder(sandbox), sandbox.server) as client:
        await client.delete(f"/api/v1/namespaces/{name}")


def _folder(sandbox: SandboxHandle) -> SandboxFolder:
    return SandboxFolder(sandbox.folder.parent, sandbox.name)
