"""Pods put straight into etcd must be indistinguishable from pods the API server made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from k8sops.core.clock import SystemClock
from k8sops.sandbox.manager import SandboxHandle
from k8sops.sandbox.seed.api import SeedApi, open_api
from k8sops.sandbox.seed.etcd_copies import open_copies
from k8sops.sandbox.seed.load import LoadWriter
from k8sops.sandbox.seed.load_objects import LoadSize, load_size
from k8sops.sandbox.seed.manifests import collection_path

PODS = 12
NODES = 2
SAY: Callable[[str], None] = lambda _: None  # noqa: E731 - progress nobody reads


def _shape(value: Any) -> Any:
    """The structure without its values."""
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [_shape(item) for item in value]
    return type(value).__name__


async def _write(kubeconfig: Path, size: LoadSize) -> list[dict[str, Any]]:
    async with open_api(kubeconfig, connections=8) as api, open_copies(kubeconfig) as copies:
        await LoadWriter(api, SystemClock(), SAY, size, copies).run()
        return await _pods(api)


async def _pods(api: SeedApi) -> list[dict[str, Any]]:
    selector = "sandbox.k8sops.dev/load=true"
    return [pod async for pod in api.items(collection_path("Pod"), labelSelector=selector)]


async def test_copies_have_the_shape_of_what_the_api_server_makes(
    fresh_cluster: SandboxHandle, tmp_path: Path
) -> None:
    """First through the API alone (a kubeconfig outside the sandbox's folder), then with copies beside them."""
    elsewhere = tmp_path / "kubeconfig"
    elsewhere.write_bytes(fresh_cluster.kubeconfig.read_bytes())
    async with open_copies(elsewhere) as copies:
        assert copies is None
    made = await _write(elsewhere, load_size(PODS + NODES, PODS, NODES))
    assert len(made) == PODS
    pods = await _write(fresh_cluster.kubeconfig, load_size(3 * PODS + NODES, 3 * PODS, NODES))
    assert len(pods) == 3 * PODS
    shapes = [_shape({**pod, "metadata": {**pod["metadata"], "managedFields": []}}) for pod in pods]
    for shape in shapes:
        assert shape == shapes[0]
    assert len({pod["metadata"]["uid"] for pod in pods}) == 3 * PODS
    assert {pod["metadata"]["uid"] for pod in made} <= {pod["metadata"]["uid"] for pod in pods}
    assert {pod["status"]["phase"] for pod in pods} == {"Running"}
