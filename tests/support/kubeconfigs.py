"""Kubeconfig documents for tests, written 0600."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml


def b64(data: bytes) -> str:
    """Base64 as kubeconfig's `*-data` fields want it."""
    return base64.b64encode(data).decode()


def document(
    server: str,
    *,
    user: dict[str, Any] | None = None,
    cluster: dict[str, Any] | None = None,
    context: str = "test",
    namespace: str = "",
) -> dict[str, Any]:
    """A kubeconfig with one context, one cluster and one user, all of the context's name."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "contexts": [
            {"name": context, "context": {"cluster": context, "user": context, "namespace": namespace}}
        ],
        "clusters": [{"name": context, "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": context, "user": user or {}}],
    }


def write(path: Path, content: dict[str, Any]) -> Path:
    """The document as a file only its owner can read."""
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content), "utf-8")
    return path
