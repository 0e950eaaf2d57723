"""What the sandbox's own tests share: kubectl against a sandbox, and waiting for a condition."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

import pytest

from k8sops.sandbox.binaries import ensure_binary
from k8sops.sandbox.manager import SandboxHandle
from k8sops.sandbox.pytest_plugin import in_thread

Kubectl = Callable[..., "subprocess.CompletedProcess[str]"]
KubectlBeside = Callable[..., AbstractAsyncContextManager[asyncio.StreamReader]]


@pytest.fixture(scope="session")
def kubectl_path() -> Path:
    return in_thread(lambda: ensure_binary("kubectl"))


@pytest.fixture
def kubectl(kubectl_path: Path, sandbox: SandboxHandle, cluster_namespace: str) -> Kubectl:
    """Runs kubectl in the test's namespace; its output is text."""

    def run(
        *arguments: str, stdin: str = "", kubeconfig: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        config = kubeconfig or sandbox.kubeconfig
        return subprocess.run(
            [kubectl_path, "--kubeconfig", config, "-n", cluster_namespace, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )

    return run


@pytest.fixture
def kubectl_beside(kubectl_path: Path, sandbox: SandboxHandle, cluster_namespace: str) -> KubectlBeside:
    """Runs a kubectl that does not end by itself, and ends it; what it prints can be read meanwhile."""

    @asynccontextmanager
    async def run(*arguments: str) -> AsyncIterator[asyncio.StreamReader]:
        where = ("--kubeconfig", str(sandbox.kubeconfig), "-n", cluster_namespace)
        process = await asyncio.create_subprocess_exec(
            kubectl_path, *where, *arguments, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            # It may have ended by itself, as `exec` does when its pod goes.
            with suppress(ProcessLookupError):
                process.terminate()
            await process.communicate()

    return run
