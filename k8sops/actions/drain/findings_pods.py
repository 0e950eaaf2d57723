"""Findings about pods themselves: who is refused and which flag lets it go, what is lost, who asks to be left alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Final

from k8sops.actions.drain.controllers import Owner
from k8sops.actions.drain.outlook import Outlook, counted, listed
from k8sops.actions.drain.passengers import Passenger
from k8sops.actions.drain.verdicts import Note
from k8sops.core.moments import in_words
from k8sops.core.plan import Finding, Level

DO_NOT_DISRUPT: Final = ("karpenter.sh/do-not-disrupt", "karpenter.sh/do-not-evict")
SAFE_TO_EVICT: Final = "cluster-autoscaler.kubernetes.io/safe-to-evict"


def pod_findings(told: Outlook) -> Iterator[Finding]:
    """Refusals as blockers, then losses and wishes as warnings, then what merely is so."""
    yield from _refusals(told)
    yield from _losses(told)
    yield from _wishes(told)
    yield from _singletons(told)
    yield from _ending(told)
    yield from _stateful(told)


def _refusals(told: Outlook) -> Iterator[Finding]:
    """One for each flag and workload, naming the pods."""
    found: defaultdict[tuple[str, str, Owner], list[tuple[Passenger, Note]]] = defaultdict(list)
    for one in told.passengers:
        for note in one.verdict.notes:
            if note.refuses:
                found[note.flag, note.code, one.owner].append((one, note))
    for (flag, code, _), several in found.items():
        names = [one.key for one, _ in several]
        text = (
            f"pod {names[0]} {several[0][1].text}"
            if len(names) == 1
            else (f"{counted(len(names), 'pod')} ({listed(names)}): each {several[0][1].text}")
        )
        yield Finding(
            level="blocker",
            code=f"refused_{code}",
            text=text,
            subjects=tuple(_subject(one) for one, _ in several),
            override=flag,
        )


def _losses(told: Outlook) -> Iterator[Finding]:
    yield from _by_owner(
        told,
        lambda one: one.goes and any(note.code == "emptydir_data" for note in one.verdict.notes),
        "warning",
        "emptydir_data_lost",
        lambda names, owner: f"{_of(owner, names)}: the data in its emptyDir volumes is lost",
    )
    yield from _by_owner(
        told,
        lambda one: one.goes and _is_lost(one),
        "warning",
        "not_made_again",
        lambda names, owner: f"{_of(owner, names)}: nothing makes it again",
    )
    yield from _by_owner(
        told,
        lambda one: one.goes and any(note.code == "foreign_daemonset" for note in one.verdict.notes),
        "warning",
        "foreign_daemonset",
        lambda names, owner: f"{_of(owner, names)}: its controller may put it back on the same node",
    )
    yield from _by_owner(
        told,
        lambda one: one.would_go and one.verdict.owner == "job" and not one.pod.finished,
        "note",
        "job_interrupted",
        lambda names, owner: f"{_of(owner, names)}: it is interrupted and begins again elsewhere",
    )
    yield from _by_owner(
        told,
        lambda one: one.would_go and any(volume.host_path is not None for volume in one.pod.spec.volumes),
        "note",
        "host_path",
        lambda names, owner: f"{_of(owner, names)}: uses files of the node (hostPath), which stay behind",
    )


def _is_lost(one: Passenger) -> bool:
    return any(note.code in {"no_controller", "daemonset_missing"} for note in one.verdict.notes)


def _wishes(told: Outlook) -> Iterator[Finding]:
    yield from _by_owner(
        told,
        lambda one: one.would_go and any(_asked(one, key) not in {"", "false"} for key in DO_NOT_DISRUPT),
        "warning",
        "do_not_disrupt",
        lambda names, owner: f"{_of(owner, names)}: asks not to be disrupted (karpenter.sh/do-not-disrupt)",
    )
    yield from _by_owner(
        told,
        lambda one: one.would_go and _asked(one, SAFE_TO_EVICT) == "false",
        "warning",
        "not_safe_to_evict",
        lambda names, owner: f'{_of(owner, names)}: says it is not safe to evict ({SAFE_TO_EVICT}: "false")',
    )


def _asked(one: Passenger, key: str) -> str:
    return one.pod.metadata.annotations.get(key, "")


def _singletons(told: Outlook) -> Iterator[Finding]:
    """Workloads of one pod: down from its eviction until the next one is ready, unless there are two for a while."""
    for one in told.going:
        if not one.is_single:
            continue
        if not one.pod.ready:
            text = f"{one.owner.label} runs one pod, which is not ready now: it is down before it moves"
            yield Finding(level="note", code="singleton_down", text=text, subjects=(one.owner.subject,))
            continue
        startup = told.estimates.startup_s(one.pod)
        if surges(told, one):
            text = f"{one.owner.label} runs one pod: a second one is started first and taken back afterwards"
            yield Finding(level="note", code="surge", text=text, subjects=(one.owner.subject,))
            continue
        text = (
            f"{one.owner.label} runs one pod: it is down until the next one is ready, "
            f"about {in_words(max(1.0, startup))} after {one.key} goes"
        )
        yield Finding(
            level="warning",
            code="singleton",
            text=text,
            subjects=(one.owner.subject,),
            override="--surge" if one.can_surge else "",
        )


def surges(told: Outlook, one: Passenger) -> bool:
    """Whether the workload gets a second pod first."""
    return told.params.surge and one.is_single and one.can_surge


def _ending(told: Outlook) -> Iterator[Finding]:
    left_out = [
        one.key for one in told.passengers if one.verb == "keep" and one.verdict.group == "terminating"
    ]
    if left_out:
        text = f"{counted(len(left_out), 'pod')} should have ended long ago and is not waited for: {listed(left_out)}"
        yield Finding(level="note", code="stuck_terminating", text=text)


def _stateful(told: Outlook) -> Iterator[Finding]:
    yield from _by_owner(
        told,
        lambda one: one.would_go and one.verdict.owner == "stateful",
        "note",
        "stateful",
        lambda names, owner: f"{_of(owner, names)}: the next pod of a name starts when the last one is gone",
    )


def _by_owner(
    told: Outlook,
    concerns: Callable[[Passenger], bool],
    level: Level,
    code: str,
    text: Callable[[list[str], Owner], str],
) -> Iterator[Finding]:
    """One finding for each workload that has such pods."""
    found: defaultdict[Owner, list[str]] = defaultdict(list)
    for one in told.passengers:
        if concerns(one):
            found[one.owner].append(one.key)
    for owner, names in found.items():
        yield Finding(level=level, code=code, text=text(names, owner), subjects=(owner.subject,))


def _of(owner: Owner, names: list[str]) -> str:
    return owner.label if owner.kind == "Pod" else f"{owner.label} ({counted(len(names), 'pod')})"


def _subject(one: Passenger) -> str:
    return f"{one.pod.metadata.namespace}/pods/{one.pod.metadata.name}"
