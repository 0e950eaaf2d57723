"""Many sources' moments as one line of time: in order, each said once, the uneventful left out where they are too many.

Nothing is concluded. A run of ours is put beside what happened to its targets while it was carried out, which each of
these moments then says; both stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from k8sops.core.logs import SECOND_NS
from k8sops.core.text import counted
from k8sops.core.timeline import Moment, Timeline, Unknown
from k8sops.timeline.belonging import LIFE, workload_of
from k8sops.timeline.reading_runs import BEGINNINGS

MOST: Final = 20_000
AGAIN_NS: Final = 600 * SECOND_NS
"""The same event told again within this time goes on; later, it is another."""
_PLACES: Final = {
    reason: place for place, reason in enumerate(("ScalingReplicaSet", "SuccessfulCreate", *LIFE))
}
SETTLES_NS: Final = 10 * SECOND_NS
"""So long after a run ended its cluster may still be answering it."""


def merged(
    moments: Iterable[Moment],
    *,
    since_ns: int,
    until_ns: int,
    unknown: Sequence[Unknown] = (),
    title: str = "",
    most: int = MOST,
) -> Timeline:
    """The timeline of a window: what began before it and went on into it belongs to it too."""
    inside = (one for one in moments if one.at_ns <= until_ns and one.end_ns >= since_ns)
    told = _again_joined(_once(inside))
    kept = _at_most(told, most)
    more = list(unknown)
    if len(kept) < len(told):
        left = counted(len(told) - len(kept), "moment")
        more.append(Unknown(source=left, why=f"more than {most}, and of the least trouble", expected=True))
    return Timeline(
        since_ns=since_ns,
        until_ns=until_ns,
        moments=tuple(_beside_runs(kept, until_ns)),
        unknown=tuple(dict.fromkeys(more)),
        title=title,
    )


def matters(moment: Moment) -> bool:
    """Whether it tells of trouble, or of something that was changed."""
    return moment.bad or moment.matter in {"rollout", "scale", "run", "node"}


def _order(moment: Moment) -> tuple[int, int, int, str, str]:
    """By time; within a second, whose fraction most events lack, by what must have come before what."""
    second = moment.at_ns // SECOND_NS
    place = _PLACES.get(moment.text.partition(":")[0], len(_PLACES))
    if moment.matter == "run" and moment.text.startswith(BEGINNINGS):
        place = -1
    within = _latest(moment) if place in {-1, len(_PLACES)} else 0
    return second, place, within, moment.subject, moment.text


def _latest(moment: Moment) -> int:
    """When it was at the latest: Kubernetes tells most times by the second, cut off; we tell ours exactly."""
    exact = moment.matter == "run" or moment.at_ns % SECOND_NS
    return moment.at_ns if exact else moment.at_ns + SECOND_NS - 1


def _once(moments: Iterable[Moment]) -> list[Moment]:
    """What several sources told, or one that was read twice, once: as it was told last."""
    found: dict[tuple[int, str, str, str], Moment] = {}
    for one in moments:
        key = (one.at_ns, one.matter, one.subject, one.text)
        known = found.get(key)
        if known is None or (one.count, one.until_ns) > (known.count, known.until_ns):
            found[key] = one
    return sorted(found.values(), key=_order)


def _again_joined(moments: Sequence[Moment]) -> list[Moment]:
    """An event that is told again and again as one, with its number."""
    joined: list[Moment] = []
    places: dict[tuple[str, str], int] = {}
    for one in moments:
        if one.matter != "event":
            joined.append(one)
            continue
        place = places.get((one.subject, one.text))
        before = joined[place] if place is not None else None
        if place is None or before is None or one.at_ns - before.end_ns > AGAIN_NS:
            places[one.subject, one.text] = len(joined)
            joined.append(one)
            continue
        joined[place] = msgspec.structs.replace(
            before,
            count=before.count + one.count,
            until_ns=max(before.end_ns, one.end_ns),
            bad=before.bad or one.bad,
        )
    return joined


def _at_most(moments: list[Moment], most: int) -> list[Moment]:
    """The newest of what tells of trouble or change, then the newest of the rest."""
    if len(moments) <= most:
        return moments
    places = sorted(range(len(moments)), key=lambda place: (matters(moments[place]), place), reverse=True)
    return [moments[place] for place in sorted(places[:most])]


def _beside_runs(moments: Sequence[Moment], until_ns: int) -> list[Moment]:
    """Each moment with the run that was changing its subject at that time."""
    spans: dict[str, list[tuple[int, int, str]]] = {}
    for start in moments:
        if start.matter != "run" or not start.targets:
            continue
        end = max((one.at_ns for one in moments if one.subject == start.subject), default=start.at_ns)
        end = end + SETTLES_NS if end > start.at_ns else until_ns
        for target in start.targets:
            spans.setdefault(target, []).append((start.at_ns, end, start.subject.removeprefix("run ")))
    return [_with_run(one, spans) for one in moments] if spans else list(moments)


def _with_run(moment: Moment, spans: dict[str, list[tuple[int, int, str]]]) -> Moment:
    if moment.matter in {"run", "log"}:
        return moment
    for about in workload_of(moment.subject):
        for since, until, run in spans.get(about, ()):
            if since <= _latest(moment) <= until + SECOND_NS:
                return msgspec.structs.replace(moment, run=run)
    return moment
