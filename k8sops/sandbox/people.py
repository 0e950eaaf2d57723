"""The company's people: a kubeconfig each in the sandbox's folder, readable by its owner alone, to play them.

What they may do comes from the company's RBAC, so before a seed they may do nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from k8sops.core.errors import UsageError
from k8sops.sandbox.locations import private_folder, write_private
from k8sops.sandbox.manager import SandboxManager

PEOPLE: Final = {"alice": ("ops",), "bob": ("developers",), "carol": ("auditors",)}
"""Person → groups, as the company's role bindings and docs/sandbox.md have them."""


def kubeconfig_of(manager: SandboxManager, sandbox: str, person: str) -> Path:
    """The person's kubeconfig, written where there is none yet or where the sandbox has moved to another port.

    Raises UsageError for somebody else than the company's people, or where there is no such sandbox.
    """
    if person not in PEOPLE:
        raise UsageError(
            f"nobody in the company is called {person!r}",
            hint=f"there are {', '.join(PEOPLE)}; for others `k8sops sandbox kubeconfig --user NAME --group GROUP`",
        )
    handle = manager.handle(sandbox)
    path = private_folder(handle.folder / "people") / f"{person}.kubeconfig"
    if not path.exists() or handle.server.encode() not in path.read_bytes():
        write_private(path, manager.kubeconfig_for(sandbox, person, PEOPLE[person]))
    return path


def kubeconfigs(manager: SandboxManager, sandbox: str) -> dict[str, Path]:
    """All of them. Raises UsageError where there is no such sandbox."""
    return {person: kubeconfig_of(manager, sandbox, person) for person in PEOPLE}
