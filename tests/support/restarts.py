"""The API server's death and return, under whatever is looking on."""

from __future__ import annotations

import os
import signal

from k8sops.sandbox.manager import SandboxHandle, SandboxManager


async def kill_api_server(handle: SandboxHandle) -> None:
    """End it without a word to its clients; its database lives on."""
    status = await SandboxManager(handle.folder.parent).status(handle.name)
    pid = next(one.pid for one in status.components if one.component == "kube-apiserver")
    os.kill(pid, signal.SIGKILL)


async def repair(handle: SandboxHandle) -> None:
    """Start what is gone, and return when all is ready again."""
    await SandboxManager(handle.folder.parent).up(handle.name)
