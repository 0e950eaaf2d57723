"""Finds the control plane's binaries: KUBEBUILDER_ASSETS first, then the cache, else builds them once.

KUBEBUILDER_ASSETS is the variable of controller-runtime's envtest: a folder with kube-apiserver, etcd and kubectl.
Whatever it lacks comes from the cache, so a folder with only some of them is useful.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from k8sops.core.clock import Clock, SystemClock
from k8sops.core.errors import UsageError
from k8sops.sandbox.build import BuildProgress, Report, build
from k8sops.sandbox.locations import cache_folder
from k8sops.sandbox.versions import BY_NAME, VERSION_SET

ASSETS_VARIABLE: Final = "KUBEBUILDER_ASSETS"


def unheard(progress: BuildProgress) -> None:
    """A report nobody wants."""


def find_binary(name: str, cache: Path | None = None) -> Path | None:
    """Where the binary is, or None where it has to be built first."""
    if assets := os.environ.get(ASSETS_VARIABLE):
        given = Path(assets).expanduser() / name
        if given.is_file() and os.access(given, os.X_OK):
            return given.absolute()
    built = binaries_folder(cache) / name
    return built if built.is_file() else None


def binaries_folder(cache: Path | None = None) -> Path:
    """The folder of the pinned versions' binaries inside the cache."""
    return (cache or cache_folder()) / "controlplane" / VERSION_SET


async def ensure_binaries(
    names: Sequence[str],
    *,
    cache: Path | None = None,
    report: Report = unheard,
    clock: Clock | None = None,
) -> dict[str, Path]:
    """The paths of these binaries by name; those found nowhere are built, which takes minutes the first time.

    Raises SandboxError where building fails, UsageError for a name that is none of ours.
    """
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        raise UsageError(f"{unknown[0]} is no binary of the sandbox", hint=f"there are {', '.join(BY_NAME)}")
    missing = [BY_NAME[name] for name in names if find_binary(name, cache) is None]
    if missing:
        await build(missing, binaries_folder(cache), cache or cache_folder(), clock or SystemClock(), report)
    found = {name: find_binary(name, cache) for name in names}
    return {name: path for name, path in found.items() if path is not None}


async def ensure_binary(name: str, *, cache: Path | None = None, report: Report = unheard) -> Path:
    """One binary; kubectl, etcdctl and etcdutl are asked for this way when they are first wanted."""
    return (await ensure_binaries([name], cache=cache, report=report))[name]
