"""A test's namespace is handed over with what controllers put into every one, however late they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from k8sops.sandbox import namespaces
from k8sops.sandbox.manager import SandboxHandle

LATE = 3


class Late:
    """An API server whose controllers make each object only after some looks."""

    def __init__(self) -> None:
        self.looks: dict[str, int] = {}
        self.made: list[str] = []

    async def create(self, path: str, manifest: dict[str, Any]) -> None:
        """Take it."""
        self.made.append(f"{path}/{manifest['metadata']['name']}")

    async def get(self, path: str) -> dict[str, Any] | None:
        """Nothing at first."""
        self.looks[path] = self.looks.get(path, 0) + 1
        return {} if self.looks[path] > LATE else None


async def test_a_namespace_is_waited_for_until_its_account_and_root_certificates_are_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A ConfigMap that comes while a test compares what is in the namespace is a difference that nobody made."""
    late = Late()

    @asynccontextmanager
    async def client(*_: object) -> AsyncIterator[Late]:
        yield late

    class Handle:
        folder = tmp_path / "here"
        name = "here"
        server = "https://127.0.0.1:1"

    monkeypatch.setattr(namespaces, "admin_client", client)
    await namespaces.create_namespace(cast("SandboxHandle", Handle()), "shop")
    assert late.made == ["/api/v1/namespaces/shop"]
    place = "/api/v1/namespaces/shop"
    assert late.looks == {
        f"{place}/serviceaccounts/default": LATE + 1,
        f"{place}/configmaps/kube-root-ca.crt": LATE + 1,
    }
