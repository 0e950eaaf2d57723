"""Findings about where pods go: nowhere, to a node that has to be made first, or into the last room there is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from k8sops.actions.drain.outlook import Outlook, counted, listed
from k8sops.actions.drain.passengers import Passenger
from k8sops.core.plan import Finding
from k8sops.forecast.fit import Fit, reasons_in_words
from k8sops.forecast.storage import PersistentVolume

ALLOW_PENDING: Final = "--allow-pending"
HOSTNAME: Final = "kubernetes.io/hostname"
WANT_OF_ROOM: Final = ("Insufficient", "Too many pods", "free ports", "max volume count")


def room_findings(told: Outlook) -> Iterator[Finding]:
    """For each workload with pods that fit nowhere; then one note on those that fit in one order only."""
    tied = _Tied(told)
    found: defaultdict[tuple[str, str], list[tuple[Passenger, Fit]]] = defaultdict(list)
    for one in told.homeless():
        fit = told.fits[one.uid]
        found[tied.code_of(one, fit), one.owner.subject].append((one, fit))
    for (code, subject), several in found.items():
        yield _homeless(told, code, subject, several)
    tight = [one.key for one in told.going if one.uid in told.fits and told.fits[one.uid].verdict == "tight"]
    if tight:
        text = f"{counted(len(tight), 'pod')} fit only if pods arrive in the expected order: {listed(tight)}"
        yield Finding(level="note", code="tight", text=text)


def _homeless(told: Outlook, code: str, subject: str, several: list[tuple[Passenger, Fit]]) -> Finding:
    one, fit = several[0]
    which = f"{one.owner.label} ({counted(len(several), 'pod')})"
    why = reasons_in_words(fit).rstrip(".")
    if code == "bound_to_node":
        text = f"{which} can run on no other node than {one.node}, and stays pending: {why}"
    elif told.scene.autoscaler:
        text = f"{which} needs a new node, which {told.scene.autoscaler} may make: {why}"
        return Finding(level="warning", code="needs_new_node", text=text, subjects=(subject,))
    elif code == "last_host":
        nodes = {one.node for one, _ in several}
        last = f"{one.node} is the last node" if len(nodes) == 1 else "the drained nodes are the last"
        text = f"{last} that can host {which}, which stays pending: {why}"
    else:
        text = f"{which} finds no room and stays pending: {why}"
    return Finding(
        level="warning" if told.params.allow_pending else "blocker",
        code=code,
        text=text,
        subjects=(subject,),
        override="" if told.params.allow_pending else ALLOW_PENDING,
    )


class _Tied:
    """Whether a pod is tied to its node: then no new node helps."""

    def __init__(self, told: Outlook) -> None:
        world = told.scene.world
        self._volumes = {volume.metadata.name: volume for volume in world.volumes}
        self._claims = {claim.key: claim.spec.volume_name for claim in world.claims}

    def code_of(self, one: Passenger, fit: Fit) -> str:
        """`bound_to_node`, `no_room` where a node could host it were it emptier, else `last_host`."""
        if HOSTNAME in one.pod.spec.node_selector or any(map(_is_local, self._volumes_of(one))):
            return "bound_to_node"
        roomy = any(word in reason for reason in fit.reasons.values() for word in WANT_OF_ROOM)
        return "no_room" if roomy else "last_host"

    def _volumes_of(self, one: Passenger) -> Iterator[PersistentVolume]:
        for volume in one.pod.spec.volumes:
            if volume.persistent_volume_claim is not None:
                claim = f"{one.pod.metadata.namespace}/{volume.persistent_volume_claim.claim_name}"
                found = self._volumes.get(self._claims.get(claim, ""))
                if found is not None:
                    yield found


def _is_local(volume: PersistentVolume) -> bool:
    affinity = volume.spec.node_affinity
    if affinity is None or affinity.required is None:
        return False
    return any(
        expression.key == HOSTNAME
        for term in affinity.required.node_selector_terms
        for expression in term.match_expressions
    )
