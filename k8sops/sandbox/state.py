"""A sandbox's folder and the one file that says what it is made of.

    NAME/               0700
      state.json        ports, processes, options; replaced at one stroke
      kubeconfig        the administrator's, 0600
      pki/  etcd/  log/  config/

Whoever changes a sandbox holds its lock, so that two `up` of one name come one after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from k8sops.core.clock import Clock
from k8sops.core.errors import SandboxError
from k8sops.sandbox.locations import private_folder, write_private
from k8sops.sandbox.ports import Ports
from k8sops.sandbox.processes import ProcessRecord
from k8sops.sandbox.seed.load_objects import LoadSize

STATE_FILE: Final = "state.json"
LOCK_SECONDS: Final = 120.0


class SandboxState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a sandbox between commands."""

    name: str
    created: str
    """RFC 3339."""
    version_set: str
    ports: Ports
    nodes: int
    apiserver_arguments: tuple[str, ...] = ()
    processes: tuple[ProcessRecord, ...] = ()
    load: LoadSize | None = None
    """What `up` put into it beside its nodes; `seed` may have added to that since."""
    laying: bool = False
    """True until that is in place: what an `up` that was killed meanwhile left is begun anew."""
    extras: tuple[str, ...] = ()
    """Components that were started on demand and belong to the sandbox from then on."""

    def with_process(self, record: ProcessRecord) -> SandboxState:
        """The state with this process in the place of an earlier one of the same component."""
        others = tuple(p for p in self.processes if p.component != record.component)
        return msgspec.structs.replace(self, processes=(*others, record))

    def with_extra(self, component: str) -> SandboxState:
        """The state of a sandbox that has this component too."""
        return msgspec.structs.replace(self, extras=tuple(dict.fromkeys((*self.extras, component))))

    def without_extra(self, component: str) -> SandboxState:
        """The state once the component and its process are gone."""
        return msgspec.structs.replace(
            self,
            extras=tuple(name for name in self.extras if name != component),
            processes=tuple(p for p in self.processes if p.component != component),
        )


class SandboxFolder:
    """The places inside one sandbox's folder."""

    def __init__(self, home: Path, name: str) -> None:
        self.name: Final = name
        self.path: Final = home / name
        self.kubeconfig: Final = self.path / "kubeconfig"
        self.faulty_kubeconfig: Final = self.path / "faulty.kubeconfig"
        self.pki: Final = self.path / "pki"
        self.etcd: Final = self.path / "etcd"
        self.logs: Final = self.path / "log"
        self.config: Final = self.path / "config"
        self.audit_log: Final = self.logs / "audit.log"
        self.lock: Final = home / f".{name}.lock"

    def create(self) -> None:
        """Make the folders."""
        for folder in (self.path, self.pki, self.etcd, self.logs, self.config):
            private_folder(folder)

    def load(self) -> SandboxState | None:
        """The state, or None where there is no sandbox. Raises SandboxError for a file that cannot be read."""
        try:
            return msgspec.json.decode((self.path / STATE_FILE).read_bytes(), type=SandboxState)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            raise SandboxError(
                f"the state of sandbox {self.name!r} cannot be read: {error}",
                hint=f"see to its processes by hand and remove {self.path}",
            ) from error

    def save(self, state: SandboxState) -> None:
        """Write the state at one stroke."""
        write_private(self.path / STATE_FILE, msgspec.json.format(msgspec.json.encode(state), indent=2))

    @asynccontextmanager
    async def locked(self, clock: Clock) -> AsyncIterator[None]:
        """Hold the sandbox against other commands. Raises SandboxError when another holds it for too long."""
        private_folder(self.lock.parent)
        deadline = clock.monotonic() + LOCK_SECONDS
        while True:
            descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The last holder may have removed the file between our open and our lock.
                if self._is_lock(descriptor):
                    break
            except BlockingIOError as error:
                if clock.monotonic() >= deadline:
                    os.close(descriptor)
                    raise SandboxError(
                        f"another command has held sandbox {self.name!r} for {LOCK_SECONDS:.0f} s",
                        hint="wait for it to end, or end it",
                    ) from error
            os.close(descriptor)
            await asyncio.sleep(0.05)
        try:
            yield
        finally:
            with contextlib.suppress(FileNotFoundError):
                self.lock.unlink()
            os.close(descriptor)

    def _is_lock(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self.lock.stat())
        except FileNotFoundError:
            return False


def sandbox_names(home: Path) -> list[str]:
    """The names of all sandboxes there are, running or not."""
    return sorted(path.parent.name for path in home.glob(f"*/{STATE_FILE}"))


def ports_in_use(home: Path) -> set[int]:
    """Every port that a sandbox of this home has been given, running or kept."""
    used: set[int] = set()
    for name in sandbox_names(home):
        with contextlib.suppress(SandboxError):
            if state := SandboxFolder(home, name).load():
                used.update(state.ports.all())
    return used
