"""Findings about services: which one has no endpoint left while its pods move.

Pods that a budget keeps from going all at once leave an endpoint behind them. Which pods a service has is told from
its selector, so that readiness, which comes and goes, only makes a note.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from k8sops.actions.drain.findings_pods import surges
from k8sops.actions.drain.outlook import Outlook, counted
from k8sops.actions.drain.passengers import Passenger
from k8sops.actions.drain.reading import Service
from k8sops.core.plan import Finding
from k8sops.forecast.objects import Pod


def service_findings(told: Outlook) -> Iterator[Finding]:
    """A warning where all pods of a service may go at once, a note where those that stay are not ready."""
    leaving = {one.uid: one for one in told.going}
    touched = {(one.pod.metadata.namespace, *label) for one in told.going for label in _labels(one.pod)}
    by_label: defaultdict[tuple[str, str, str], list[Pod]] = defaultdict(list)
    for pod in told.scene.world.pods:
        if pod.spec.node_name and not pod.finished and not pod.ending:
            for label in _labels(pod):
                by_label[pod.metadata.namespace, *label].append(pod)
    for service in told.scene.services:
        wanted = [(service.metadata.namespace, *label) for label in service.spec.selector.items()]
        if not wanted or not touched.issuperset(wanted):
            continue
        fewest = min((by_label[label] for label in wanted), key=len)
        pods = [pod for pod in fewest if service.spec.selector.items() <= pod.metadata.labels.items()]
        going = [leaving[pod.metadata.uid] for pod in pods if pod.metadata.uid in leaving]
        if going:
            yield from _of_service(told, service, pods, going)


def _labels(pod: Pod) -> Iterable[tuple[str, str]]:
    return pod.metadata.labels.items()


def _of_service(
    told: Outlook, service: Service, pods: Sequence[Pod], going: Sequence[Passenger]
) -> Iterator[Finding]:
    name = f"{service.metadata.namespace}/{service.metadata.name}"
    subjects = (f"{service.metadata.namespace}/services/{service.metadata.name}",)
    if _paced(told, going) or all(surges(told, one) for one in going):
        return
    if len(going) == len(pods):
        which = "its only pod goes" if len(pods) == 1 else f"all {len(pods)} pods go, and no budget keeps one"
        text = f"service {name} has no endpoint until replacements are ready: {which}"
        yield Finding(level="warning", code="service_without_endpoints", text=text, subjects=subjects)
        return
    leaves = {one.uid for one in going}
    stay = [pod for pod in pods if pod.metadata.uid not in leaves]
    if any(one.pod.ready for one in going) and not any(pod.ready for pod in stay):
        text = f"service {name}: of its pods that stay, {counted(len(stay), 'pod')}, none is ready now"
        yield Finding(level="note", code="service_unready", text=text, subjects=subjects)


def _paced(told: Outlook, going: Sequence[Passenger]) -> bool:
    """Whether one budget holds all of them and wants some to stay up."""
    if told.params.disable_eviction:
        return False
    shared = set.intersection(*({budget.key for budget in told.ledger.budgets_of(one.pod)} for one in going))
    return any(told.ledger.count(key).desired_healthy > 0 for key in shared)
