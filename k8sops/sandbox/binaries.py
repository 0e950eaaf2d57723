"""Finds the control plane's binaries: KUBEBUILDER_ASSETS first, then the cache, else builds or fetches them once.

KUBEBUILDER_ASSETS is the variable of controller-runtime's envtest: a folder with kube-apiserver, etcd and kubectl.
Whatever it lacks comes from the cache, so a folder with only some of them is useful. What is in neither is built; or,
where K8SOPS_ASSETS_URL names a mirror of release binaries, fetched from there, and never built without being asked.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from k8sops.core.clock import Clock, SystemClock
from k8sops.core.errors import UsageError
from k8sops.sandbox.build import BuildProgress, Report, build, expected_seconds
from k8sops.sandbox.fetch import fetch
from k8sops.sandbox.locations import cache_folder
from k8sops.sandbox.mirror import mirror_address
from k8sops.sandbox.releases import this_machine
from k8sops.sandbox.versions import BY_NAME, VERSION_SET, Binary

ASSETS_VARIABLE: Final = "KUBEBUILDER_ASSETS"


def unheard(progress: BuildProgress) -> None:
    """A report nobody wants."""


def find_binary(name: str, cache: Path | None = None) -> Path | None:
    """Where the binary is, or None where it has to be built or fetched first."""
    if assets := os.environ.get(ASSETS_VARIABLE):
        given = Path(assets).expanduser() / name
        if given.is_file() and os.access(given, os.X_OK):
            return given.absolute()
    for folder in (binaries_folder(cache), fetched_folder(cache)):
        if (folder / name).is_file():
            return folder / name
    return None


def binaries_folder(cache: Path | None = None) -> Path:
    """The folder of the pinned versions' binaries inside the cache, as built here."""
    return (cache or cache_folder()) / "controlplane" / VERSION_SET


def fetched_folder(cache: Path | None = None) -> Path:
    """The folder of the pinned versions' release binaries inside the cache: a cache of its own beside the built."""
    machine = f"{platform.system()}-{platform.machine()}".lower()
    return (cache or cache_folder()) / "controlplane" / f"{VERSION_SET}_fetched-{machine}"


def building_ahead(names: Sequence[str], cache: Path | None = None) -> float:
    """Seconds that building what is missing of these will take; 0 where nothing is missing, or it is fetched."""
    if mirror_address() is not None:
        return 0.0
    missing = [BY_NAME[name] for name in names if find_binary(name, cache) is None]
    return expected_seconds(missing, binaries_folder(cache))


async def ensure_binaries(
    names: Sequence[str],
    *,
    cache: Path | None = None,
    report: Report = unheard,
    clock: Clock | None = None,
) -> dict[str, Path]:
    """The paths of these binaries by name; those found nowhere are built, which takes minutes, or fetched.

    Raises SandboxError where that fails, UnreachableError for a mirror that does not answer, UsageError for a name
    that is none of ours or a mirror's address that is none.
    """
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        raise UsageError(f"{unknown[0]} is no binary of the sandbox", hint=f"there are {', '.join(BY_NAME)}")
    missing = [BY_NAME[name] for name in names if find_binary(name, cache) is None]
    if missing:
        await _obtain(missing, cache, clock or SystemClock(), report)
    found = {name: find_binary(name, cache) for name in names}
    return {name: path for name, path in found.items() if path is not None}


async def ensure_binary(name: str, *, cache: Path | None = None, report: Report = unheard) -> Path:
    """One binary; kubectl, etcdctl and etcdutl are asked for this way when they are first wanted."""
    return (await ensure_binaries([name], cache=cache, report=report))[name]


async def _obtain(missing: Sequence[Binary], cache: Path | None, clock: Clock, report: Report) -> None:
    if (address := mirror_address()) is not None:
        await fetch(missing, fetched_folder(cache), address, this_machine(), clock, report)
    else:
        await build(missing, binaries_folder(cache), cache or cache_folder(), clock, report)
