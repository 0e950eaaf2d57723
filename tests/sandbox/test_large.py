"""Sandboxes that hold a load from their first moment: two out of one snapshot are two clusters, and nothing is stale.

The load is small, so that the tests are quick; what it consists of is what a large one consists of.
"""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import ssl
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from k8sops.core.clock import Clock, SystemClock, parse_rfc3339
from k8sops.core.errors import SandboxError
from k8sops.sandbox.binaries import ensure_binary
from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.sandbox.nodes import node_manifest
from k8sops.sandbox.pki import Pki
from k8sops.sandbox.ports import PortClaims
from k8sops.sandbox.preload import Preload
from k8sops.sandbox.processes import is_running
from k8sops.sandbox.pytest_plugin import in_thread
from k8sops.sandbox.seed import load_objects
from k8sops.sandbox.seed.api import SeedApi, open_api
from k8sops.sandbox.seed.load_objects import LoadSize, Placed
from k8sops.sandbox.seed.manifests import collection_path
from k8sops.sandbox.seed.stored import StoredLoad
from k8sops.sandbox.snapshots import About, SnapshotCache
from k8sops.sandbox.state import SandboxFolder, SandboxState
from tests.sandbox.test_lifecycle import state_of, traces
from tests.sandbox.waiting import wait_until_async

NODES, PODS, OBJECTS = 4, 40, 120
SIZE = LoadSize(nodes=NODES, pods=PODS, rest=OBJECTS - PODS - NODES)
LOAD = {"labelSelector": "sandbox.k8sops.dev/load=true"}
KINDS = ("Namespace", "Node", "Pod", "ConfigMap", "Secret", "Service", "ServiceAccount")


class LastWeek(SystemClock):
    """Everything made by it is a week old."""

    def now(self) -> datetime:
        return super().now() - timedelta(days=7)


class Pair(msgspec.Struct, frozen=True):
    """Two sandboxes: the first was filled a week ago, the second comes out of its snapshot."""

    first: SandboxHandle
    second: SandboxHandle
    said: list[str]
    """What the second said while it was brought up."""
    snapshots: SnapshotCache


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    home = tmp_path_factory.mktemp("large")
    snapshots = SnapshotCache(home / "snapshots")
    said: list[str] = []

    def up(name: str, clock: Clock, say: Callable[[str], None]) -> SandboxHandle:
        manager = SandboxManager(home / "home", clock=clock, snapshots=snapshots)
        return in_thread(lambda: manager.up(name, nodes=NODES, pods=PODS, objects=OBJECTS, say=say))

    manager = SandboxManager(home / "home")
    try:
        first = up("first", LastWeek(), lambda _: None)
        yield Pair(first, up("second", SystemClock(), said.append), said, snapshots)
    finally:
        for name in ("first", "second"):
            in_thread(lambda name=name: manager.down(name))  # type: ignore[misc]


async def everything(api: SeedApi, kind: str) -> dict[str, dict[str, Any]]:
    query = {} if kind == "Node" else LOAD
    found = [item async for item in api.items(collection_path(kind), **query)]
    return {f"{one['metadata'].get('namespace', '')}/{one['metadata']['name']}": one for one in found}


async def test_two_sandboxes_out_of_one_snapshot_are_two_clusters(pair: Pair) -> None:
    """A cluster's key is the uid of kube-system: approvals and runs of the one must never count for the other."""
    assert any(line.startswith("restoring") for line in pair.said)
    assert not any("written" in line for line in pair.said)
    async with (
        open_api(pair.first.kubeconfig, connections=4) as first,
        open_api(pair.second.kubeconfig, connections=4) as second,
    ):
        identities = [await api.find("/api/v1/namespaces/kube-system") for api in (first, second)]
        uids = {identity["metadata"]["uid"] for identity in identities if identity}
        assert len(uids) == 2
        for kind in KINDS:
            ours, theirs = await everything(first, kind), await everything(second, kind)
            assert ours.keys() == theirs.keys(), kind
            assert len(ours) > 0
            own = {one["metadata"]["uid"] for one in ours.values()}
            assert len(own) == len(ours)
            assert not own & {one["metadata"]["uid"] for one in theirs.values()}, kind
        assert len(await everything(second, "Pod")) == PODS


async def test_what_comes_out_of_a_snapshot_is_as_young_as_its_sandbox(pair: Pair) -> None:
    """A snapshot of last week must not make nodes look dead, have pods evicted, or show ages of a week."""
    created = parse_rfc3339(state_of(pair.second).created)
    async with open_api(pair.second.kubeconfig, connections=4) as api:
        pods, nodes = await everything(api, "Pod"), await everything(api, "Node")
        for one in (*pods.values(), *nodes.values()):
            assert parse_rfc3339(one["metadata"]["creationTimestamp"]) >= created - timedelta(seconds=2)
        for pod in pods.values():
            assert pod["status"]["phase"] == "Running"
            assert "deletionTimestamp" not in pod["metadata"]
            assert parse_rfc3339(pod["status"]["startTime"]) >= created - timedelta(seconds=2)
        for node in nodes.values():
            assert not node["spec"].get("taints")
        events = [item async for item in api.items("/api/v1/events")]
        assert not [one for one in events if one["reason"] in {"NodeNotReady", "TaintManagerEviction"}]


async def test_leases_and_logs_are_of_the_sandbox_they_are_in(pair: Pair) -> None:
    """A node that led to another sandbox's kubelet would show that one's logs, or none."""
    for handle in (pair.first, pair.second):
        async with open_api(handle.kubeconfig, connections=4) as api:
            path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
            leases = [item async for item in api.items(path)]
            assert {one["metadata"]["name"] for one in leases} == {f"node-{n + 1}" for n in range(NODES)}
            pod = next(iter((await everything(api, "Pod")).values()))["metadata"]
            where = f"{collection_path('Pod', pod['namespace'])}/{pod['name']}/log?tailLines=1"
            assert (await api.send("GET", where)).body


async def test_every_namespace_trusts_its_own_sandbox_and_tokens_open_no_other(pair: Pair) -> None:
    """A client in a pod verifies the API server by this file; a token of one cluster must be nothing in another."""
    tokens: list[str] = []
    for handle in (pair.first, pair.second):
        own = Pki(handle.folder / "pki").certificate("cluster-ca").read_text()
        async with open_api(handle.kubeconfig, connections=4) as api:

            async def trusted(api: SeedApi = api) -> list[str]:
                items = api.items("/api/v1/configmaps", fieldSelector="metadata.name=kube-root-ca.crt")
                return [item["data"]["ca.crt"] async for item in items]

            namespaces = [item async for item in api.items("/api/v1/namespaces")]
            deadline = asyncio.get_running_loop().time() + 60
            while len(await trusted()) < len(namespaces):
                assert asyncio.get_running_loop().time() < deadline, "a namespace has no kube-root-ca.crt"
                await asyncio.sleep(0.1)
            assert {text.strip() for text in await trusted()} == {own.strip()}
            request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
            path = "/api/v1/namespaces/load-000/serviceaccounts/load/token"
            answer = await api.send("POST", path, msgspec.json.encode(request))
            tokens.append(answer.json()["status"]["token"])
    for handle in (pair.first, pair.second):
        statuses = [await whoami(handle, token) for token in tokens]
        assert statuses == ([201, 401] if handle is pair.first else [401, 201])


async def whoami(handle: SandboxHandle, token: str) -> int:
    tls = ssl.create_default_context(cafile=str(Pki(handle.folder / "pki").certificate("cluster-ca")))
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    url = f"{handle.server}/apis/authentication.k8s.io/v1/selfsubjectreviews"
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session,
        session.post(url, json=review, headers=headers) as answer,
    ):
        return answer.status


def test_a_snapshot_holds_nothing_of_the_sandbox_it_was_made_in(pair: Pair) -> None:
    """What is not in it cannot leak into the next sandbox, nor lie about readable in a cache."""
    (snapshot,) = pair.snapshots.all()
    content = snapshot.database.read_bytes()
    assert b"/registry/pods/load-000/" in content
    for key in (
        b"leases",
        b"kube-system",
        b"kube-root-ca",
        b"clusterroles",
        b"endpointslices",
        b"masterleases",
    ):
        assert key not in content
    pki = Pki(pair.first.folder / "pki")
    for name in ("cluster-ca", "etcd", "service-account", "admin"):
        pair_of_keys = pki.read(name)
        for pem in (pair_of_keys.certificate, pair_of_keys.key):
            line = pem.splitlines()[1]
            assert line not in content
            assert base64.b64decode(line) not in content


async def test_the_load_is_what_the_api_server_would_have_stored(pair: Pair) -> None:
    """Written past the API server, it must differ in nothing: a tool that works here has to work on a real cluster.

    Where this fails after a change of versions or of the load, `python -m tools.stored_forms` writes the forms anew.
    """
    stored = StoredLoad(SIZE, "2026-01-01T00:00:00Z", "0123456789ab")
    async with open_api(pair.second.kubeconfig, connections=4) as api:
        for placed in (
            load_objects.namespace(900),
            Placed("ServiceAccount", "load-000", "more", named(load_objects.service_account(0), "more")),
            load_objects.rest(10_000, SIZE),
            load_objects.rest(10_002, SIZE),
            load_objects.rest(10_004, SIZE),
        ):
            made = await made_by_api(api, placed, "?dryRun=All")
            assert plain(made) == plain(decoded(stored, placed)), placed.kind

        number = SIZE.pods + 7
        pod = load_objects.pod(number, SIZE, "node-1")
        await made_by_api(api, pod)
        status = load_objects.running(pod, number, "2026-01-01T00:00:00Z")
        path = f"{collection_path('Pod', pod.namespace)}/{pod.name}"
        answer = await api.send("PUT", f"{path}/status", msgspec.json.encode(pod.body | {"status": status}))
        await api.send("DELETE", f"{path}?gracePeriodSeconds=0")
        made = answer.json()
        assert plain(made) == plain(decoded(stored, pod, number))

        node = Placed("Node", "", "node-900", named(node_one(), "node-900"))
        made = await made_by_api(api, node, "?dryRun=All")
        assert made["spec"].pop("taints"), (
            "a node is not ready when it is made; out of a load it never was otherwise"
        )
        assert plain(made) == plain(decoded(stored, node))


def node_one() -> Placed:
    return Placed("Node", "", "node-1", node_manifest(1))


def named(placed: Placed, name: str) -> dict[str, Any]:
    return placed.body | {"metadata": placed.body["metadata"] | {"name": name}}


def decoded(stored: StoredLoad, placed: Placed, number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stored.entry(placed, number)[1])
    return found


async def made_by_api(api: SeedApi, placed: Placed, query: str = "") -> dict[str, Any]:
    path = collection_path(placed.kind, placed.namespace) + query
    return (await api.send("POST", path, msgspec.json.encode(placed.body))).json()


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """Without what every object has of its own, and without fields that say nothing."""
    metadata = {
        k: v for k, v in found["metadata"].items() if k not in {"uid", "resourceVersion", "creationTimestamp"}
    }
    for entry in metadata["managedFields"]:
        del entry["time"]
    result = told(found | {"metadata": metadata})
    assert isinstance(result, dict)
    return result


def told(value: Any) -> Any:
    if isinstance(value, dict):
        silent: dict[str, Any] = {"lastState": {}}
        return {k: told(v) for k, v in value.items() if v is not None and silent.get(k) != v}
    if isinstance(value, list):
        return [told(item) for item in value]
    return value


async def test_the_same_command_again_changes_nothing_and_another_load_is_refused(pair: Pair) -> None:
    """`up` is also how one asks whether it is up; a load cannot be exchanged under a running cluster."""
    manager = SandboxManager(pair.second.folder.parent, snapshots=pair.snapshots)
    again = await manager.up("second", nodes=NODES, pods=PODS, objects=OBJECTS)
    assert again.was_running
    assert (await manager.up("second")).was_running
    assert (await manager.status("second")).load == SIZE
    with pytest.raises(SandboxError, match="exists already, without this load") as refused:
        await manager.up("second", nodes=NODES, pods=PODS + 1)
    assert "sandbox seed --name second" in refused.value.hint


def preload_of(folder: SandboxFolder, snapshots: SnapshotCache, said: list[str]) -> Preload:
    folder.create()
    with PortClaims() as claims:
        ports = claims.choose()
    state = SandboxState(
        name="x", created="", version_set="", ports=ports, nodes=NODES, load=SIZE, laying=True
    )
    return Preload(folder, state, snapshots, SystemClock(), said.append)


async def test_a_broken_snapshot_is_found_removed_and_said(pair: Pair, tmp_path: Path) -> None:
    """By its hash, before etcd reads it: a database with a wrong byte may start and lie."""
    (snapshot,) = pair.snapshots.all()
    content = snapshot.database.read_bytes()
    snapshots, said = SnapshotCache(tmp_path / "snapshots"), list[str]()

    async def whole() -> Any:
        yield content

    await snapshots.save(snapshot.about, whole())
    etcdutl = await ensure_binary("etcdutl")
    good = SandboxFolder(tmp_path, "good")
    assert await preload_of(good, snapshots, said).restore(etcdutl)
    assert (good.etcd / "member" / "snap" / "db").stat().st_size > 0

    copy = snapshots.all()[0].database
    copy.write_bytes(content[:100_000] + bytes([content[100_000] ^ 1]) + content[100_001:])
    bad = SandboxFolder(tmp_path, "bad")
    assert not await preload_of(bad, snapshots, said).restore(etcdutl)
    assert said[-1] == "the cached snapshot cannot be used and is made anew: it is not what was written"
    assert (snapshots.all(), names(bad.etcd)) == ((), [])


async def test_a_snapshot_that_etcdutl_refuses_is_removed_and_leaves_an_empty_database(
    tmp_path: Path,
) -> None:
    """Whatever is wrong with it, the sandbox has to come up; it then takes as long as the first time."""
    snapshots, said = SnapshotCache(tmp_path / "snapshots"), list[str]()

    async def nonsense() -> Any:
        yield b"no database" * 100

    await snapshots.save(About(size=SIZE, moment="2026-01-01T00:00:00Z", tail="0123456789ab"), nonsense())
    folder = SandboxFolder(tmp_path, "x")
    assert not await preload_of(folder, snapshots, said).restore(await ensure_binary("etcdutl"))
    assert "etcdutl refused it" in said[-1]
    assert (snapshots.all(), names(folder.etcd)) == ((), [])


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_an_interrupted_filling_leaves_neither_sandbox_nor_snapshot(tmp_path: Path) -> None:
    """Ctrl-C while thousands of objects are written; a database with half of them would look like a whole one."""
    home, snapshots, said = tmp_path / "home", tmp_path / "snapshots", list[str]()
    manager = SandboxManager(home, snapshots=SnapshotCache(snapshots))
    filling = asyncio.ensure_future(
        manager.up("cut", nodes=NODES, pods=PODS, objects=OBJECTS, say=said.append)
    )
    await wait_until_async("the snapshot to be begun", lambda: any("keeping" in line for line in said))
    filling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await filling
    assert traces(home) == []
    assert [one for one in SnapshotCache(snapshots).all() if not one.is_whole()] == []


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from k8sops.sandbox.manager import SandboxManager
from k8sops.sandbox.snapshots import SnapshotCache

def say(line):
    if "objects written" in line:
        os.kill(os.getpid(), signal.SIGKILL)

home = Path(sys.argv[1])
manager = SandboxManager(home / "home", snapshots=SnapshotCache(home / "snapshots"))
asyncio.run(manager.up("killed", nodes=4, pods=40, objects=120, say=say))
"""


async def test_a_filling_that_was_killed_is_begun_anew(tmp_path: Path) -> None:
    """kill -9 cannot clean up: etcd runs on, with who knows how much in it. The next `up` must not build on that."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, str(tmp_path))
    assert await asyncio.wait_for(process.wait(), 120) == -signal.SIGKILL
    folder = SandboxFolder(tmp_path / "home", "killed")
    left = folder.load()
    assert left is not None
    assert (left.laying, [one.component for one in left.processes]) == (True, ["etcd"])
    assert is_running(left.processes[0])
    manager = SandboxManager(tmp_path / "home", snapshots=SnapshotCache(tmp_path / "snapshots"))
    try:
        handle = await manager.up("killed", nodes=NODES, pods=PODS, objects=OBJECTS)
        assert not is_running(left.processes[0])
        async with open_api(handle.kubeconfig, connections=4) as api:
            assert len(await everything(api, "Pod")) == PODS
    finally:
        await manager.down("killed")
    assert traces(tmp_path / "home") == []
