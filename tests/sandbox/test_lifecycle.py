"""Starting, breaking, repairing and ending sandboxes: what is left behind, and what is never touched."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import psutil
import pytest

from k8sops.core.clock import SystemClock
from k8sops.core.errors import SandboxError, UsageError
from k8sops.core.ports import ScratchCluster
from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.sandbox.ports import PortClaims
from k8sops.sandbox.processes import ProcessRecord, is_running, spawn, stop
from k8sops.sandbox.scratch import ScratchSandbox
from k8sops.sandbox.state import SandboxFolder, SandboxState
from tests.sandbox.waiting import until_ready, wait_until, wait_until_async
from tests.support.clients import client_of


def state_of(handle: SandboxHandle) -> SandboxState:
    state = SandboxFolder(handle.folder.parent, handle.name).load()
    assert state is not None
    return state


def traces(home: Path) -> list[str]:
    """Files below the folder, and processes that have to do with it."""
    commands = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    return [*map(str, home.iterdir()), *(command for command in commands if str(home) in command)]


async def test_a_killed_process_is_named_and_brought_back_and_down_leaves_nothing(
    fresh_cluster: SandboxHandle,
) -> None:
    """Whatever dies, `status` says so, `up` repairs it without touching the rest, and `down` ends the rest."""
    manager = SandboxManager(fresh_cluster.folder.parent)
    before = {p.component: p for p in state_of(fresh_cluster).processes}
    for component in ("kube-scheduler", "kube-apiserver"):
        os.kill(before[component].pid, signal.SIGKILL)
        await wait_until_async("its end", lambda c=component: not is_running(before[c]))  # type: ignore[misc]
    broken = await manager.status(fresh_cluster.name)
    assert (broken.state, set(broken.gone)) == ("degraded", {"kube-apiserver", "kube-scheduler"})

    repaired = await manager.up(fresh_cluster.name)
    assert not repaired.was_running
    after = {p.component: p for p in state_of(fresh_cluster).processes}
    assert after["etcd"] == before["etcd"]
    assert after["kube-apiserver"].pid != before["kube-apiserver"].pid
    await until_ready(manager, fresh_cluster.name)
    assert (await manager.up(fresh_cluster.name)).was_running

    # One more death: `down` must cope with what is already gone.
    os.kill(after["kwok"].pid, signal.SIGKILL)
    assert await manager.down(fresh_cluster.name)
    assert not [p for p in after.values() if is_running(p)]
    assert not list(fresh_cluster.folder.parent.iterdir())
    assert not await manager.down(fresh_cluster.name)


def test_the_shells_settings_reach_nothing_and_only_the_api_server_takes_every_core(
    sandbox: SandboxHandle,
) -> None:
    """A proxy of the shell would take requests off the machine; idle threads of the rest cost a tenth of all work."""
    started = {p.component: psutil.Process(p.pid).environ() for p in state_of(sandbox).processes}
    ours = {"PATH", "HOME", "PYTHONPATH", "GOMAXPROCS"}
    assert {name for one in started.values() for name in one} <= ours | {"LC_CTYPE"}
    assert {name for name, one in started.items() if "GOMAXPROCS" not in one} == {"kube-apiserver"}


async def test_what_dies_while_up_looks_at_it_is_brought_back_too(fresh_cluster: SandboxHandle) -> None:
    """A process that was killed lives on for a moment; whoever repairs at once must not be told to repair again."""
    (api_server,) = [p for p in state_of(fresh_cluster).processes if p.component == "kube-apiserver"]
    os.kill(api_server.pid, signal.SIGSTOP)
    steps: list[str] = []

    def say(step: str) -> None:
        steps.append(step)
        if step == "waiting for the API server" and is_running(api_server):
            os.kill(api_server.pid, signal.SIGKILL)

    manager = SandboxManager(fresh_cluster.folder.parent)
    assert not (await manager.up(fresh_cluster.name, say=say)).was_running
    assert [step for step in steps if step.startswith("starting")] == ["starting kube-apiserver"]
    await until_ready(manager, fresh_cluster.name)


async def test_two_sandboxes_live_side_by_side_and_kept_data_survive(
    sandbox: SandboxHandle, tmp_path: Path, kubectl_path: Path
) -> None:
    """A second one shares nothing with the first; `down --keep` and `up` go on where it was."""
    manager = SandboxManager(tmp_path)
    second = await manager.up("second", nodes=1)
    try:
        assert not set(state_of(sandbox).ports.all()) & set(state_of(second).ports.all())

        async def kubectl(*arguments: str) -> None:
            command = [str(kubectl_path), "--kubeconfig", str(second.kubeconfig), *arguments]
            await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, timeout=200)

        await kubectl("create", "configmap", "kept")
        assert await manager.down("second", keep=True)
        stopped = await manager.status("second")
        assert (stopped.state, [c.component for c in stopped.components if c.running]) == ("stopped", [])

        await manager.up("second", nodes=1)
        await kubectl("get", "configmap", "kept")
        # Its nodes live on, too, and not only once the Leases of the earlier kwok have run out.
        await kubectl("run", "after", "--image=x")
        await kubectl("wait", "--for=condition=Ready", "pod/after", "--timeout=180s")
        assert [status.name for status in await manager.list()] == ["second"]
    finally:
        await manager.down("second")
    await until_ready(SandboxManager(sandbox.folder.parent), sandbox.name)


async def test_a_wrong_flag_is_told_in_the_words_of_the_component_and_nothing_is_left(tmp_path: Path) -> None:
    """A failed start must say why, and must not leave etcd running or a folder behind."""
    with pytest.raises(SandboxError, match=r"kube-apiserver ended .*unknown flag: --no-such-flag"):
        await SandboxManager(tmp_path).up("wrong", apiserver_arguments=["--no-such-flag"])
    assert traces(tmp_path) == []


async def test_an_interrupted_start_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C in the middle of `up` is the most usual way to end it early."""
    steps: list[str] = []
    up = asyncio.ensure_future(SandboxManager(tmp_path).up("cut", say=steps.append))
    await wait_until_async("the API server to be started", lambda: "starting kube-apiserver" in steps)
    up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await up
    assert traces(tmp_path) == []


@pytest.fixture
def sleeper(tmp_path: Path) -> ProcessRecord:
    sleep = shutil.which("sleep")
    assert sleep
    record = spawn("sleeper", [sleep, "600"], tmp_path / "log", {})
    wait_until("the kernel to show its command", lambda: bool(psutil.Process(record.pid).cmdline()))
    return record


async def test_a_recycled_process_id_is_never_taken_for_ours(sleeper: ProcessRecord) -> None:
    """After a reboot our ids belong to strangers: neither is one reported as running nor is it ended."""
    strangers = (
        msgspec.structs.replace(sleeper, started=sleeper.started - 3600),
        msgspec.structs.replace(sleeper, command=("/usr/bin/etcd", "--name=sandbox")),
    )
    try:
        assert is_running(sleeper)
        for stranger in strangers:
            assert not is_running(stranger)
            await stop([stranger], SystemClock(), grace_seconds=0.1)
        assert is_running(sleeper), "a stranger's process was ended"
    finally:
        await stop([sleeper], SystemClock(), grace_seconds=5)
    assert not is_running(sleeper)


SYS_EXIT = {"x86_64": 60, "aarch64": 93}


@pytest.mark.skipif(platform.machine() not in SYS_EXIT, reason="the number of a system call is needed")
async def test_a_process_has_ended_only_with_its_last_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed API server's first thread ends before those that hold its port: `up` would start another too soon."""
    ready = tmp_path / "ready"
    script = (
        "import ctypes, pathlib, sys, threading, time; threading.Thread(target=time.sleep, args=(600,)).start();"
        f"pathlib.Path(sys.argv[1]).touch(); ctypes.CDLL(None).syscall({SYS_EXIT[platform.machine()]}, 0)"
    )
    record = spawn("headless", [sys.executable, "-c", script, str(ready)], tmp_path / "log", {})
    await wait_until_async("its start", ready.exists)
    process = psutil.Process(record.pid)
    await wait_until_async("its first thread's end", lambda: process.status() == psutil.STATUS_ZOMBIE)
    assert is_running(record)
    assert not is_running(msgspec.structs.replace(record, started=record.started - 3600))
    with monkeypatch.context() as moment:
        # As where the first thread ends between two looks at the process: `down` came back too soon then.
        moment.setattr(psutil.Process, "status", lambda _: psutil.STATUS_RUNNING)
        assert is_running(record)
    await stop([record], SystemClock(), grace_seconds=5)
    assert not is_running(record)


async def test_a_process_keeps_nothing_open_of_whoever_started_it(tmp_path: Path) -> None:
    """A lock or a pipe of the shell that called `up` would else be held for as long as the sandbox lives."""
    lock = tmp_path / "lock"
    with lock.open("w") as held:
        os.set_inheritable(held.fileno(), True)
        record = spawn("sleeper", ["/bin/sleep", "600"], tmp_path / "log", {})
    try:
        assert str(lock) not in {one.path for one in psutil.Process(record.pid).open_files()}
    finally:
        await stop([record], SystemClock(), grace_seconds=5)


async def test_a_process_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    """An API server that hangs in its shutdown must not outlive `down`."""
    ready = tmp_path / "ready"
    script = (
        "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
    )
    record = spawn("stubborn", [sys.executable, "-c", script, str(ready)], tmp_path / "log", {})
    await wait_until_async("the process to ignore SIGTERM", ready.exists)
    await stop([record], SystemClock(), grace_seconds=0.2)
    assert not is_running(record)


async def test_a_dead_sandbox_with_its_state_file_is_recognised(
    tmp_path: Path, sleeper: ProcessRecord
) -> None:
    """A state file outlives a power cut; `status` must say stopped and `down` must only remove the folder."""
    stale = msgspec.structs.replace(sleeper, component="etcd", started=1.0)
    folder = SandboxFolder(tmp_path / "home", "old")
    folder.create()
    manager = SandboxManager(tmp_path / "home")
    with PortClaims() as claims:
        ports = claims.choose()
    folder.save(
        SandboxState(
            name="old",
            created="2026-01-01T00:00:00.000Z",
            version_set="any",
            ports=ports,
            nodes=5,
            processes=(stale,),
        )
    )
    try:
        assert (await manager.status("old")).state == "stopped"
        assert await manager.down("old")
        assert not folder.path.exists()
        assert is_running(sleeper), "the process that now has the id was ended"
    finally:
        await stop([sleeper], SystemClock(), grace_seconds=5)


def test_two_starting_sandboxes_never_choose_the_same_port() -> None:
    """They pick ports seconds before they listen; a clash would end one of them with `address already in use`."""
    with PortClaims() as first, PortClaims() as second:
        ports = first.choose()
        assert not second.hold(ports)
        assert not set(ports.all()) & set(second.choose().all())
    with PortClaims() as third:
        assert third.hold(ports)


@pytest.mark.parametrize("name", ["", "Demo", "../x", "-a", "a" * 33, "a b", "a\n"])
async def test_a_name_that_could_escape_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    """The name becomes a path."""
    with pytest.raises(UsageError, match="cannot be the name of a sandbox"):
        await SandboxManager(tmp_path).down(name)


async def test_a_sandbox_that_is_not_there_is_a_usage_error_that_lists_the_others(
    sandbox: SandboxHandle,
) -> None:
    """The likeliest cause is a mistyped name."""
    with pytest.raises(UsageError, match="there is no sandbox 'nope'") as raised:
        await SandboxManager(sandbox.folder.parent).status("nope")
    assert sandbox.name in raised.value.hint


async def test_a_scratch_cluster_refuses_to_be_used_before_it_is_up() -> None:
    """Drills bring it up and down; a second `down` must be harmless."""
    scratch = ScratchSandbox()
    with pytest.raises(SandboxError, match="not up"):
        _ = scratch.handle
    await scratch.down()


class DrillFailedError(Exception):
    """What a drill may end with."""


async def test_a_scratch_cluster_stands_up_answers_and_leaves_nothing_even_where_the_drill_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drills break what they stand on, and are run unattended: each one left behind would eat half a gigabyte."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    scratch = ScratchSandbox(nodes=1)

    async def drill() -> None:
        async with scratch as handle:
            assert await scratch.up() == str(handle.kubeconfig), "a second `up` is the same cluster"
            async with client_of(handle.kubeconfig) as client:
                nodes = client.list(await client.resource("nodes"))
                assert [node["metadata"]["name"] async for node in nodes] == ["node-1"]
            assert len(traces(tmp_path)) > 1
            raise DrillFailedError

    with pytest.raises(DrillFailedError):
        await drill()
    assert traces(tmp_path) == []
    with pytest.raises(SandboxError, match="not up"):
        _ = scratch.handle
    as_port: ScratchCluster = scratch
    await as_port.down()
