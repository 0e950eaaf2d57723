"""Starts the `chaos` process of a sandbox where it does not run yet, and asks it for faults."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import Final, TypeVar

import aiohttp
import msgspec

from k8sops.core.clock import Clock, SystemClock
from k8sops.core.errors import SandboxError, UsageError
from k8sops.sandbox.components import APISERVER, CHAOS, Components
from k8sops.sandbox.faults.specs import CONTROL, AnySpec, Fault, Report, read_spec
from k8sops.sandbox.locations import sandbox_home, validate_name
from k8sops.sandbox.pki import Pki
from k8sops.sandbox.ports import LOOPBACK
from k8sops.sandbox.processes import ProcessRecord, is_running, spawn, stop
from k8sops.sandbox.readiness import last_words
from k8sops.sandbox.state import SandboxFolder, SandboxState

START_SECONDS: Final = 60.0
REQUEST_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.05
GRACE_SECONDS: Final = 5.0

T = TypeVar("T")


class ChaosRemote:
    """The chaos process of one sandbox, as commands see it."""

    def __init__(self, name: str, home: Path | None = None, clock: Clock | None = None) -> None:
        self._folder: Final = SandboxFolder(home or sandbox_home(), validate_name(name))
        self._clock: Final = clock or SystemClock()

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig that leads through the proxy."""
        return self._folder.faulty_kubeconfig

    async def start(self) -> bool:
        """Start it, and return when it answers; False where it ran already.

        Raises UsageError where there is no such sandbox, SandboxError where the sandbox does not run.
        """
        async with self._folder.locked(self._clock):
            if await self._runs():
                return False
            state = self._state()
            if _running(state, APISERVER) is None:
                raise SandboxError(
                    f"sandbox {state.name!r} does not run",
                    hint=f"`k8sops sandbox up --name {state.name}` starts it",
                )
            if not state.ports.chaos:
                raise SandboxError(
                    f"sandbox {state.name!r} was made before there were faults",
                    hint=f"`k8sops sandbox down --name {state.name}` and up again",
                )
            components = Components(self._folder, state, {}, Path())
            await asyncio.to_thread(components.write_chaos, self._clock.now())
            record = spawn(
                CHAOS,
                components.command(CHAOS),
                components.log_file(CHAOS),
                components.environment(CHAOS),
            )
            self._folder.save(state.with_process(record).with_extra(CHAOS))
            if not await self._answers(record):
                words = await asyncio.to_thread(last_words, Path(record.log))
                raise SandboxError(
                    f"the chaos process ended as it started: {words}", hint=f"see {record.log}"
                )
        return True

    async def stop(self) -> bool:
        """End all faults and the process; False where it did not run."""
        if not await self._runs():
            return False
        await self.clear()
        async with self._folder.locked(self._clock):
            state = self._state()
            records = [record for record in state.processes if record.component == CHAOS]
            self._folder.save(state.without_extra(CHAOS))
            await stop(records, self._clock, grace_seconds=GRACE_SECONDS)
        return True

    async def report(self) -> Report | None:
        """What is in force; None where the process does not run."""
        if not await self._runs():
            return None
        return await self._call("GET", "", Report)

    async def look(self) -> Report | None:
        """`report` for a glance: None also where the process does not answer in time."""
        with contextlib.suppress(SandboxError, TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                return await self.report()
        return None

    async def add(self, spec: AnySpec) -> Fault:
        """Begin a fault, starting the process where it does not run. Raises UsageError, SandboxError."""
        # Nothing is started for a fault that cannot be.
        read_spec(msgspec.json.encode(spec))
        await self.start()
        return await self._call("POST", "", Fault, spec)

    async def remove(self, fault_id: str) -> Fault:
        """End one fault. Raises UsageError where there is none of that name."""
        if not fault_id.replace("-", "").isalnum():
            raise UsageError(
                f"{fault_id!r} is no fault's name", hint="`k8sops sandbox chaos list` shows them"
            )
        await self.start()
        return await self._call("DELETE", f"/faults/{fault_id}", Fault)

    async def clear(self) -> tuple[Fault, ...]:
        """End all faults; the proxy goes on, for those who use it."""
        if not await self._runs():
            return ()
        return await self._call("DELETE", "", tuple[Fault, ...])

    async def restore(self, names: tuple[str, ...], zone: str) -> tuple[str, ...]:
        """Bring nodes back; returns those that were in trouble."""
        await self.start()
        return await self._call("POST", "/nodes/ready", tuple[str, ...], {"names": names, "zone": zone})

    def _state(self) -> SandboxState:
        state = self._folder.load()
        if state is None:
            raise UsageError(
                f"there is no sandbox {self._folder.name!r}",
                hint="`k8sops sandbox list` shows those there are; `k8sops sandbox up` makes one",
            )
        return state

    async def _runs(self) -> bool:
        """Whether it runs; then it answers."""
        record = _running(self._state(), CHAOS)
        return record is not None and await self._answers(record)

    async def _answers(self, record: ProcessRecord) -> bool:
        """Wait until it answers; False where it ends before. Raises SandboxError where it does neither."""
        deadline = self._clock.monotonic() + START_SECONDS
        while is_running(record):
            with contextlib.suppress(SandboxError):
                await self._call("GET", "", Report)
                return True
            if self._clock.monotonic() > deadline:
                raise SandboxError(
                    f"the chaos process does not answer within {START_SECONDS:.0f} s",
                    hint="the machine may be overloaded; try again",
                )
            await self._clock.sleep(POLL_SECONDS)
        return False

    async def _call(self, method: str, path: str, kind: type[T], body: object = None) -> T:
        pki = Pki(self._folder.pki)
        tls = await asyncio.to_thread(ssl.create_default_context, cafile=str(pki.certificate("cluster-ca")))
        tls.load_cert_chain(pki.certificate("admin"), pki.key("admin"))
        url = f"https://{LOOPBACK}:{self._state().ports.chaos}{CONTROL}{path}"
        data = None if body is None else msgspec.json.encode(body)
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(ssl=tls)) as session,
                session.request(method, url, data=data) as response,
            ):
                answer, status = await response.read(), response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SandboxError(
                f"the sandbox's chaos process does not answer: {str(error) or type(error).__name__}",
                hint="`k8sops sandbox status` says whether it runs; `k8sops sandbox up` starts it again",
            ) from error
        if status >= 400:
            raise _refusal(answer)
        return msgspec.json.decode(answer, type=kind)


class Refused(msgspec.Struct, frozen=True):
    """Why a fault was not made."""

    message: str = "the sandbox's chaos process refused"
    hint: str = ""
    code: str = ""


def _refusal(answer: bytes) -> SandboxError | UsageError:
    try:
        refused = msgspec.json.decode(answer, type=Refused)
    except msgspec.MsgspecError:
        refused = Refused(answer[:200].decode("utf-8", "replace"))
    kind = UsageError if refused.code == UsageError.code else SandboxError
    return kind(refused.message, hint=refused.hint)


def _running(state: SandboxState, component: str) -> ProcessRecord | None:
    records = (record for record in state.processes if record.component == component)
    return next((record for record in records if is_running(record)), None)
