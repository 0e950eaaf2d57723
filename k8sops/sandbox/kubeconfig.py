"""Kubeconfig files with everything inside, so that one file is all somebody needs (client-go's Config v1)."""

from __future__ import annotations

import base64

import yaml

from k8sops.sandbox.certificates import KeyPair


def kubeconfig_text(
    *,
    sandbox: str,
    user: str,
    server: str,
    authority: bytes,
    identity: KeyPair,
    context: str = "",
    faulty: bool = False,
) -> bytes:
    """A kubeconfig for one person on one sandbox; its context is `k8sops-SANDBOX` unless told otherwise.

    One that leads through the fault proxy (`faulty`) shares no name with the others, so that both can be in force.
    """
    suffix = "-faulty" if faulty else ""
    cluster, user = context_name(sandbox) + suffix, user + suffix
    context = (context or context_name(sandbox)) + suffix
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": cluster,
                "cluster": {"server": server, "certificate-authority-data": _encoded(authority)},
            }
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _encoded(identity.certificate),
                    "client-key-data": _encoded(identity.key),
                },
            }
        ],
        "contexts": [
            {
                "name": context,
                "context": {"cluster": cluster, "user": user, "namespace": "default"},
            }
        ],
        "current-context": context,
    }
    return yaml.safe_dump(document, sort_keys=False).encode()


def context_name(sandbox: str) -> str:
    """The context of a sandbox's administrator."""
    return f"k8sops-{sandbox}"


def _encoded(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
