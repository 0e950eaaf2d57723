"""What a selection takes of the pods it is shown: names, nodes, containers and their states. Pure.

Patterns are searched for in names, by the linear engine: a chat may have typed them, and none can hang.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from k8sops.core.errors import UsageError
from k8sops.core.log_selection import ContainerPhase, LogSelection
from k8sops.core.plan import JsonObject
from k8sops.logs.containers import ContainerState, Role, containers_of, state_of
from k8sops.redact.linear import LinearPattern, PatternError


class FoundContainer(NamedTuple):
    """A container that is meant."""

    name: str
    role: Role
    state: ContainerState


class Chooser:
    """A selection's patterns, compiled. Raises UsageError naming the one that is none."""

    def __init__(self, selection: LogSelection) -> None:
        self._selection: Final = selection
        self._pods = _compiled(selection.pods)
        self._not_pods = tuple(map(_compiled, filter(None, selection.exclude_pods)))
        self._containers = _compiled(selection.containers)
        self._not_containers = tuple(map(_compiled, filter(None, selection.exclude_containers)))
        self._nodes = frozenset(selection.nodes)

    def takes(self, pod: JsonObject) -> bool:
        """Whether the pod is meant, as far as its own name and node tell."""
        if self._nodes and (pod.get("spec") or {}).get("nodeName") not in self._nodes:
            return False
        return _passes(pod["metadata"]["name"], self._pods, self._not_pods)

    def containers(self, pod: JsonObject) -> list[FoundContainer]:
        """The containers of a pod that are meant, in the order they begin in."""
        found = []
        for name, role in containers_of(pod):
            if self._takes_role(role) and _passes(name, self._containers, self._not_containers):
                state = state_of(pod, name)
                if not self._selection.phases or phase_of(state) in self._selection.phases:
                    found.append(FoundContainer(name, role, state))
        return found

    def _takes_role(self, role: Role) -> bool:
        return role == "main" or (self._selection.init if role == "init" else self._selection.ephemeral)


def phase_of(state: ContainerState) -> ContainerPhase:
    """The state as Kubernetes names it."""
    if state.running:
        return "running"
    return "terminated" if state.ended is not None and not state.waiting else "waiting"


def _compiled(pattern: str) -> LinearPattern | None:
    if not pattern:
        return None
    try:
        return LinearPattern(pattern)
    except PatternError as error:
        raise UsageError(
            f"{pattern!r} is no pattern: {error}",
            hint="regular expressions are RE2's: no look-around, no back-references",
        ) from error


def _passes(name: str, wanted: LinearPattern | None, unwanted: tuple[LinearPattern | None, ...]) -> bool:
    data = name.encode()
    if wanted is not None and wanted.search(data, 0, len(data)) is None:
        return False
    return all(one is None or one.search(data, 0, len(data)) is None for one in unwanted)
