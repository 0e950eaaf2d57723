"""All that whoever asks for a drain has to know, the blockers first.

A warning or blocker speaks of workloads, budgets and services by name and rests on specs, so that it stays the same
while pods come and go: what changes with status alone is a note.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from k8sops.actions.drain.findings_budgets import budget_findings
from k8sops.actions.drain.findings_pods import pod_findings
from k8sops.actions.drain.findings_room import room_findings
from k8sops.actions.drain.findings_services import service_findings
from k8sops.actions.drain.outlook import Outlook, counted, listed
from k8sops.core.plan import Finding

LEVELS: Final = {"blocker": 0, "warning": 1, "note": 2}
CONTROL_PLANE: Final = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")


def findings_of(told: Outlook) -> tuple[Finding, ...]:
    """Everything, by level; within a level in the order in which it matters."""
    found = [
        *pod_findings(told),
        *budget_findings(told),
        *room_findings(told),
        *service_findings(told),
        *_flags(told),
        *_nodes(told),
        *_unread(told),
    ]
    return tuple(sorted(found, key=lambda finding: LEVELS[finding.level]))


def _flags(told: Outlook) -> Iterator[Finding]:
    params = told.params
    if not told.going:
        return
    if params.disable_eviction and told.scene.budgets:
        yield Finding(
            level="warning",
            code="budgets_bypassed",
            text="pods are deleted without asking their budgets: more may be down at once than they allow",
        )
    if params.grace_period == 0:
        yield Finding(
            level="warning",
            code="killed_at_once",
            text="pods get no time to end: what they have not written is lost",
        )


def _nodes(told: Outlook) -> Iterator[Finding]:
    for node in told.scene.chosen:
        one = (f"nodes/{node.name}",)
        if any(label in node.metadata.labels for label in CONTROL_PLANE):
            text = f"node {node.name} is of the control plane: its static pods stay, its add-ons move"
            yield Finding(level="warning", code="control_plane", text=text, subjects=one)
        if node.metadata.annotations.get("karpenter.sh/do-not-disrupt") == "true":
            text = f"node {node.name} asks not to be disrupted (karpenter.sh/do-not-disrupt)"
            yield Finding(level="warning", code="do_not_disrupt", text=text, subjects=one)
    cordoned = [node.name for node in told.scene.chosen if node.spec.unschedulable]
    if cordoned:
        yield Finding(
            level="note",
            code="cordoned_already",
            text=f"{listed(cordoned)}: cordoned already, and left so whatever happens",
            subjects=tuple(f"nodes/{name}" for name in cordoned),
        )
    silent = [node.name for node in told.scene.chosen if not node.ready]
    if silent:
        text = f"{listed(silent)}: not ready; pods there may never be seen to end, as no kubelet answers"
        subjects = tuple(f"nodes/{name}" for name in silent)
        yield Finding(level="note", code="node_not_ready", text=text, subjects=subjects)


def _unread(told: Outlook) -> Iterator[Finding]:
    unread = told.scene.unread
    if unread:
        yield Finding(
            level="warning",
            code="unread",
            text=f"you may not list {listed(unread, len(unread))}: the forecast goes without "
            f"{counted(len(unread), 'kind')} it should rest on",
            subjects=unread,
        )
