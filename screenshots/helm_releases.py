"""Releases as Helm 3 keeps them, laid into the stage's etcd beside what was seeded: the company installs by no Helm.

Source: Helm's storage driver `secret`: type helm.sh/release.v1, a gzip of JSON in base64 twice. The API server reads
stored objects as JSON, too.
"""

from __future__ import annotations

import base64
import gzip
import json
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from k8sops.core.clock import rfc3339


class Revision(msgspec.Struct, frozen=True):
    """One revision of a release, made so many hours before the picture."""

    namespace: str
    name: str
    number: int
    status: str
    chart: str
    chart_version: str
    app_version: str
    hours: float
    description: str


REVISIONS: Final = (
    Revision("data", "postgres", 4, "deployed", "postgresql", "16.4.5", "17.2.0", 412, "Upgrade complete"),
    Revision("monitoring", "grafana", 6, "superseded", "grafana", "9.2.1", "12.0.2", 340, "Upgrade complete"),
    Revision("monitoring", "grafana", 7, "deployed", "grafana", "9.2.2", "12.0.3", 29, "Upgrade complete"),
    Revision("payments", "gateway", 2, "superseded", "gateway", "1.8.0", "2.3.0", 96, "Upgrade complete"),
    Revision(
        "payments", "gateway", 3, "failed", "gateway", "1.8.1", "2.3.1", 7.5, "Upgrade failed: timed out"
    ),
    Revision(
        "platform", "cert-issuer", 1, "deployed", "cert-issuer", "0.4.0", "1.1.0", 960, "Install complete"
    ),
)


def entries(moment: datetime) -> Iterator[tuple[bytes, bytes]]:
    """etcd's keys and values of their Secrets, at that moment."""
    for one in REVISIONS:
        name = f"sh.helm.release.v1.{one.name}.v{one.number}"
        at = rfc3339(moment - timedelta(hours=one.hours))
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "helm.sh/release.v1",
            "metadata": {
                "name": name,
                "namespace": one.namespace,
                "uid": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.{one.namespace}")),
                "creationTimestamp": f"{at.partition('.')[0].rstrip('Z')}Z",
                "labels": {
                    "owner": "helm", "name": one.name, "status": one.status, "version": str(one.number),
                },
            },
            "data": {"release": base64.b64encode(_packed(one, at)).decode()},
        }  # fmt: skip
        key = f"/registry/secrets/{one.namespace}/{name}"
        yield key.encode(), json.dumps(secret).encode()


def _packed(one: Revision, at: str) -> bytes:
    body = {
        "name": one.name,
        "namespace": one.namespace,
        "version": one.number,
        "info": {"status": one.status, "description": one.description, "last_deployed": at, "notes": ""},
        "chart": {
            "metadata": {"name": one.chart, "version": one.chart_version, "appVersion": one.app_version},
            "values": {},
        },
        "config": {},
        "manifest": "",
    }
    return base64.b64encode(gzip.compress(json.dumps(body).encode(), mtime=0))
