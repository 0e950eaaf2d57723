"""Pytest fixtures that give tests a real control plane.

    sandbox             one control plane for the whole run
    kubeconfig          its administrator's kubeconfig
    cluster             a client of it, as the administrator (async: needs pytest-asyncio in auto mode)
    cluster_namespace   a fresh namespace on it, deleted after the test
    fresh_cluster       a control plane of the test's own

Where the binaries can neither be found nor built, tests that ask for one fail with one sentence. Nothing heavy is
imported before a fixture is used: pytest loads this module in every run of an environment that has the package.
"""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from k8sops.cluster.client import KubeCluster
    from k8sops.sandbox.manager import SandboxHandle

T = TypeVar("T")


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxHandle]:
    """One control plane for the whole test run, outside the user's own folders."""
    yield from _sandbox(tmp_path_factory.mktemp("sandbox"), "tests")


@pytest.fixture
def fresh_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxHandle]:
    """A control plane of the test's own, for tests that break or stop it."""
    yield from _sandbox(tmp_path_factory.mktemp("fresh"), "fresh")


@pytest.fixture(scope="session")
def kubeconfig(sandbox: SandboxHandle) -> Path:
    """The kubeconfig of the shared control plane's administrator."""
    return sandbox.kubeconfig


@pytest.fixture
async def cluster(kubeconfig: Path) -> AsyncIterator[KubeCluster]:
    """The shared control plane as its administrator, to arrange things and to look."""
    from k8sops.cluster.connect import connect
    from k8sops.core.clock import SystemClock

    found = await connect(
        context=None, kubeconfig=[kubeconfig], impersonate=None, clock=SystemClock(), cluster_names={}
    )
    yield found
    await found.aclose()


@pytest.fixture
def cluster_namespace(sandbox: SandboxHandle) -> Iterator[str]:
    """A namespace of the test's own on the shared control plane, ready for pods."""
    from k8sops.sandbox.namespaces import create_namespace, delete_namespace

    name = f"test-{uuid.uuid4().hex[:10]}"
    in_thread(lambda: create_namespace(sandbox, name))
    yield name
    in_thread(lambda: delete_namespace(sandbox, name))


def _sandbox(home: Path, name: str) -> Iterator[SandboxHandle]:
    from k8sops.core.errors import SandboxError
    from k8sops.sandbox.manager import SandboxManager

    manager = SandboxManager(home)
    try:
        handle = in_thread(lambda: manager.up(name))
    except SandboxError as error:
        pytest.fail(f"no control plane to test with: {error.message} ({error.hint})", pytrace=False)
    try:
        yield handle
    finally:
        in_thread(lambda: manager.down(name))


def in_thread(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on a loop of its own, whatever the test's own loop is doing."""
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(work()))
        except BaseException as error:  # noqa: BLE001 - carried over to the thread that waits
            failures.append(error)

    thread = threading.Thread(target=run, name="sandbox-fixture")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]
