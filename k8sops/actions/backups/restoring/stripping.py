"""What of an object in a backup is not put back: a table of fields that API server and controllers assign.

Whatever is not in this table is restored as it was, and held against the backup afterwards. docs/restore.md shows the
same table to people, and a test compares the two. The same fields are taken out of what is on the cluster before the
two are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from k8sops.core.plan import JsonObject

Path = tuple[str, ...]

JOB_LABELS: Final = ("controller-uid", "batch.kubernetes.io/controller-uid")


class Rewrite(msgspec.Struct, frozen=True, kw_only=True):
    """What one restore does otherwise than another: namespaces, Services' addresses, status, volumes."""

    mapping: Mapping[str, str] = {}
    keep_node_ports: bool = True
    keep_cluster_ips: bool = False
    status_of: frozenset[str] = frozenset()
    """Kinds, as `plural.group`, whose status is restored."""
    plain_status: frozenset[str] = frozenset()
    """Kinds without the status subresource: to the API server their status is a field as any other."""
    volumes: frozenset[str] = frozenset()
    """Names of PersistentVolumes that are restored or are there: claims stay bound to them."""


When = Callable[[JsonObject, Rewrite], bool]


class Rule(NamedTuple):
    """Fields that are not put back: of which kinds (`*` is every one), in which case, and why."""

    kinds: tuple[str, ...]
    fields: tuple[Path, ...]
    why: str
    case: str = ""
    when: When | None = None


def _always(names: str) -> tuple[Path, ...]:
    return tuple(("metadata", name) for name in names.split())


def _annotations(*names: str) -> tuple[Path, ...]:
    return tuple(("metadata", "annotations", name) for name in names)


def _generated_selector(found: JsonObject, _: Rewrite) -> bool:
    return not (found.get("spec") or {}).get("manualSelector")


def _aggregated(found: JsonObject, _: Rewrite) -> bool:
    return bool(found.get("aggregationRule"))


def _ip_released(found: JsonObject, rewrite: Rewrite) -> bool:
    return not rewrite.keep_cluster_ips and (found.get("spec") or {}).get("clusterIP") != "None"


def _ports_released(_: JsonObject, rewrite: Rewrite) -> bool:
    return not rewrite.keep_node_ports


def _volume_elsewhere(found: JsonObject, rewrite: Rewrite) -> bool:
    name = (found.get("spec") or {}).get("volumeName")
    return bool(name) and name not in rewrite.volumes


def _token(found: JsonObject, _: Rewrite) -> bool:
    return found.get("type") == "kubernetes.io/service-account-token"


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        ("*",),
        _always(
            "uid resourceVersion generation creationTimestamp deletionTimestamp deletionGracePeriodSeconds selfLink "
            "managedFields"
        ),
        "the API server assigns them",
    ),
    Rule(
        ("namespaces",),
        (("spec", "finalizers"), ("metadata", "labels", "kubernetes.io/metadata.name")),
        "the API server sets them",
    ),
    Rule(
        ("deployments.apps",),
        _annotations("deployment.kubernetes.io/revision"),
        "the Deployment controller counts",
    ),
    Rule(
        ("daemonsets.apps",),
        _annotations("deprecated.daemonset.template.generation"),
        "the API server copies the generation",
    ),
    Rule(
        ("jobs.batch",),
        (
            ("spec", "selector"),
            *(("metadata", "labels", name) for name in JOB_LABELS),
            *(("spec", "template", "metadata", "labels", name) for name in JOB_LABELS),
        ),
        "they hold the old Job's uid, and are made anew",
        "unless `manualSelector` is set",
        _generated_selector,
    ),
    Rule(
        ("pods",),
        (
            ("spec", "nodeName"),
            ("metadata", "labels", "topology.kubernetes.io/zone"),
            ("metadata", "labels", "topology.kubernetes.io/region"),
        ),
        "the scheduler places pods, and admission copies the node's labels (KEP-4742)",
    ),
    Rule(
        ("pods",),
        (("spec", "priority"), ("spec", "preemptionPolicy"), ("spec", "ephemeralContainers")),
        "admission computes them from the priority class; ephemeral containers cannot be created with a pod",
    ),
    Rule(
        ("services",),
        (("spec", "clusterIP"), ("spec", "clusterIPs")),
        "the API server assigns addresses",
        "unless `--cluster-ips keep` is said, or it is `None` (headless)",
        _ip_released,
    ),
    Rule(
        ("services",),
        (("spec", "healthCheckNodePort"),),
        "the API server assigns ports",
        "with `--node-ports release`",
        _ports_released,
    ),
    Rule(
        ("persistentvolumeclaims",),
        _annotations(
            "pv.kubernetes.io/bind-completed",
            "pv.kubernetes.io/bound-by-controller",
            "volume.kubernetes.io/selected-node",
            "volume.beta.kubernetes.io/storage-provisioner",
            "volume.kubernetes.io/storage-provisioner",
        ),
        "the volume controller sets them; a new claim that says it is bound already is taken for lost",
    ),
    Rule(
        ("persistentvolumeclaims",),
        (("spec", "volumeName"),),
        "the claim is bound to a new volume",
        "where its volume is neither restored nor there",
        _volume_elsewhere,
    ),
    Rule(
        ("persistentvolumes",),
        (
            ("spec", "claimRef", "uid"),
            ("spec", "claimRef", "resourceVersion"),
            *_annotations("pv.kubernetes.io/bound-by-controller"),
        ),
        "the claim is a new one; name and namespace bind them",
    ),
    Rule(
        ("secrets",),
        (
            ("data", "token"),
            ("data", "ca.crt"),
            ("data", "namespace"),
            *_annotations("kubernetes.io/service-account.uid"),
        ),
        "the token controller issues a new token",
        "of type `kubernetes.io/service-account-token`",
        _token,
    ),
    Rule(
        ("clusterroles.rbac.authorization.k8s.io",),
        (("rules",),),
        "the controller gathers them",
        "where `aggregationRule` is set",
        _aggregated,
    ),
)
"""The table. Besides: `status` (unless asked for by `--status`, or a plain field of its kind), node ports of Services
with `--node-ports release`, the projected token volume that admission adds to pods, and finalizers that only say that
a deletion was going on."""

_DELETING: Final = frozenset({"foregroundDeletion", "orphan"})
_TOKEN_VOLUME: Final = "kube-api-access-"  # noqa: S105 - the beginning of a volume's name


def strip(kind: str, found: JsonObject, rewrite: Rewrite) -> JsonObject:
    """Take out what is not put back; owner references stay. Changes `found` and returns it."""
    for rule in _RULES_OF.get(kind, _EVERY):
        if rule.when is None or rule.when(found, rewrite):
            for path in rule.fields:
                _take_out(found, path)
    if kind not in rewrite.status_of and kind not in rewrite.plain_status:
        found.pop("status", None)
    metadata = found["metadata"]
    if finalizers := metadata.get("finalizers"):
        metadata["finalizers"] = [name for name in finalizers if name not in _DELETING]
        if not metadata["finalizers"]:
            del metadata["finalizers"]
    if kind == "pods":
        _without_token_volume(found)
    elif kind == "services" and not rewrite.keep_node_ports:
        for port in (found.get("spec") or {}).get("ports") or ():
            port.pop("nodePort", None)
    return found


def table_rows() -> Iterator[tuple[str, str, str]]:
    """The table as people read it: kinds, fields, and why."""
    for rule in RULES:
        fields = ", ".join(f"`{_shown(path)}`" for path in rule.fields)
        why = f"{rule.why} ({rule.case})" if rule.case else rule.why
        yield "every kind" if rule.kinds == ("*",) else ", ".join(rule.kinds), fields, why


def _shown(path: Path) -> str:
    text = ""
    for part in path:
        text += f'["{part}"]' if "/" in part or "." in part else f".{part}"
    return text.removeprefix(".")


def _take_out(found: JsonObject, path: Path) -> None:
    """Remove a field, and what holds it if that is empty then: the API server does not keep empty maps of labels."""
    holders: list[tuple[dict[str, Any], str]] = []
    here: Any = found
    for part in path[:-1]:
        inner = here.get(part)
        if not isinstance(inner, dict):
            return
        holders.append((here, part))
        here = inner
    if path[-1] not in here:
        return
    del here[path[-1]]
    if not here and path[-2:-1] in {("annotations",), ("labels",), ("data",)}:
        holder, part = holders[-1]
        del holder[part]


def _without_token_volume(pod: JsonObject) -> None:
    spec = pod.get("spec") or {}
    volumes = spec.get("volumes") or []
    gone = {
        volume.get("name")
        for volume in volumes
        if "projected" in volume and str(volume.get("name")).startswith(_TOKEN_VOLUME)
    }
    if not gone:
        return
    _keep(spec, "volumes", "name", gone)
    for field in ("containers", "initContainers"):
        for container in spec.get(field) or ():
            _keep(container, "volumeMounts", "name", gone)


def _keep(holder: dict[str, Any], field: str, key: str, gone: set[Any]) -> None:
    kept = [one for one in holder.get(field) or () if one.get(key) not in gone]
    if kept:
        holder[field] = kept
    else:
        holder.pop(field, None)


_EVERY: Final = tuple(rule for rule in RULES if rule.kinds == ("*",))
_RULES_OF: Final = {
    kind: tuple(rule for rule in RULES if "*" in rule.kinds or kind in rule.kinds)
    for rule in RULES
    for kind in rule.kinds
}
