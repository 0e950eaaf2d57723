"""Commands that run in pods before and after a backup, as annotations on the pods say, or who makes the backup.

`pre.hook.backup.velero.io/command` and its like (velero.io/docs, Backup Hooks), or with `k8sops.dev` in the place of
`velero.io`, which then counts; a pod's own word goes before the rules of the Params, as with Velero. A hook that fails
comes to a gap, so that the backup is incomplete (`fail`, the default), or to a note (`continue`). What ran before is
followed by what runs after, whatever happened between.
"""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Literal

import msgspec

from k8sops.actions.backups.hook_rules import HookCommand, HookRule, OnError, looks_secret
from k8sops.backup.bodies import Gap
from k8sops.core.errors import ClusterError, K8sOpsError, NotFoundError
from k8sops.core.plan import Target
from k8sops.core.ports import Cluster
from k8sops.core.raw import RawObject

Phase = Literal["pre", "post"]

PHASES: Final[tuple[Phase, ...]] = ("pre", "post")
VENDORS: Final = ("k8sops.dev", "velero.io")
TIMEOUT_S: Final = 30.0
LONGEST_S: Final = 3600.0
AT_ONCE: Final = 8
COMMAND_SHOWN: Final = 160
_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """One command in one pod; `trouble` says why it cannot be run as its annotations stand."""

    phase: Phase
    namespace: str
    pod: str
    rule: str = ""
    """The name of the rule that asks for it; empty where the pod itself does."""
    container: str = ""
    command: tuple[str, ...] = ()
    on_error: OnError = "fail"
    timeout_s: float = TIMEOUT_S
    trouble: str = ""

    @property
    def target(self) -> Target:
        """The pod."""
        return Target(kind="pods", namespace=self.namespace, name=self.pod)

    @property
    def shown(self) -> str:
        """What will be run, for people; of a command with what looks like a secret only its program."""
        command = f"{self.command[0]} …" if looks_secret(self.command) else shlex.join(self.command)
        within = f" in container {self.container}" if self.container else ""
        return f"{command[:COMMAND_SHOWN]}{'…' if len(command) > COMMAND_SHOWN else ''}{within}"


class HookSource(msgspec.Struct, frozen=True, kw_only=True):
    """Whose hooks count: those that pods ask for, and those of rules."""

    annotated: bool = False
    rules: tuple[HookRule, ...] = ()

    @property
    def any(self) -> bool:
        """Whether there can be hooks."""
        return self.annotated or bool(self.rules)

    def of(self, pod: RawObject) -> list[Hook]:
        """The hooks for a pod, in the order in which they run; its metadata is enough."""
        found = hooks_of(pod) if self.annotated else []
        own = {hook.phase for hook in found}
        asked = [rule for rule in self.rules if rule.takes(pod.namespace, pod.labels)]
        for phase in PHASES:
            for rule in asked if phase not in own else ():
                command = rule.pre if phase == "pre" else rule.post
                if command is not None:
                    found.append(_of_rule(pod, phase, rule, command))
        return found


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
    return [hook for phase in PHASES if (hook := _hook(pod, phase, annotations)) is not None]


def _of_rule(pod: RawObject, phase: Phase, rule: HookRule, command: HookCommand) -> Hook:
    return Hook(
        phase=phase,
        namespace=pod.namespace,
        pod=pod.name,
        rule=rule.name,
        container=rule.container,
        command=command.command,
        on_error=command.on_error,
        timeout_s=float(command.timeout),
    )


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
    """Run these, several pods at once, those of one pod in their order. Never raises for a command that fails."""
    slots = asyncio.Semaphore(AT_ONCE)
    pods: dict[Target, list[Hook]] = {}
    for hook in hooks:
        pods.setdefault(hook.target, []).append(hook)

    async def run(hooks: Sequence[Hook]) -> list[tuple[Hook, str]]:
        failed: list[tuple[Hook, str]] = []
        async with slots:
            for hook in hooks:
                try:
                    await once(hook, partial(_run, cluster, hook))
                except K8sOpsError as error:
                    failed.append((hook, error.message))
        return failed

    failed = [one for found in await asyncio.gather(*map(run, pods.values())) for one in found]
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
    # The API server takes a pod of several containers only with one of them named; Velero means the first.
    container = hook.container or str(pod["spec"]["containers"][0]["name"])
    ended = await cluster.execute(
        hook.pod, hook.namespace, hook.command, container=container, deadline_s=hook.timeout_s
    )
    if ended.exit_code:
        # What it wrote may hold anything, a password in a trace of the shell too.
        raise ClusterError(f"its command ended with code {ended.exit_code}")
    return f"{_called(hook)} of {hook.target.label} ran"


def _told(hook: Hook, why: str) -> str:
    return f"{hook.pod}: {_called(hook)} failed: {why}"[:500]


def _called(hook: Hook) -> str:
    return f"the {hook.phase} hook {hook.rule}".rstrip()
