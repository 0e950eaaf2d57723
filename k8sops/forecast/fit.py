"""The fit preview: where the scheduler would put pods that have to leave their nodes, and how sure that is.

*fits*: it has a place whatever the order in which the others arrive and wherever they go. *tight*: it has one in the
simulated order. *does not fit*: none in the simulated order. What is simulated and what is not: docs/forecast.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from k8sops.forecast.landing import Landing, land
from k8sops.forecast.objects import Pod
from k8sops.forecast.scene import Scene
from k8sops.forecast.shapes import Shape
from k8sops.forecast.sureness import Sureness
from k8sops.forecast.world import Fit, FitVerdict, World

__all__ = ["Fit", "FitVerdict", "World", "preview", "reasons_in_words"]


def preview(
    world: World, *, leaving: frozenset[str], moving: Sequence[Pod], gone: Collection[str] = ()
) -> tuple[Fit, ...]:
    """A verdict for each moving pod, in the order given.

    `leaving`: names of nodes that are cordoned. `moving`: pods that are evicted and made again by their controllers, in
    the order in which they are evicted; pods that do not exist yet are as welcome. `gone`: keys of pods that leave for
    good (no controller makes them again). Pods of leaving nodes in neither stay where they are (DaemonSet and mirror
    pods). Raises UsageError where a quantity cannot be read.
    """
    scene = Scene(world, leaving, moving, frozenset(gone))
    sureness = Sureness(scene)
    landings = land(scene, sureness)
    return tuple(_fit(pod, scene, sureness, landings[at]) for at, pod in enumerate(moving))


def reasons_in_words(fit: Fit) -> str:
    """All nodes' reasons in one sentence, most frequent first: `0/5 nodes are available: 3 Insufficient cpu, 2 …`."""
    counts = Counter(part for why in fit.reasons.values() for part in why.split(", "))
    parts = ", ".join(
        f"{count} {why}" for why, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    )
    if not fit.node:
        return f"0/{len(fit.reasons)} nodes are available" + (f": {parts}." if parts else ".")
    return f"lands on {fit.node}" + (f"; elsewhere: {parts}." if parts else ".")


def _fit(pod: Pod, scene: Scene, sureness: Sureness, landing: Landing) -> Fit:
    shape = scene.shaper.shape(pod)
    proven = sureness.proven(shape) and landing.node and not landing.preempted
    verdict: FitVerdict = "fits" if proven else "tight" if landing.node else "does_not_fit"
    return Fit(
        pod=pod.key,
        verdict=verdict,
        node=landing.node,
        reasons={} if proven else landing.reasons,
        notes=_notes(shape, scene, sureness, landing),
    )


def _notes(shape: Shape, scene: Scene, sureness: Sureness, landing: Landing) -> tuple[str, ...]:
    notes = list(shape.unsure)
    if landing.preempted:
        names = ", ".join(landing.preempted[:5]) + (" …" if len(landing.preempted) > 5 else "")
        notes.append(f"only by preempting {len(landing.preempted)} pod(s) of lower priority: {names}")
    if shape.reach & scene.ground.leaving:
        notes.append("it tolerates a cordon, so it may come back to a node that is leaving")
    if shape.guest.priority < sureness.floor:
        notes.append("pods of higher priority that have no sure place may preempt it")
    return tuple(notes)
