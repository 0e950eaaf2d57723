"""What the sandbox's own tests share: kubectl against a sandbox, and waiting for a condition."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from k8sops.sandbox.binaries import ensure_binary
from k8sops.sandbox.manager import SandboxHandle
from k8sops.sandbox.pytest_plugin import in_thread

Kubectl = Callable[..., "subprocess.CompletedProcess[str]"]


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
            timeout=60,
        )

    return run
