"""Commands that run in pods before and after a backup, as annotations on the pods say: Velero's, and the same of ours.

`pre.hook.backup.velero.io/command` and its like (velero.io/docs, Backup Hooks), or with `k8sops.dev` in the place of
`velero.io`, which then counts. What a hook that fails comes to is the pod's choice: a gap, so that the backup is
incomplete (`Fail`, the default), or a note (`Continue`). What ran before is followed by what runs after, whatever
happened between.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Literal

import msgspec

from k8sops.backup.bodies import Gap
from k8sops.core.errors import ClusterError, K8sOpsError, NotFoundError
from k8sops.core.plan import Target
from k8sops.core.ports import Cluster
from k8sops.core.raw import RawObject

Phase = Literal["pre", "post"]
OnError = Literal["fail", "continue"]

VENDORS: Final = ("k8sops.dev", "velero.io")
TIMEOUT_S: Final = 30.0
LONGEST_S: Final = 3600.0
AT_ONCE: Final = 8
_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """One command in one pod; `trouble` says why it cannot be run as its annotations stand."""

    phase: Phase
    namespace: str
    pod: str
    container: str = ""
    command: tuple[str, ...] = ()
    on_error: OnError = "fail"
    timeout_s: float = TIMEOUT_S
    trouble: str = ""

    @property
    def target(self) -> Target:
        """The pod."""
        return Target(kind="pods", namespace=self.namespace, name=self.pod)


class _Meta(msgspec.Struct, frozen=True):
    annotations: dict[str, str] | None = None


class _Pod(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()


_POD: Final = msgspec.json.Decoder(_Pod)


def hooks_of(pod: RawObject) -> list[Hook]:
    """The hooks a pod's annotations ask for; its metadata is enough."""
    if b".hook.backup." not in pod.data:
        return []
    annotations = _POD.decode(pod.data).metadata.annotations or {}
    phases: tuple[Phase, ...] = ("pre", "post")
    return [hook for phase in phases if (hook := _hook(pod, phase, annotations)) is not None]


def _hook(pod: RawObject, phase: Phase, annotations: dict[str, str]) -> Hook | None:
    for vendor in VENDORS:
        prefix = f"{phase}.hook.backup.{vendor}"
        typed = annotations.get(f"{prefix}/command")
        if typed is None:
            continue
        try:
            command, timeout = _command(typed), _seconds(annotations.get(f"{prefix}/timeout", "30s"))
        except ValueError as error:
            return Hook(phase=phase, namespace=pod.namespace, pod=pod.name, trouble=str(error))
        on_error: OnError = (
            "continue" if annotations.get(f"{prefix}/on-error", "").lower() == "continue" else "fail"
        )
        return Hook(
            phase=phase,
            namespace=pod.namespace,
            pod=pod.name,
            container=annotations.get(f"{prefix}/container", ""),
            command=command,
            on_error=on_error,
            timeout_s=timeout,
        )
    return None


def _command(typed: str) -> tuple[str, ...]:
    """A JSON list of words, or one word that is the whole command, as Velero reads it."""
    if not typed.strip():
        raise ValueError("its command is empty")
    if not typed.lstrip().startswith("["):
        return (typed,)
    try:
        words = msgspec.json.decode(typed, type=tuple[str, ...])
    except msgspec.MsgspecError:
        raise ValueError("its command is no JSON list of texts") from None
    if not words:
        raise ValueError("its command is empty")
    return words


def _seconds(typed: str) -> float:
    match = _DURATION.fullmatch(typed.strip())
    if match is None or not typed.strip():
        raise ValueError(f"its timeout {typed[:20]!r} is no duration such as 30s or 2m")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return min(LONGEST_S, float(hours * 3600 + minutes * 60 + seconds) or TIMEOUT_S)


Once = Callable[[Hook, Callable[[], Awaitable[str]]], Awaitable[str]]
"""Runs a hook once for the run, however often its carrier changes."""


class HookResults(msgspec.Struct, frozen=True):
    """What hooks came to: gaps for those that failed, and sentences for those that may."""

    gaps: tuple[Gap, ...]
    notes: tuple[str, ...]


async def run_hooks(cluster: Cluster, hooks: Sequence[Hook], once: Once) -> HookResults:
    """Run these, several at once. Never raises for a command that fails."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def run(hook: Hook) -> tuple[Hook, str]:
        async with slots:
            try:
                await once(hook, lambda: _run(cluster, hook))
            except K8sOpsError as error:
                return hook, error.message
        return hook, ""

    ended = await asyncio.gather(*(run(hook) for hook in hooks))
    failed = [(hook, why) for hook, why in ended if why]
    return HookResults(
        tuple(
            Gap(group="", resource="pods", namespace=hook.namespace, why=_told(hook, why))
            for hook, why in failed
            if hook.on_error == "fail"
        ),
        tuple(
            f"{hook.target.label}: {_told(hook, why)}" for hook, why in failed if hook.on_error == "continue"
        ),
    )


async def _run(cluster: Cluster, hook: Hook) -> str:
    if hook.trouble:
        raise ClusterError(hook.trouble)
    try:
        pod = await cluster.get(await cluster.resource("pods"), hook.pod, hook.namespace)
    except NotFoundError:
        return f"{hook.target.label} is no more"
    if pod.get("status", {}).get("phase") != "Running":
        return f"{hook.target.label} does not run"
    ended = await cluster.execute(
        hook.pod, hook.namespace, hook.command, container=hook.container, deadline_s=hook.timeout_s
    )
    if ended.exit_code:
        # What it wrote may hold anything, a password in a trace of the shell too.
        raise ClusterError(f"its command ended with code {ended.exit_code}")
    return f"the {hook.phase} hook of {hook.target.label} ran"


def _told(hook: Hook, why: str) -> str:
    return f"{hook.pod}: the {hook.phase} hook failed: {why}"[:500]
