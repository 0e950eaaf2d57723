"""Helm releases as Helm 3 keeps them, made up: a Secret, or a ConfigMap, for each revision."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

from k8sops.core.plan import JsonObject

PASSWORD = "made-up-password"

NOTES = "1. Get the URL:\n   kubectl get ingress -n shop\nThe admin password: made-up-password\n"

MANIFEST = """---
# Source: cart/templates/secret.yaml
apiVersion: v1
kind: Secret
metadata:
  name: cart
data:
  password: bWFkZS11cC1wYXNzd29yZA==
---
# Source: cart/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cart
spec:
  template:
    spec:
      containers:
        - name: cart
          image: registry.acme.example/cart:2.1.0
          args: ["--listen=:80", "--password", "made-up-password"]
          env:
            - name: DB_PASSWORD
              value: made-up-password
            - name: LOG_LEVEL
              value: info
"""

CHART: JsonObject = {
    "metadata": {"name": "cart", "version": "2.1.0", "appVersion": "1.29"},
    "values": {
        "replicas": 1,
        "database": {"host": "db", "password": "changeme"},
        "ingress": {"enabled": False},
    },
}

HOOK: JsonObject = {
    "name": "cart-migration",
    "kind": "Job",
    "path": "cart/templates/migration.yaml",
    "manifest": """apiVersion: batch/v1
kind: Job
metadata:
  name: cart-migration
spec:
  template:
    spec:
      containers:
        - name: migration
          args: ["--password", "made-up-password"]
""",
    "events": ["pre-install", "pre-upgrade"],
    "weight": -5,
    "delete_policies": ["before-hook-creation"],
    "last_run": {
        "started_at": "2026-11-20T10:00:00.1+01:00",
        "completed_at": "2026-11-20T10:00:07.2+01:00",
        "phase": "Succeeded",
    },
}
TRIAL: JsonObject = {
    "name": "cart-test",
    "kind": "Pod",
    "manifest": "apiVersion: v1\nkind: Pod\nmetadata: {name: cart-test}\n",
    "events": ["test"],
    "last_run": {"started_at": "0001-01-01T00:00:00Z", "completed_at": "0001-01-01T00:00:00Z", "phase": ""},
}

GIVEN: JsonObject = {
    "replicas": 3,
    "database": {"password": PASSWORD, "existingSecret": {"name": "db", "key": "url"}},
    "url": "https://cart:made-up-password@shop.acme.example",
}


def release_secret(
    name: str, namespace: str, revision: int, *, status: str = "deployed", **changed: Any
) -> JsonObject:
    """The Secret of one revision; `changed` replaces parts of the release."""
    body: JsonObject = {
        "name": name,
        "namespace": namespace,
        "version": revision,
        "info": {
            "status": status,
            "description": "Upgrade complete" if revision > 1 else "Install complete",
            "last_deployed": f"2026-11-20T10:{revision:02}:00.123456789+01:00",
            "notes": NOTES,
        },
        "chart": CHART,
        "config": GIVEN,
        "manifest": MANIFEST,
        "hooks": [HOOK, TRIAL],
    } | changed
    packed = base64.b64encode(gzip.compress(json.dumps(body).encode()))
    return sealed(name, namespace, revision, packed, status=status)


def sealed(
    name: str, namespace: str, revision: int, packed: bytes, *, status: str = "deployed"
) -> JsonObject:
    """A Secret of Helm's that holds these bytes."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "helm.sh/release.v1",
        "metadata": {
            "name": f"sh.helm.release.v1.{name}.v{revision}",
            "namespace": namespace,
            "labels": {"owner": "helm", "name": name, "status": status, "version": str(revision)},
        },
        "data": {"release": base64.b64encode(packed).decode()},
    }


def release_config_map(name: str, namespace: str, revision: int) -> JsonObject:
    """The same as `HELM_DRIVER=configmap` keeps it: no type, and a base64 less."""
    secret = release_secret(name, namespace, revision)
    release = base64.b64decode(secret["data"]["release"]).decode()
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": secret["metadata"],
        "data": {"release": release},
    }
