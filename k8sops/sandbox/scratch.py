"""A throw-away sandbox for drills: `ScratchCluster` of the core's ports."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final

from k8sops.core.errors import SandboxError
from k8sops.sandbox.binaries import unheard
from k8sops.sandbox.build import Report
from k8sops.sandbox.manager import SandboxHandle, SandboxManager

NAME: Final = "scratch"


class ScratchSandbox:
    """A sandbox in a temporary folder; `async with` brings it up and takes it down."""

    def __init__(self, *, nodes: int = 1, report: Report = unheard) -> None:
        self._nodes: Final = nodes
        self._report: Final = report
        self._home: Path | None = None
        self._handle: SandboxHandle | None = None

    @property
    def handle(self) -> SandboxHandle:
        """The running sandbox. Raises SandboxError before `up` and after `down`."""
        if self._handle is None:
            raise SandboxError("the scratch cluster is not up", hint="call up() first")
        return self._handle

    async def up(self) -> str:
        """Start it; returns the path of a kubeconfig of its administrator. Raises SandboxError."""
        if self._handle is None:
            await self.down()
            self._home = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="k8sops-scratch-"))
            try:
                self._handle = await SandboxManager(self._home).up(
                    NAME, nodes=self._nodes, report=self._report
                )
            except BaseException:
                await self.down()
                raise
        return str(self._handle.kubeconfig)

    async def down(self) -> None:
        """Stop it and remove all it made. Idempotent. Raises SandboxError, and may then be called again."""
        self._handle = None
        if self._home is not None:
            await SandboxManager(self._home).down(NAME)
            await asyncio.to_thread(shutil.rmtree, self._home)
            self._home = None

    async def __aenter__(self) -> SandboxHandle:
        await self.up()
        return self.handle

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.down()
