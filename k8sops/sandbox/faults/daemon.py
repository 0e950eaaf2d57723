"""The process `chaos` of a sandbox: the proxy that clients go through, and every fault in force.

Started on demand as `python -m k8sops.sandbox.faults.daemon`. On its one port each client shows a certificate of the
sandbox's authority, or is not heard at all; faults are asked for below CONTROL, by an administrator only.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from k8sops.core.clock import SystemClock
from k8sops.core.errors import K8sOpsError, SandboxError, UsageError
from k8sops.sandbox.components import CHAOS
from k8sops.sandbox.faults.chaos import Chaos
from k8sops.sandbox.faults.frontproxy import FrontProxy, identity_of, serving_context
from k8sops.sandbox.faults.nodes import NodeTroubles
from k8sops.sandbox.faults.proxy import ReverseProxy
from k8sops.sandbox.faults.specs import CONTROL, AnySpec, Fault, read_spec
from k8sops.sandbox.pki import Pki
from k8sops.sandbox.ports import LOOPBACK
from k8sops.sandbox.processes import ProcessRecord
from k8sops.sandbox.seed.api import open_api
from k8sops.sandbox.state import SandboxFolder

CONNECTIONS: Final = 8

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ToRestore(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nodes that are to come back."""

    names: tuple[str, ...] = ()
    zone: str = ""


class Control:
    """What an administrator can ask of the process."""

    def __init__(self) -> None:
        self.chaos: Chaos | None = None
        self._adding: Final[set[asyncio.Task[Fault]]] = set()

    def routes(self) -> list[web.RouteDef]:
        """Paths that no API server has."""
        return [
            web.get(CONTROL, self._only_admins(self._report)),
            web.post(CONTROL, self._only_admins(self._add)),
            web.delete(CONTROL, self._only_admins(self._clear)),
            web.delete(CONTROL + "/faults/{id}", self._only_admins(self._remove)),
            web.post(f"{CONTROL}/nodes/ready", self._only_admins(self._restore)),
        ]

    def _only_admins(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if not identity_of(request).administers:
                return _refusal(403, "only an administrator of the sandbox may make faults")
            try:
                return await handler(request)
            except K8sOpsError as error:
                return _refusal(400, error.message, error.hint, error.code)
            except msgspec.MsgspecError as error:
                return _refusal(400, f"the request cannot be read: {error}", code=UsageError.code)

        return guarded

    async def _report(self, _: web.Request) -> web.StreamResponse:
        return _json(self._chaos().report())

    async def _add(self, request: web.Request) -> web.StreamResponse:
        spec: AnySpec = read_spec(await request.read())
        chaos = self._chaos()
        adding = asyncio.create_task(chaos.add(spec))
        self._adding.add(adding)
        adding.add_done_callback(self._adding.discard)
        try:
            return _json(await asyncio.shield(adding))
        except asyncio.CancelledError:
            # Whoever asked has gone, by Ctrl-C as a rule, and does not know of it: a fault half made would stay.
            adding.add_done_callback(functools.partial(_withdraw, chaos))
            raise

    async def _clear(self, _: web.Request) -> web.StreamResponse:
        return _json(await self._chaos().clear())

    async def _remove(self, request: web.Request) -> web.StreamResponse:
        return _json(await self._chaos().remove(request.match_info["id"]))

    async def _restore(self, request: web.Request) -> web.StreamResponse:
        wanted = msgspec.json.decode(await request.read(), type=ToRestore)
        return _json(await self._chaos().restore(wanted.names, wanted.zone))

    def _chaos(self) -> Chaos:
        if self.chaos is None:
            raise SandboxError("the chaos process is still starting", hint="try again")
        return self.chaos


def _withdraw(chaos: Chaos, adding: asyncio.Task[Fault]) -> None:
    if not adding.cancelled() and adding.exception() is None:
        chaos.withdraw(adding.result().id)


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


def _refusal(status: int, message: str, hint: str = "", code: str = "") -> web.Response:
    body = msgspec.json.encode({"message": message, "hint": hint, "code": code})
    return web.Response(status=status, body=body, content_type="application/json")


def _finder(folder: SandboxFolder) -> Callable[[str], ProcessRecord]:
    """Finds a process as the state file has it now: `up` may have started it anew."""

    def find(component: str) -> ProcessRecord:
        state = folder.load()
        for record in state.processes if state else ():
            if record.component == component:
                return record
        raise SandboxError(
            f"the sandbox has no process {component!r}", hint="`k8sops sandbox status` lists them"
        )

    return find


async def run(path: Path, port: int, apiserver_port: int) -> None:
    """Serve until SIGTERM."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    folder, clock, control = SandboxFolder(path.parent, path.name), SystemClock(), Control()
    pki = Pki(folder.pki)
    upstream = FrontProxy(f"https://{LOOPBACK}:{apiserver_port}", pki)
    proxy = ReverseProxy(upstream, routes=control.routes())
    async with open_api(folder.kubeconfig, connections=CONNECTIONS) as api:
        nodes = NodeTroubles(api, folder.config / "vanished", clock)
        chaos = control.chaos = Chaos(proxy, nodes, _finder(folder), clock)
        taking_over = asyncio.create_task(chaos.take_over())
        tls = serving_context(pki.certificate("cluster-ca"), pki.certificate(CHAOS), pki.key(CHAOS))
        await proxy.start(port, tls)
        try:
            await ended.wait()
        finally:
            taking_over.cancel()
            await chaos.close()
            await proxy.close()


def main() -> None:
    """Read the command line the sandbox wrote."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    for name in ("--port", "--apiserver-port"):
        parser.add_argument(name, type=int, required=True)
    options = parser.parse_args()
    asyncio.run(run(options.folder, options.port, options.apiserver_port))


if __name__ == "__main__":
    main()
