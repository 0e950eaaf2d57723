"""What a drain does with each pod of a node: evict, keep or refuse, as `kubectl drain` of 1.36 decides it.

The order of the questions is kubectl's: is it stuck terminating, does a DaemonSet own it, is it a mirror pod, does it
hold emptyDir data, does nothing own it. kubectl answers with one message and leaves out what it found before; here
all is kept, so that one look names every flag that is missing. Pure: whether a DaemonSet exists is told.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec

from k8sops.forecast.objects import Pod

MIRROR_ANNOTATION: Final = "kubernetes.io/config.mirror"
IGNORE_DAEMONSETS: Final = "--ignore-daemonsets"
DELETE_EMPTYDIR_DATA: Final = "--delete-emptydir-data"
FORCE: Final = "--force"

Verb = Literal["evict", "keep", "refuse"]
Owner = Literal["replicated", "stateful", "job", "daemonset", "mirror", "bare", "custom"]
"""Who would make the pod again; it never changes while the pod lives. `custom` is a controller of another kind."""

Group = Literal[
    "replicated",
    "stateful",
    "job",
    "daemonset",
    "mirror",
    "bare",
    "custom",
    "orphan",
    "finished",
    "terminating",
]
"""Of which class the pod is now: its owner, or what matters more; an `orphan`'s DaemonSet is gone."""

NoteCode = Literal[
    "stuck_terminating",
    "daemonset",
    "daemonset_missing",
    "daemonset_unknown",
    "mirror",
    "emptydir_data",
    "no_controller",
    "foreign_daemonset",
]

_OWNERS: Final[dict[str, Owner]] = {
    "ReplicaSet": "replicated",
    "ReplicationController": "replicated",
    "StatefulSet": "stateful",
    "Job": "job",
}


class DrainFlags(msgspec.Struct, frozen=True, kw_only=True):
    """The flags of `kubectl drain` that decide about pods; zero seconds wait for every terminating pod."""

    ignore_daemonsets: bool = False
    delete_emptydir_data: bool = False
    force: bool = False
    skip_wait_for_delete_timeout_s: int = 0


class Note(msgspec.Struct, frozen=True, gc=False):
    """Something found out about a pod; with `refuses`, the pod stops the drain of its node."""

    code: NoteCode
    text: str
    """Follows the pod's name: `shop/web-1 holds data in …`."""
    refuses: bool = False
    flag: str = ""
    """Which flag would let it go, or is what lets it go; empty where none does."""


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What happens to a pod and all that was found on the way."""

    verb: Verb
    group: Group
    owner: Owner
    notes: tuple[Note, ...] = ()

    @property
    def messages(self) -> tuple[str, ...]:
        """The text of every note; each follows the pod's name."""
        return tuple(note.text for note in self.notes)

    @property
    def flags(self) -> tuple[str, ...]:
        """All flags that are missing, in kubectl's order; empty unless refused, and where no flag helps."""
        return tuple(note.flag for note in self.notes if note.refuses and note.flag)

    @property
    def flag(self) -> str:
        """The flag that kubectl would ask for first."""
        return next(iter(self.flags), "")


def judge(pod: Pod, flags: DrainFlags, *, now: datetime, daemonset_exists: bool | None = True) -> Verdict:
    """Decide about one pod of a node that is to be drained.

    `daemonset_exists` matters only where `daemonset_of` names one: whether the pod's namespace has a DaemonSet of that
    name, or None where that could not be read. Source: kubectl 1.36, `pkg/drain/filters.go`.
    """
    owner = owner_of(pod)
    group = _group(pod, owner, daemonset_exists)
    if _stuck_terminating(pod, flags, now):
        return Verdict("keep", "terminating", owner, (_stuck(flags),))
    notes: list[Note] = []
    if daemonset_of(pod):
        note = _daemonset_note(flags, daemonset_exists)
        if note.code != "daemonset_missing":
            return Verdict("refuse" if note.refuses else "keep", group, owner, (note,))
        notes.append(note)
    if MIRROR_ANNOTATION in pod.metadata.annotations:
        notes.append(Note("mirror", "is a mirror pod: the kubelet runs it from a file on the node"))
        return Verdict(
            "refuse" if any(note.refuses for note in notes) else "keep", group, owner, tuple(notes)
        )
    notes += _losses(pod, flags)
    return Verdict("refuse" if any(note.refuses for note in notes) else "evict", group, owner, tuple(notes))


def daemonset_of(pod: Pod) -> str:
    """The name of the DaemonSet (apps/v1) that manages the pod, or nothing; a finished pod's does not matter."""
    controller = pod.metadata.controller
    if controller is None or pod.finished or not _is_daemonset(controller.kind, controller.api_version):
        return ""
    return controller.name


def owner_of(pod: Pod) -> Owner:
    """Who would make the pod again, whatever state it is in."""
    if MIRROR_ANNOTATION in pod.metadata.annotations:
        return "mirror"
    controller = pod.metadata.controller
    if controller is None:
        return "bare"
    if _is_daemonset(controller.kind, controller.api_version):
        return "daemonset"
    if controller.api_version in {"apps/v1", "batch/v1", "v1"}:
        return _OWNERS.get(controller.kind, "custom")
    return "custom"


def _is_daemonset(kind: str, api_version: str) -> bool:
    return kind == "DaemonSet" and api_version == "apps/v1"


def _group(pod: Pod, owner: Owner, daemonset_exists: bool | None) -> Group:
    if owner == "mirror":
        return "mirror"
    if pod.ending:
        return "terminating"
    if pod.finished:
        return "finished"
    if owner == "daemonset" and daemonset_exists is False:
        return "orphan"
    return owner


def _stuck_terminating(pod: Pod, flags: DrainFlags, now: datetime) -> bool:
    deletion = pod.metadata.deletion_timestamp
    if deletion is None or flags.skip_wait_for_delete_timeout_s <= 0:
        return False
    # The timestamp is the end of the grace period, and kubectl compares whole seconds: one second more has to pass.
    return int((now - deletion).total_seconds()) > flags.skip_wait_for_delete_timeout_s


def _stuck(flags: DrainFlags) -> Note:
    limit = flags.skip_wait_for_delete_timeout_s
    text = f"should have ended more than {limit} s ago and is not waited for"
    return Note("stuck_terminating", text, flag="--skip-wait-for-delete-timeout")


def _daemonset_note(flags: DrainFlags, exists: bool | None) -> Note:
    if exists is None:
        return Note("daemonset_unknown", "belongs to a DaemonSet that could not be read", refuses=True)
    if not exists:
        text = "belongs to a DaemonSet that is gone; nothing makes it again"
        return Note("daemonset_missing", text, refuses=not flags.force, flag=FORCE)
    if not flags.ignore_daemonsets:
        text = "is managed by a DaemonSet, which would put it back on this node at once"
        return Note("daemonset", text, refuses=True, flag=IGNORE_DAEMONSETS)
    return Note("daemonset", "is managed by a DaemonSet and stays", flag=IGNORE_DAEMONSETS)


def _losses(pod: Pod, flags: DrainFlags) -> list[Note]:
    """What is lost with a pod that goes; a finished one has nothing to lose."""
    if pod.finished:
        return []
    notes = []
    if volumes := [volume.name for volume in pod.spec.volumes if volume.empty_dir is not None]:
        text = f"holds data in emptyDir {', '.join(volumes)}, which is lost"
        notes.append(
            Note("emptydir_data", text, refuses=not flags.delete_emptydir_data, flag=DELETE_EMPTYDIR_DATA)
        )
    controller = pod.metadata.controller
    if controller is None:
        text = "has no controller; nothing makes it again"
        notes.append(Note("no_controller", text, refuses=not flags.force, flag=FORCE))
    elif controller.kind == "DaemonSet" and not _is_daemonset(controller.kind, controller.api_version):
        text = f"is managed by a DaemonSet of {controller.api_version}, which may put it back on this node"
        notes.append(Note("foreign_daemonset", text))
    return notes
