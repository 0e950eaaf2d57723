"""Trouble on demand: who may use the proxy, what each fault does, and that all of it ends."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from k8sops.core import errors
from k8sops.core.clock import SystemClock
from k8sops.sandbox.faults.remote import ChaosRemote
from k8sops.sandbox.faults.specs import (
    AnySpec,
    Errors,
    Latency,
    Nodes,
    Pause,
    Reset,
    Throttle,
    Watches,
)
from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.sandbox.pki import Pki
from k8sops.sandbox.processes import ProcessRecord, is_running
from k8sops.sandbox.pytest_plugin import in_thread
from k8sops.sandbox.state import SandboxFolder
from tests.sandbox.waiting import PATIENCE_S, guards_of, has_ended, kill, until_ready, wait_until_async
from tests.support.certificates import Authority, Pair
from tests.support.clients import client_of
from tests.support.engine_world import eventually

LONG = 600.0
"""Longer than any test: what ends sooner was ended."""
BRIEF = 0.2


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A control plane that these tests alone harm."""
    manager = SandboxManager(tmp_path_factory.mktemp("chaos"))
    yield in_thread(lambda: manager.up("chaos", nodes=3))
    in_thread(lambda: manager.down("chaos"))


@pytest.fixture
async def remote(broken: SandboxHandle) -> AsyncIterator[ChaosRemote]:
    """Its chaos process, without a fault before and after."""
    found = ChaosRemote(broken.name, broken.folder.parent)
    await found.start()
    await found.clear()
    yield found
    await found.clear()


def records_of(handle: SandboxHandle) -> tuple[ProcessRecord, ...]:
    state = SandboxFolder(handle.folder.parent, handle.name).load()
    assert state is not None
    return state.processes


def pid_of(handle: SandboxHandle, component: str) -> int:
    return next(one.pid for one in records_of(handle) if one.component == component)


def is_stopped(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


def client_tls(handle: SandboxHandle, shown: Pair | None, folder: Path) -> ssl.SSLContext:
    """A client that trusts the sandbox and shows this certificate."""
    tls = ssl.create_default_context(cafile=str(handle.folder / "pki" / "cluster-ca.crt"))
    if shown is not None:
        (folder / "client.pem").write_bytes(shown.certificate + shown.key)
        tls.load_cert_chain(folder / "client.pem")
    return tls


def port_of(handle: SandboxHandle) -> int:
    state = SandboxFolder(handle.folder.parent, handle.name).load()
    assert state is not None
    return state.ports.chaos


async def ask(
    handle: SandboxHandle, tls: ssl.SSLContext, path: str, *, method: str = "GET", **headers: str
) -> tuple[int, str]:
    """One request to the proxy. Raises aiohttp's ClientError where not even the connection is let in."""
    url = f"https://127.0.0.1:{port_of(handle)}{path}"
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session,
        session.request(method, url, headers=headers) as response,
    ):
        return response.status, await response.text()


def issued(handle: SandboxHandle, user: str, *groups: str) -> Pair:
    pair = Pki(handle.folder / "pki").issue_for(user, groups, SystemClock().now())
    return Pair(pair.certificate, pair.key)


async def test_a_local_connection_without_a_certificate_of_the_sandbox_gets_nothing(
    broken: SandboxHandle, remote: ChaosRemote, tmp_path: Path
) -> None:
    """The proxy may speak for anybody; any user of this machine can reach its port."""
    stranger = Authority("somebody else").issue(
        "kubernetes-admin", organisations=("system:masters",), client=True
    )
    for shown in (None, stranger):
        tls = client_tls(broken, shown, tmp_path)
        for path in ("/version", "/api/v1/secrets", "/.k8sops/chaos"):
            with pytest.raises((aiohttp.ClientError, ConnectionError)):
                await ask(broken, tls, path, **{"X-Remote-User": "kubernetes-admin"})
    assert await remote.report() is not None, "it still serves those it knows"


async def test_the_api_server_sees_the_certificate_s_person_and_no_other(
    broken: SandboxHandle, remote: ChaosRemote, tmp_path: Path
) -> None:
    """A person without rights must not gain the proxy's, whatever headers they send."""
    tls = client_tls(broken, issued(broken, "mallory", "guests"), tmp_path)
    forged = {"X-Remote-User": "kubernetes-admin", "x-remote-group": "system:masters", "X-REMOTE-UID": "0"}
    for headers in ({}, forged, {"Impersonate-User": "kubernetes-admin"}):
        status, text = await ask(broken, tls, "/api/v1/namespaces/kube-system/secrets", **headers)
        assert (status, "mallory" in text) == (403, True), text
    admin = client_tls(broken, issued(broken, "root", "system:masters"), tmp_path)
    assert (await ask(broken, admin, "/api/v1/namespaces/kube-system/secrets"))[0] == 200


async def test_only_an_administrator_may_make_faults(
    broken: SandboxHandle, remote: ChaosRemote, tmp_path: Path
) -> None:
    """Pausing the API server is no right of everybody who may list pods."""
    tls = client_tls(broken, issued(broken, "mallory", "guests"), tmp_path)
    for method in ("GET", "POST", "DELETE"):
        assert (await ask(broken, tls, "/.k8sops/chaos", method=method))[0] == 403


@pytest.mark.parametrize("user", ["two\nlines", " kubernetes-admin"])
async def test_a_name_that_a_header_would_change_is_nobody(
    broken: SandboxHandle, remote: ChaosRemote, tmp_path: Path, user: str
) -> None:
    """Trimmed by the API server, ` kubernetes-admin` would be the administrator."""
    tls = client_tls(broken, issued(broken, user), tmp_path)
    assert (await ask(broken, tls, "/version"))[0] == 401


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (Throttle(path="/version", retry_after=7, seconds=LONG), (429, "TooManyRequests")),
        (Errors(path="/version", status=503, seconds=LONG), (503, "ServiceUnavailable")),
        (Reset(path="/version", seconds=LONG), None),
    ],
)
async def test_a_fault_of_requests_is_felt_until_it_is_removed(
    broken: SandboxHandle,
    remote: ChaosRemote,
    tmp_path: Path,
    spec: AnySpec,
    expected: tuple[int, str] | None,
) -> None:
    """Only what was asked for fails, only through the proxy, and the fault says how many it befell."""
    tls = client_tls(broken, issued(broken, "root", "system:masters"), tmp_path)
    fault = await remote.add(spec)
    if expected is None:
        with pytest.raises(aiohttp.ClientError):
            await ask(broken, tls, "/version")
    else:
        status, text = await ask(broken, tls, "/version")
        assert (status, expected[1] in text) == (expected[0], True)
    assert (await ask(broken, tls, "/api"))[0] == 200, "another path"
    async with client_of(broken.kubeconfig) as beside:
        assert await beside.server_version()
    report = await remote.report()
    assert report is not None
    # aiohttp asks once more where a connection broke before the answer began.
    assert [(one.id, one.hits in {1, 2}) for one in report.faults] == [(fault.id, True)]
    await remote.remove(fault.id)
    assert (await ask(broken, tls, "/version"))[0] == 200
    with pytest.raises(errors.UsageError, match="no fault"):
        await remote.remove(fault.id)


async def test_every_fault_ends_by_itself(broken: SandboxHandle, remote: ChaosRemote) -> None:
    """A drill that somebody forgot must not be somebody else's outage next week."""
    specs: tuple[AnySpec, ...] = (
        Latency(latency=0.01, seconds=BRIEF),
        Watches(how="cut", every=1, seconds=BRIEF),
        Pause(component="kube-scheduler", seconds=BRIEF),
        Nodes(trouble="vanish", names=("node-3",), seconds=BRIEF),
    )
    for spec in specs:
        await remote.add(spec)
    await until_none_is_left(remote)
    assert not is_stopped(pid_of(broken, "kube-scheduler"))
    async with client_of(broken.kubeconfig) as cluster:
        assert await cluster.get(await cluster.resource("nodes"), "node-3")


async def until_none_is_left(remote: ChaosRemote) -> None:
    async def none() -> bool:
        report = await remote.report()
        return report is not None and not report.faults

    await eventually(none, within_s=PATIENCE_S)


@pytest.mark.parametrize("killed", ["the chaos process", "the guard"])
async def test_a_paused_api_server_goes_on_whoever_of_its_keepers_is_killed(
    broken: SandboxHandle, remote: ChaosRemote, killed: str
) -> None:
    """A stopped API server hangs the whole sandbox, and nothing would tell why."""
    server, chaos = pid_of(broken, "kube-apiserver"), pid_of(broken, "chaos")
    # Its own time has to be over for the chaos process to let it go, and not before the guard has been found.
    seconds = LONG if killed == "the chaos process" else 20.0
    await remote.add(Pause(component="kube-apiserver", seconds=seconds))
    assert is_stopped(server)
    (guard,) = guards_of(chaos)
    await kill(chaos if killed == "the chaos process" else guard)
    await wait_until_async("the API server to go on", lambda: not is_stopped(server))
    async with client_of(broken.kubeconfig) as cluster:
        assert await cluster.server_version()
    manager = SandboxManager(broken.folder.parent)
    if killed == "the chaos process":
        assert (await manager.status(broken.name)).gone == ("chaos",)
        await manager.up(broken.name)
    await until_ready(manager, broken.name)
    await until_none_is_left(remote)


async def test_up_repairs_even_where_all_keepers_of_a_pause_are_killed(
    broken: SandboxHandle, remote: ChaosRemote
) -> None:
    """Nobody is left who would continue the API server; `status` names the process that is gone, and `up` wakes it."""
    server, chaos = pid_of(broken, "kube-apiserver"), pid_of(broken, "chaos")
    await remote.add(Pause(component="kube-apiserver", seconds=LONG))
    (guard,) = guards_of(chaos)
    await kill(guard)
    await kill(chaos)
    assert is_stopped(server)
    manager = SandboxManager(broken.folder.parent)
    status = await manager.status(broken.name)
    assert (status.state, status.gone) == ("degraded", ("chaos",))
    await manager.up(broken.name)
    assert pid_of(broken, "kube-apiserver") == server
    await until_ready(manager, broken.name)
    await until_none_is_left(remote)


async def test_up_wakes_what_is_paused_and_the_fault_is_over(
    broken: SandboxHandle, remote: ChaosRemote
) -> None:
    """`up` repairs; it must not wait for what hangs on purpose."""
    await remote.add(Pause(component="kube-apiserver", seconds=LONG))
    manager = SandboxManager(broken.folder.parent)
    await manager.up(broken.name)
    await until_ready(manager, broken.name)
    await until_none_is_left(remote)


async def test_a_node_says_that_it_is_not_ready_and_another_process_brings_it_back(
    broken: SandboxHandle, remote: ChaosRemote
) -> None:
    """What brings a node back must outlive the process that made the trouble."""
    async with client_of(broken.kubeconfig) as cluster:
        nodes = await cluster.resource("nodes")

        async def is_ready(name: str) -> bool:
            found = await cluster.get(nodes, name)
            (ready,) = [one for one in found["status"]["conditions"] if one["type"] == "Ready"]
            return bool(ready["status"] == "True")

        async def until(name: str, ready: bool) -> None:
            async def as_wanted() -> bool:
                return await is_ready(name) is ready

            await eventually(as_wanted, within_s=PATIENCE_S)

        await remote.add(Nodes(trouble="not-ready", names=("node-1",), zone="sandbox-1b", seconds=LONG))
        await until("node-1", ready=False)
        await until("node-2", ready=False)
        await until("node-3", ready=True)

        await kill(pid_of(broken, "chaos"))
        await remote.start()

        async def taken_over() -> bool:
            report = await remote.report()
            told[:] = [one.text for one in report.faults] if report else []
            return bool(told)

        told: list[str] = []
        await eventually(taken_over, within_s=PATIENCE_S)
        assert told == ["not-ready: node-1, node-2"]
        assert await remote.restore(("node-1",), "") == ("node-1",)
        await until("node-1", ready=True)
        assert not await is_ready("node-2")
        await remote.clear()
        await until("node-2", ready=True)
        found = await cluster.get(nodes, "node-2")
        assert not [key for key in found["metadata"].get("annotations", {}) if "/play" in key]


async def test_an_unreachable_node_is_held_by_nobody_who_renews_it(
    broken: SandboxHandle, remote: ChaosRemote
) -> None:
    """Silence is told by the Lease alone; it must be the kubelet's again afterwards."""
    async with client_of(broken.kubeconfig) as cluster:
        leases = await cluster.resource("leases")

        async def holder() -> str:
            lease = await cluster.get(leases, "node-2", "kube-node-lease")
            return str(lease["spec"].get("holderIdentity", ""))

        async def its_own() -> bool:
            return await holder() not in {"", "k8sops-sandbox-chaos"}

        await eventually(its_own, within_s=PATIENCE_S)
        before = await holder()
        await remote.add(Nodes(trouble="unreachable", names=("node-2",), seconds=LONG))
        assert await holder() == "k8sops-sandbox-chaos"
        await remote.clear()

        async def renewed() -> bool:
            return await holder() == before

        await eventually(renewed, within_s=PATIENCE_S)


async def test_a_watch_outlives_being_cut_and_expired_under_latency(
    broken: SandboxHandle, remote: ChaosRemote
) -> None:
    """What a screen on the faulty context does: lose nothing, double nothing."""
    async with client_of(remote.kubeconfig) as faulty, client_of(broken.kubeconfig) as beside:
        maps = await faulty.resource("cm")
        told: list[str] = []
        async with aclosing(faulty.watch(maps, "default")) as events, asyncio.timeout(PATIENCE_S):
            async for event in events:
                name = event.object.get("metadata", {}).get("name", "")
                if event.type == "synced":
                    await remote.add(Latency(latency=0.05, seconds=LONG))
                    for how in ("cut", "expire"):
                        await remote.add(Watches(how=how))
                    body = {"metadata": {"name": "seen", "namespace": "default"}}
                    await beside.create(maps, {"apiVersion": "v1", "kind": "ConfigMap", **body})
                if name == "seen":
                    told.append(event.type)
                    if event.type == "deleted":
                        break
                    await beside.delete(maps, "seen", "default")
        assert told == ["added", "deleted"]


async def test_a_wrong_request_is_told_in_one_sentence_and_makes_nothing(remote: ChaosRemote) -> None:
    """A typing error must not be the fault."""
    wrong: tuple[tuple[AnySpec, str], ...] = (
        (Nodes(trouble="vanish", names=("node-9",)), "no node 'node-9'"),
        (Nodes(trouble="not-ready", zone="moon"), "no zone 'moon'"),
        (Errors(status=503, path="("), "cannot be made"),
        (Latency(latency=1, seconds=1e9), "cannot be made"),
        (Throttle(share=0), "cannot be made"),
    )
    for spec, said in wrong:
        with pytest.raises(errors.UsageError, match=said):
            await remote.add(spec)
    report = await remote.report()
    assert report is not None
    assert not report.faults


async def test_down_ends_the_proxy_and_a_paused_server_and_leaves_nothing(tmp_path: Path) -> None:
    """Ending a sandbox in the middle of a drill is what one does when the drill went wrong."""
    manager = SandboxManager(tmp_path)
    handle = await manager.up("drill", nodes=1)
    remote = ChaosRemote("drill", tmp_path)
    await remote.add(Pause(component="kube-apiserver", seconds=LONG))
    records = records_of(handle)
    guards = guards_of(pid_of(handle, "chaos"))
    assert await manager.down("drill")
    assert not [one.component for one in records if is_running(one)]
    await wait_until_async("the guard's end", lambda: all(has_ended(one) for one in guards))
    assert not handle.folder.exists()
    with pytest.raises(errors.UsageError, match="there is no sandbox 'drill'"):
        await remote.add(Latency(latency=0.1))
