"""Fill a sandbox: a small company in trouble, the same every time, and as much load beside it as is asked for.

The company comes from the manifests in `company/` by server-side apply. The load is written directly, running pods
included, since controllers make some thirty pods a second. Importing this module costs nothing; the work is in `run`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec


class SeedReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a seed did."""

    applied: dict[str, int]
    """Objects per kind that are now as the seed wants them, created or not; the load's included."""
    created: int
    """How many of them were not there before; 0 when a second seed finds everything in place."""
    seconds: float
    objects_per_second: float
    """Of the load alone, 0.0 without one: the company's time is mostly waiting for pods."""
    story: tuple[str, ...]
    """Lines that a first look can follow, each naming an object."""


async def seed(
    kubeconfig: Path, *, progress: Callable[[str], None], objects: int = 0, pods: int = 0, nodes: int = 0
) -> SeedReport:
    """Bring the company to life, wait until its story is true, then write the load.

    `objects` counts the load's `pods` and `nodes`; what remains becomes ConfigMaps, Secrets and Services. Repeating a
    seed changes nothing that is in place; an interrupted one is continued. Raises UsageError for impossible numbers,
    SandboxError naming every object that could not be written and every part of the story that did not come true.
    """
    from k8sops.sandbox.seed.run import run_seed  # noqa: PLC0415 - the CLI imports this module for its --help

    return await run_seed(kubeconfig, progress=progress, objects=objects, pods=pods, nodes=nodes)
