"""Brings sandboxes up, looks after them, and takes them down.

A sandbox outlives the command that started it; what is known of it between commands is in its folder. Every wait has
a deadline, and ends at once when a process it depends on dies.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import msgspec

from k8sops.core.clock import Clock, SystemClock, rfc3339
from k8sops.core.errors import SandboxError, UsageError
from k8sops.sandbox.binaries import ensure_binaries, unheard
from k8sops.sandbox.build import Report
from k8sops.sandbox.components import APISERVER, CHAOS, ETCD, KWOK, START_ORDER, Components
from k8sops.sandbox.kubeconfig import context_name, kubeconfig_text
from k8sops.sandbox.kubelet.folders import remove_tree
from k8sops.sandbox.locations import cache_folder, private_folder, sandbox_home, validate_name
from k8sops.sandbox.pki import Pki
from k8sops.sandbox.ports import LOOPBACK, PortClaims
from k8sops.sandbox.preload import Preload
from k8sops.sandbox.processes import ProcessRecord, is_running, spawn, stop, wake
from k8sops.sandbox.readiness import Readiness
from k8sops.sandbox.seed.load_objects import LoadSize, load_size
from k8sops.sandbox.snapshots import SnapshotCache
from k8sops.sandbox.state import SandboxFolder, SandboxState, ports_in_use, sandbox_names
from k8sops.sandbox.status import SandboxStatus, status_of
from k8sops.sandbox.takeover import Takeover
from k8sops.sandbox.versions import CONTROL_PLANE, VERSION_SET

MOST_NODES: Final = 5000
DEFAULT_NODES: Final = 5
NODES_BY_API: Final = 50
"""More of them are written into etcd before the API server starts: through it, 500 take half a minute."""
BRIEF_GRACE_SECONDS: Final = 2.0
"""For processes whose data go with them: nobody misses a request that was under way."""
FULL_GRACE_SECONDS: Final = 20.0

Say = Callable[[str], None]
Phase = tuple[tuple[str, ...], str, Callable[[Sequence[ProcessRecord]], Awaitable[None]]]


def silent(_: str) -> None:
    """Steps nobody wants to hear of."""


class SandboxHandle(msgspec.Struct, frozen=True, kw_only=True):
    """A running sandbox, for those who want to use it."""

    name: str
    kubeconfig: Path
    context: str
    server: str
    folder: Path
    audit_log: Path
    nodes: int
    was_running: bool
    """True where `up` found everything running already."""


class SandboxManager:
    """All sandboxes below one home folder."""

    def __init__(
        self,
        home: Path | None = None,
        cache: Path | None = None,
        clock: Clock | None = None,
        snapshots: SnapshotCache | None = None,
    ) -> None:
        self._home: Final = home or sandbox_home()
        self._cache: Final = cache
        self._clock: Final = clock or SystemClock()
        self.snapshots: Final = snapshots or SnapshotCache((cache or cache_folder()) / "snapshots")

    async def up(
        self,
        name: str,
        *,
        nodes: int | None = None,
        pods: int = 0,
        objects: int = 0,
        apiserver_arguments: Sequence[str] = (),
        report: Report = unheard,
        say: Say = silent,
    ) -> SandboxHandle:
        """Start the sandbox, or what is missing of it, and return when it is ready.

        Without `nodes` a new one has DEFAULT_NODES, and another keeps those it has: a repair adds nothing.
        With `pods` or `objects` a new one holds that load from its first moment; `objects` counts its nodes and pods.
        Binaries are built first where they are found nowhere (minutes). Raises UsageError for an impossible name or
        number, SandboxError naming the component that failed and its last words; what was started then is ended.
        """
        validate_name(name)
        if nodes is not None and not 0 <= nodes <= MOST_NODES:
            raise UsageError(f"{nodes} nodes are not possible", hint=f"--nodes takes 0 to {MOST_NODES}")
        load = wanted_load(DEFAULT_NODES if nodes is None else nodes, pods, objects)
        binaries = await ensure_binaries(CONTROL_PLANE, cache=self._cache, report=report, clock=self._clock)
        if load is not None:
            binaries |= await self._etcdutl(report, say)
        folder = SandboxFolder(self._home, name)
        arguments = tuple(apiserver_arguments)
        with PortClaims() as claims:
            async with folder.locked(self._clock):
                await self._check_load(folder, load)
                state, is_new = await asyncio.to_thread(self._prepare, folder, nodes, load, arguments, claims)
                try:
                    return await self._start(folder, state, binaries, is_new=is_new, say=say)
                except SandboxError:
                    if all(is_running(process) for process in state.processes):
                        raise
                # What ran when this began has ended since, as a process does that was just killed: one more try.
                state, _ = await asyncio.to_thread(self._prepare, folder, nodes, load, arguments, claims)
                return await self._start(folder, state, binaries, is_new=False, say=say)

    async def down(self, name: str, *, keep: bool = False) -> bool:
        """End the sandbox and remove its folder, or keep its data for a later `up`.

        False where there was none. Raises SandboxError for a process that will not end.
        """
        folder = SandboxFolder(self._home, validate_name(name))
        if not folder.path.exists():
            return False
        async with folder.locked(self._clock):
            state = folder.load()
            if state is not None:
                await self._stop(state.processes, keep=keep)
                if keep:
                    folder.save(msgspec.structs.replace(state, processes=()))
            if not keep:
                await asyncio.to_thread(remove_tree, folder.path)
        return True

    async def status(self, name: str) -> SandboxStatus:
        """How the sandbox is. Raises UsageError where there is none of that name."""
        folder, state = self._existing(name)
        return await status_of(folder, state)

    async def list(self) -> tuple[SandboxStatus, ...]:
        """All sandboxes, running or not."""
        names = await asyncio.to_thread(sandbox_names, self._home)
        return tuple(await asyncio.gather(*(self.status(name) for name in names)))

    def handle(self, name: str) -> SandboxHandle:
        """An existing sandbox. Raises UsageError where there is none of that name."""
        folder, state = self._existing(name)
        return _handle(folder, state, was_running=True)

    def etcdctl_environment(self, name: str) -> dict[str, str]:
        """What points etcdctl at the sandbox's database. Raises UsageError where there is none of that name."""
        folder, state = self._existing(name)
        pki = Pki(folder.pki)
        return {
            "ETCDCTL_ENDPOINTS": f"https://{LOOPBACK}:{state.ports.etcd}",
            "ETCDCTL_CACERT": str(pki.certificate("etcd-ca")),
            "ETCDCTL_CERT": str(pki.certificate("apiserver-etcd-client")),
            "ETCDCTL_KEY": str(pki.key("apiserver-etcd-client")),
        }

    def kubeconfig_for(self, name: str, user: str, groups: Sequence[str], *, faulty: bool = False) -> bytes:
        """A kubeconfig with a fresh client certificate for a person; nothing of it is kept here.

        Rights come from RBAC alone: a new person may do nothing until a binding names them or a group of theirs.
        `faulty` leads through the fault proxy, which then has to run.
        Raises UsageError for an empty user or where there is no such sandbox.
        """
        folder, state = self._existing(name)
        if not user or any(not group for group in groups):
            raise UsageError("a person needs a name", hint="--user alice --group ops")
        pki = Pki(folder.pki)
        return kubeconfig_text(
            sandbox=name,
            user=user,
            server=f"https://{LOOPBACK}:{state.ports.chaos if faulty else state.ports.apiserver}",
            authority=pki.certificate("cluster-ca").read_bytes(),
            identity=pki.issue_for(user, tuple(groups), self._clock.now()),
            context=f"{context_name(name)}-{user}",
            faulty=faulty,
        )

    def _existing(self, name: str) -> tuple[SandboxFolder, SandboxState]:
        folder = SandboxFolder(self._home, validate_name(name))
        state = folder.load()
        if state is None:
            others = ", ".join(sandbox_names(self._home))
            raise UsageError(
                f"there is no sandbox {name!r}",
                hint=f"there are: {others}" if others else f"`k8sops sandbox up --name {name}` makes it",
            )
        return folder, state

    async def _etcdutl(self, report: Report, say: Say) -> dict[str, Path]:
        """What restores a snapshot, where it can be had: without it every load is written anew."""
        try:
            return await ensure_binaries(["etcdutl"], cache=self._cache, report=report, clock=self._clock)
        except SandboxError as error:
            say(f"snapshots cannot be used, the load is written anew: {error.message}")
            return {}

    async def _check_load(self, folder: SandboxFolder, load: LoadSize | None) -> None:
        """Refuse another load than the sandbox has, and clear away a sandbox whose load is half there."""
        state = folder.load()
        if state is None:
            return
        if state.laying:
            await self._stop(state.processes, keep=False)
            await asyncio.to_thread(shutil.rmtree, folder.path)
        elif load is not None and load != state.load:
            raise SandboxError(
                f"sandbox {folder.name!r} exists already, without this load",
                hint=f"`k8sops sandbox seed --name {folder.name}` adds a load to one that runs; or take it down first",
            )

    def _prepare(
        self,
        folder: SandboxFolder,
        nodes: int | None,
        load: LoadSize | None,
        arguments: tuple[str, ...],
        claims: PortClaims,
    ) -> tuple[SandboxState, bool]:
        """The state to start from, and whether it is a new sandbox."""
        state = folder.load()
        if state is None:
            nodes = DEFAULT_NODES if nodes is None else nodes
            return self._make(folder, nodes, load, arguments, claims), True
        runs = [p for p in state.processes if is_running(p)]
        # What `sandbox chaos pause` stopped would keep every wait waiting.
        wake(runs)
        if runs and arguments and arguments != state.apiserver_arguments:
            raise SandboxError(
                f"sandbox {folder.name!r} is running with other --kubernetes-args",
                hint=f"`k8sops sandbox down --name {folder.name}` first",
            )
        if state.version_set != VERSION_SET:
            raise SandboxError(
                f"sandbox {folder.name!r} was made by {state.version_set}, this program has {VERSION_SET}",
                hint=f"`k8sops sandbox down --name {folder.name}` and up again",
            )
        state = msgspec.structs.replace(
            state,
            # A dead one must not be taken for one that died just now.
            processes=tuple(runs),
            nodes=max(nodes or 0, state.nodes),
            apiserver_arguments=arguments or state.apiserver_arguments,
        )
        if not runs and not claims.hold(state.ports):
            state = msgspec.structs.replace(state, ports=claims.choose(ports_in_use(self._home)))
        folder.save(state)
        return state, False

    def _make(
        self,
        folder: SandboxFolder,
        nodes: int,
        load: LoadSize | None,
        arguments: tuple[str, ...],
        claims: PortClaims,
    ) -> SandboxState:
        # Without a state file the folder is what an interrupted `up` or `down` left.
        shutil.rmtree(folder.path, ignore_errors=True)
        private_folder(self._home)
        folder.create()
        Pki(folder.pki).create(self._clock.now())
        state = SandboxState(
            name=folder.name,
            created=rfc3339(self._clock.now()),
            version_set=VERSION_SET,
            ports=claims.choose(ports_in_use(self._home)),
            nodes=nodes,
            apiserver_arguments=arguments,
            load=load,
            laying=load is not None or nodes > NODES_BY_API,
        )
        folder.save(state)
        return state

    async def _start(
        self,
        folder: SandboxFolder,
        state: SandboxState,
        binaries: Mapping[str, Path],
        *,
        is_new: bool,
        say: Say,
    ) -> SandboxHandle:
        launch = _Launch(folder, state, say)
        try:
            with as_file(files("k8sops.sandbox").joinpath("data")) as data:
                components = Components(folder, state, binaries, data)
                await asyncio.to_thread(components.write_configuration)
                await asyncio.to_thread(components.write_nodes, self._clock.now())
                await asyncio.to_thread(components.write_played, self._clock.now())
                if CHAOS in state.extras:
                    await asyncio.to_thread(components.write_chaos, self._clock.now())
            readiness = Readiness(folder, state, components.server, self._clock, say)
            if state.laying:
                await Preload(folder, state, self.snapshots, self._clock, say).lay_in(
                    binaries.get("etcdutl"),
                    lambda: launch.begin(components, ETCD),
                    lambda: readiness.etcd_answers(launch.started),
                )
                launch.keep(laying=False)
            anew = not is_new and KWOK not in {process.component for process in state.processes}
            takeover = Takeover(folder, self._clock) if anew else None
            for batch, what, condition in _phases(state, readiness, takeover):
                launch.begin(components, *batch)
                say(f"waiting for {what}")
                await condition(launch.state.processes)
        except BaseException:  # Ctrl-C too leaves no process behind
            await self._stop(launch.started, keep=not is_new)
            if is_new:
                await asyncio.to_thread(shutil.rmtree, folder.path, ignore_errors=True)
            raise
        return _handle(folder, launch.state, was_running=not launch.started)

    async def _stop(self, processes: Sequence[ProcessRecord], *, keep: bool) -> None:
        """Clients of the API server first, then it, then its database."""
        grace = FULL_GRACE_SECONDS if keep else BRIEF_GRACE_SECONDS
        last = (APISERVER, ETCD)
        for batch in (
            [p for p in processes if p.component not in last],
            *([p for p in processes if p.component == c] for c in last),
        ):
            await stop(batch, self._clock, grace_seconds=grace)


def _phases(state: SandboxState, readiness: Readiness, takeover: Takeover | None) -> list[Phase]:
    """What is started together, and what is waited for then.

    Hundreds of nodes that are there already would keep the API server from writing its default roles, so whoever plays
    them begins after those; and they are Ready before a controller sees them, so that none is tainted or evicted from.
    """
    nodes = f"{state.nodes} nodes"
    first: Phase = (START_ORDER[:2], "the API server", readiness.api_answers)
    last: Phase = ((*START_ORDER[5:], *state.extras), nodes, readiness.everything)
    ready: Phase = ((), "the API server to be ready", readiness.api_is_ready)
    if not state.laying:
        second: Phase = (START_ORDER[2:5], "the API server to be ready", readiness.api_is_ready)
        if takeover is None:
            return [first, second, last]
        release: Phase = ((), "the nodes to be let go of", takeover.release)
        return [first, ready, release, second, last, ((), "the nodes' pods", takeover.show_pods)]
    return [first, ready, (START_ORDER[2:5], nodes, readiness.nodes_are_ready), last]


class _Launch:
    """The processes that one `up` starts, each on record before the next, and the state they make."""

    def __init__(self, folder: SandboxFolder, state: SandboxState, say: Say) -> None:
        self.state = state
        self.started: Final[list[ProcessRecord]] = []
        self._folder: Final = folder
        self._say: Final = say

    def begin(self, components: Components, *names: str) -> None:
        """Start those of them that the state does not know as running."""
        for name in names:
            if name in {process.component for process in self.state.processes}:
                continue
            self._say(f"starting {name}")
            record = spawn(
                name, components.command(name), components.log_file(name), components.environment(name)
            )
            self.started.append(record)
            self.state = self.state.with_process(record)
            self._folder.save(self.state)

    def keep(self, *, laying: bool) -> None:
        """Put on record whether the load is still being laid in."""
        self.state = msgspec.structs.replace(self.state, laying=laying)
        self._folder.save(self.state)


def wanted_load(nodes: int, pods: int, objects: int) -> LoadSize | None:
    """The load a new sandbox is to hold beside its nodes, None for none. Raises UsageError for impossible numbers."""
    size = load_size(objects, pods, nodes)
    if pods and not nodes:
        raise UsageError(f"{pods} pods need nodes to run on", hint="--nodes takes 1 or more")
    return size if size.pods or size.rest else None


def _handle(folder: SandboxFolder, state: SandboxState, *, was_running: bool) -> SandboxHandle:
    return SandboxHandle(
        name=state.name,
        kubeconfig=folder.kubeconfig,
        context=context_name(state.name),
        server=f"https://{LOOPBACK}:{state.ports.apiserver}",
        folder=folder.path,
        audit_log=folder.audit_log,
        nodes=state.nodes,
        was_running=was_running,
    )
