"""Records as OCSF 1.6.0 events of class API Activity (6003), one JSON object to a line, for a SIEM.

The version is pinned: later ones moved and deprecated attributes that are used here. What OCSF has no attribute for
stays in `unmapped`, with the whole record and its hash, by which an event is traced back to the chain. By itself an
event proves nothing: only an export or the store is verified.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from k8sops import __version__
from k8sops.audit.codes import CODES
from k8sops.audit.findings import Row
from k8sops.audit.record import FORMAT, Record, open_record
from k8sops.core.clock import parse_rfc3339

OCSF_VERSION: Final = "1.6.0"
CLASS: Final = 6003
CATEGORY: Final = 6

_ACTIVITIES: Final = {1: "Create", 2: "Read", 3: "Update", 4: "Delete"}
_OTHER: Final = 99
_ACTIVITY_OF: Final = {
    "run.proposed": 1, "schedule.added": 1, "schedule.fired": 1, "grant.requested": 1, "identity.enrolled": 1,
    "identity.pinned": 1, "store.created": 1, "emergency.opened": 1, "session.exec": 1,
    "session.attach": 1, "session.debug": 1, "session.copy": 1, "session.port_forward": 1, "review.opened": 1,
    "carrier.key": 1,
    "session.secret_view": 2, "audit.exported": 2, "audit.verified": 2, "backup.exported": 2, "identity.verified": 2,
    "bundle.exported": 2, "store.backed_up": 2,
    "step.intent": 3, "step.outcome": 3, "step.settled": 3, "policy.changed": 3, "schedule.changed": 3,
    "schedule.paused": 3, "schedule.resumed": 3, "review.closed": 3, "store.migrated": 3, "store.merged": 3,
    "backup.epoch_seen": 3, "backup.rollback_accepted": 3, "audit.rotated": 3,
    "schedule.removed": 4, "grant.revoked": 4, "identity.revoked": 4, "audit.dropped": 4,
}  # fmt: skip
_SEVERITIES: Final = {1: "Informational", 2: "Low", 3: "Medium", 4: "High"}
_SEVERITY_OF: Final = {
    "break_glass.used": 4, "break_glass.refused": 4, "statement.refused": 4, "identity.revoked": 3,
    "policy.changed": 3, "policy.refused": 3, "session.secret_view": 3, "session.exec": 3,
    "session.attach": 3, "session.debug": 3, "session.copy": 3, "session.refused": 3, "emergency.opened": 3,
    "audit.dropped": 3, "backup.rollback_accepted": 4, "backup.overdue": 3, "run.needs_review": 3,
    "run.vote_refused": 3, "backup.exported": 3, "bundle.exported": 3, "run.failed": 2,
    "run.denied": 2, "run.void": 2, "schedule.overdue": 2, "schedule.refused": 2, "carrier.gone": 2,
    "run.taken_over": 2,
}  # fmt: skip
_SUCCESS: Final = frozenset({"succeeded", "success", "done", "ok", "allowed", "approved"})
_FAILURE: Final = frozenset({"failed", "failure", "refused", "denied", "expired", "void", "cancelled"})
_ENCODER: Final = msgspec.json.Encoder()


def ocsf_lines(rows: Iterable[Row], origin: str) -> Iterator[bytes]:
    """A line for each record of the store `origin`. Raises AuditError for bytes that are no record."""
    for _, hash_, data in rows:
        yield _ENCODER.encode(_event(open_record(data), hash_, data, origin)) + b"\n"


def _event(record: Record, hash_: str, data: bytes, origin: str) -> dict[str, Any]:
    activity = _ACTIVITY_OF.get(record.code, _OTHER)
    severity = _SEVERITY_OF.get(record.code, 1)
    status_id, status = _status(record)
    return _filled(
        {
            "activity_id": activity,
            "activity_name": _ACTIVITIES.get(activity, record.code),
            "category_uid": CATEGORY,
            "category_name": "Application Activity",
            "class_uid": CLASS,
            "class_name": "API Activity",
            "type_uid": CLASS * 100 + activity,
            "severity_id": severity,
            "severity": _SEVERITIES[severity],
            "status_id": status_id,
            "status": status,
            "status_detail": record.reason,
            "time": int(parse_rfc3339(record.at).timestamp() * 1000),
            "message": CODES.get(record.code, record.code),
            "metadata": _metadata(record, hash_),
            "actor": _actor(record),
            "api": {"operation": record.code, "service": {"name": "k8sops"}, **_request(record)},
            "src_endpoint": {
                "svc_name": "k8sops",
                "name": record.actor.surface if record.actor else "engine",
            },
            "dst_endpoint": _cluster(record),
            "resources": [_resource(about) for about in msgspec.to_builtins(record.objects)],
            "unmapped": {"store": origin, "record_hash": hash_, "record": msgspec.Raw(data)},
        }
    )


def _filled(event: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty; a status of 0 is not."""
    return {name: value for name, value in event.items() if value not in ("", [], {}, None)}


def _status(record: Record) -> tuple[int, str]:
    outcome = record.outcome or record.code.rpartition(".")[2]
    if outcome in _SUCCESS:
        return 1, "Success"
    if outcome in _FAILURE:
        return 2, "Failure"
    return (_OTHER, record.outcome) if record.outcome else (0, "Unknown")


def _metadata(record: Record, hash_: str) -> dict[str, Any]:
    return _filled(
        {
            "version": OCSF_VERSION,
            "product": {"name": "k8sops", "vendor_name": "k8sops", "version": __version__},
            "uid": hash_,
            "sequence": record.seq,
            "event_code": record.code,
            "log_name": "audit",
            "log_provider": "k8sops",
            "log_version": str(FORMAT),
            "original_time": record.at,
            "correlation_uid": record.run,
        }
    )


def _actor(record: Record) -> dict[str, Any]:
    if record.actor is None:
        return {"app_name": "k8sops"}
    who = record.actor
    user = {
        "name": who.name,
        "uid": f"{who.team}/{who.name}" if who.team else "",
        "full_name": record.person,
        "groups": [{"name": group} for group in who.groups],
    }
    return {"app_name": "k8sops", "user": _filled(user)}


def _request(record: Record) -> dict[str, Any]:
    return {"request": {"uid": record.run}} if record.run else {}


def _cluster(record: Record) -> dict[str, Any]:
    if not record.cluster_uid:
        return {}
    return _filled({"uid": record.cluster_uid, "name": record.cluster_name, "svc_name": "kube-apiserver"})


def _resource(about: dict[str, Any]) -> dict[str, Any]:
    details = {name: about[name] for name in ("before", "after", "difference") if about.get(name)}
    return _filled(
        {
            "type": about["kind"],
            "name": about["name"],
            "namespace": about.get("namespace", ""),
            "uid": about.get("uid", ""),
            "data": details,
        }
    )
