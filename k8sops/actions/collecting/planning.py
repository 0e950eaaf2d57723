"""The plan of a bundle: whose logs, how many, of when, what may not be read, where it goes. Reads, changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from k8sops.actions.collecting.params import LogsParams
from k8sops.actions.collecting.quantities import bytes_of
from k8sops.core.errors import K8sOpsError
from k8sops.core.plan import Finding, Item, JsonObject, Step, Target, bulk_of
from k8sops.core.ports import AccessRequest, ClusterReader
from k8sops.core.risk import Risk
from k8sops.core.text import counted, printable
from k8sops.logs.finding import Found
from k8sops.logs.namespaces import absent

COLLECT: Final = "collect/bundle"
ASKED: Final = 20
"""Namespaces of which it is asked whether their logs may be read."""
NAMED: Final = 5


def step_of(params: LogsParams, found: Found) -> Step:
    """The one step: which pods it reads is listed, and may change until it is carried out."""
    items = [
        Item(target=_pod(one.pod), verb="collect", group="pods", data={"containers": len(one.containers)})
        for one in found.pods
    ]
    return Step(
        id=COLLECT,
        verb="collect",
        target=Target(kind="bundles", name=what_of(params)),
        why=f"what happened {when_of(params)}, to read elsewhere",
        before={},
        after={
            "since": params.since,
            "until": params.until or "now",
            "sources": list(params.sources),
            "secrets": "left as they are" if params.no_redact else "taken out",
            "to": params.to or "the folder of bundles",
        },
        risk=risk_of(params),
        bulk=bulk_of(items) if items else None,
    )


def risk_of(params: LogsParams) -> Risk:
    """Reading, unless secrets go along or a repository is written to."""
    if params.no_redact:
        return Risk.DISRUPTIVE
    return Risk.LOW if params.in_repository else Risk.READ


def what_of(params: LogsParams) -> str:
    """What was asked for, in the words it was asked in."""
    where = ",".join(params.namespaces) or "all namespaces"
    what = " ".join(params.query) or "all pods"
    narrowed = [f"{word} {value}" for word, value in _narrowing(params) if value]
    return printable(", ".join([f"{what} in {where}", *narrowed]))[:200]


def when_of(params: LogsParams) -> str:
    """`in the last 1h`, or from when to when."""
    ago = params.since[-1:].isalpha() and params.since[-1:] != "Z"
    since = f"in the last {params.since}" if ago else f"since {params.since}"
    return f"{since}, until {params.until}" if params.until else since


def summary_of(params: LogsParams, found: Found, location: str, findings: Sequence[Finding]) -> str:
    """One sentence."""
    containers = sum(len(one.containers) for one in found.pods)
    verdict = "Unredacted" if params.no_redact else "Safe"
    if any(one.level == "blocker" for one in findings):
        verdict = "Blocked"
    sizes = f"at most {params.limit}, " if len(found.pods) > 1 else ""
    return (
        f"{verdict}: logs of {counted(len(found.pods), 'pod')} ({counted(containers, 'container')}) "
        f"{when_of(params)}, {sizes}to {location}."
    )


def misses(params: LogsParams, found: Found) -> bool:
    """Whether a pattern or a narrowing meets no pod; a workload or a namespace that is there may have none."""
    return not found.pods and bool(params.selection.pods or any(value for _, value in _narrowing(params)))


def radius_of(params: LogsParams, found: Found) -> JsonObject:
    """How much it is."""
    containers = sum(len(one.containers) for one in found.pods)
    return {
        "pods": len(found.pods),
        "containers": containers,
        "namespaces": list(dict.fromkeys((*params.namespaces, *found.namespaces))),
        "most_bytes": min(bytes_of(params.limit), 2 * containers * bytes_of(params.limit_per_file)),
    }


async def findings_of(params: LogsParams, found: Found, cluster: ClusterReader) -> list[Finding]:
    """What whoever asks has to know."""
    findings = []
    if params.no_redact:
        text = "secrets in logs and objects stay readable for whoever gets the bundle"
        findings.append(Finding(level="warning", code="not_redacted", text=text))
    gone = await absent(cluster, params.namespaces)
    for name in gone:
        text = printable(f"namespace {name} does not exist")
        findings.append(Finding(level="blocker", code="no_namespace", text=text, subjects=(name,)))
    if not found.pods and not gone:
        # No warning: pods may end between a plan and its start, which must not void it.
        ends = ", and the run will be incomplete" if misses(params, found) else ""
        text = f"no pod is meant by {what_of(params)}: the bundle will have what else there is{ends}"
        findings.append(Finding(level="note", code="no_pods", text=text))
    findings += [Finding(level="note", code="unreadable", text=printable(error)) for error in found.errors]
    if refused := await _refused(found, cluster):
        named = ", ".join(refused[:NAMED])
        more = f" and {len(refused) - NAMED} more" if len(refused) > NAMED else ""
        text = (
            f"logs may not be read in {named}{more}: the bundle will be without them, and the run incomplete"
        )
        findings.append(
            # Whoever carries the run plans again with rights of its own, which must not void the plan.
            Finding(level="note", code="logs_refused", text=text, subjects=tuple(refused[:NAMED]))
        )
    return findings


async def _refused(found: Found, cluster: ClusterReader) -> list[str]:
    refused = []
    for namespace in found.namespaces[:ASKED]:
        asked = AccessRequest(verb="get", resource="pods", subresource="log", namespace=namespace)
        try:
            answer = await cluster.can_i(asked)
        except K8sOpsError:
            return []  # what may be read is then seen when it is read
        if not answer.allowed:
            refused.append(namespace)
    return refused


def _narrowing(params: LogsParams) -> list[tuple[str, str]]:
    return [
        ("labels", params.selector),
        ("fields", params.field_selector),
        ("on", ",".join(params.node)),
        ("container", params.container),
        ("not", ",".join((*params.exclude_pod, *params.exclude_container))),
    ]


def _pod(pod: JsonObject) -> Target:
    metadata = pod["metadata"]
    return Target(kind="pods", name=metadata["name"], namespace=metadata["namespace"], uid=metadata["uid"])
