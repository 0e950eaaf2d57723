"""Which moments belong to what was named: the objects themselves, what they own, and what owns them. Pure.

Owners are told by uid, as controllers write them; what is gone by now is known by its name, which holds its owner's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from k8sops.core.plan import JsonObject
from k8sops.core.timeline import Moment
from k8sops.timeline.belonging import bare, workload_of
from k8sops.timeline.facts import subject_of


class _Seen(NamedTuple):
    subject: str
    owners: tuple[str, ...]


class Scope:
    """Everything until something is named."""

    def __init__(self) -> None:
        self._roots: dict[str, str] = {}
        self._pods: set[str] = set()
        self._seen: dict[str, _Seen] = {}
        self._aimed: dict[str, str] = {}
        self._members: frozenset[str] = frozenset()
        self.has_gone = ""
        """An object that was named and is not there."""
        self.nodes: set[str] = set()
        """Names of the nodes on which pods of it run, or ran."""

    def name(self, kind: str, found: JsonObject) -> None:
        """An object that was named, and is there."""
        self._roots[found["metadata"]["uid"]] = subject_of(kind, found)
        self.see(kind, found)

    def name_gone(self, subjects: Sequence[str]) -> None:
        """An object that was named, and is there no more, as it would be called."""
        self._roots |= {subject: subject for subject in subjects}
        self.has_gone = subjects[0]

    def see(self, kind: str, found: JsonObject) -> None:
        """An object on the way; who owns whom is known once all were seen."""
        metadata: dict[str, Any] = found["metadata"]
        owners = tuple(str(one.get("uid")) for one in metadata.get("ownerReferences") or ())
        subject = subject_of(kind, found)
        self._seen[str(metadata.get("uid"))] = _Seen(subject, owners)
        if target := (found.get("spec") or {}).get("scaleTargetRef"):
            self._aimed[subject] = f"{target.get('kind')} {metadata.get('namespace')}/{target.get('name')}"

    def see_pod(self, pod: JsonObject) -> None:
        """A pod of what was named, whoever owns it."""
        self.see("Pod", pod)
        self._pods.add(pod["metadata"]["uid"])
        if node := (pod.get("spec") or {}).get("nodeName"):
            self.nodes.add(str(node))

    def settle(self) -> None:
        """Find out what belongs to what was named, once everything was seen."""
        if not self._roots:
            return
        below = self._owned(self._roots)
        above = self._owning({*self._roots, *self._pods})
        members = {self._seen[uid].subject for uid in {*below, *above, *self._pods} if uid in self._seen}
        members |= {*self._roots.values(), *(f"Node {name}" for name in self.nodes)}
        members |= {subject for subject, target in self._aimed.items() if target in members}
        self._members = frozenset(members)

    def takes(self, moment: Moment) -> bool:
        """Whether it is about something that belongs to it."""
        return self.takes_subject(moment.subject)

    def takes_subject(self, subject: str) -> bool:
        """The same of a subject."""
        if not self._roots:
            return True
        named = self._roots.values()
        return bare(subject) in self._members or any(one in named for one in workload_of(subject))

    def _owned(self, roots: Iterable[str]) -> set[str]:
        children: dict[str, list[str]] = {}
        for uid, seen in self._seen.items():
            for owner in seen.owners:
                children.setdefault(owner, []).append(uid)
        return _reached(roots, lambda uid: children.get(uid, ()))

    def _owning(self, uids: Iterable[str]) -> set[str]:
        return _reached(uids, lambda uid: self._seen[uid].owners if uid in self._seen else ())


def _reached(start: Iterable[str], following: Callable[[str], Iterable[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        uid = waiting.pop()
        if uid not in found:
            found.add(uid)
            waiting.extend(following(uid))
    return found
