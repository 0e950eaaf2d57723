"""The contexts of the configured kubeconfigs, and the service on each: one configuration, another cluster.

A namespace named in the configuration belongs to the context it was started with; another context has its own.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import msgspec

from k8sops.cluster.credentials import load_credentials
from k8sops.cluster.credentials_kubeconfig import default_paths, read_kubeconfig
from k8sops.cluster.exec_plugin import ExecCredential
from k8sops.core.contexts import Context
from k8sops.service import open_ops
from k8sops.service.config import Config

if TYPE_CHECKING:
    from k8sops.core.ops import Ops


class ConfiguredContexts:
    """`core.contexts.Contexts` over the kubeconfigs that `Config` names, read anew each time."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._held: dict[str, ExecCredential] = {}

    async def listed(self) -> tuple[Context, ...]:
        """By name. Raises UsageError where a file cannot be read."""
        return await asyncio.to_thread(self._read)

    async def sign_in(self, name: str) -> None:
        """Run the plugin of a context (empty: the configured one) on the freed terminal."""
        credentials = await load_credentials(
            kubeconfig=self._config.kubeconfig or None, context=name or self._config.context or None
        )
        self._held[name] = await credentials.sign_in()

    def open(self, name: str) -> AbstractAsyncContextManager[Ops]:
        """The service on a context; empty: the configured one."""
        held = self._held.pop(name, None)
        if not name or name == self._config.context:
            return open_ops(self._config, held)
        return open_ops(msgspec.structs.replace(self._config, context=name, namespace=""), held)

    def _read(self) -> tuple[Context, ...]:
        found = read_kubeconfig(self._config.kubeconfig or default_paths(os.environ))
        default = self._config.context or found.current_context
        contexts = []
        for name, named in found.contexts.items():
            body = named.body
            cluster = str(body.get("cluster") or "")
            server = found.clusters[cluster].body.get("server") if cluster in found.clusters else ""
            contexts.append(
                Context(
                    name=name,
                    cluster=cluster,
                    user=str(body.get("user") or ""),
                    namespace=str(body.get("namespace") or ""),
                    server=str(server or ""),
                    is_default=name == default,
                )
            )
        return tuple(sorted(contexts, key=lambda context: context.name))
