"""A namespace laid out once for all tests that only look at it, and one bundle of it by an administrator."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from k8sops.actions.collecting.gathering import Gathering
from k8sops.core.log_selection import LogSelection
from k8sops.sandbox.manager import SandboxHandle
from k8sops.sandbox.namespaces import create_namespace, delete_namespace
from k8sops.sandbox.pytest_plugin import in_thread
from tests.actions.collecting.sources.ground import gathered, gathering_of, lay_out, pods_of
from tests.support.bundle_sink import MemorySink
from tests.support.clients import client_of


@pytest.fixture(scope="module")
def space(sandbox: SandboxHandle) -> Iterator[str]:
    """The namespace."""
    name = f"sources-{uuid.uuid4().hex[:8]}"
    in_thread(lambda: create_namespace(sandbox, name))
    yield name
    in_thread(lambda: delete_namespace(sandbox, name))


@pytest.fixture(scope="module")
async def laid_out(space: str, kubeconfig: Path) -> str:
    """The same, with all its objects in place and the crashes begun."""
    async with client_of(kubeconfig) as cluster:
        await lay_out(cluster, space)
    return space


@pytest.fixture(scope="module")
async def bundle(laid_out: str, kubeconfig: Path) -> AsyncIterator[tuple[Gathering, MemorySink]]:
    """What an administrator's bundle of it is gathered from, and what has been gathered."""
    async with client_of(kubeconfig) as cluster:
        selection = LogSelection(namespaces=(laid_out,), workloads=("deployment/idle",))
        pods = await pods_of(cluster, laid_out)
        gathering, sink = gathering_of(cluster, laid_out, pods=pods, selection=selection)
        await gathered(gathering)
        yield gathering, sink


@pytest.fixture
def files(bundle: tuple[Gathering, MemorySink]) -> MemorySink:
    """The files of that bundle."""
    return bundle[1]
