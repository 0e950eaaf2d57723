"""The key material of one sandbox on disk: three authorities, a certificate per component, the token key.

etcd and the front proxy have authorities of their own: a person's certificate opens neither the database nor the
aggregation layer. Every file is 0600 inside a 0700 folder.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from k8sops.sandbox.certificates import KeyPair, issue, new_authority, new_signing_key
from k8sops.sandbox.kubelet.addresses import API_SERVICE_ADDRESS
from k8sops.sandbox.locations import write_private
from k8sops.sandbox.ports import LOOPBACK

ADMIN_USER: Final = "kubernetes-admin"
ADMIN_GROUP: Final = "system:masters"

_API_HOSTS: Final = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
    LOOPBACK,
    API_SERVICE_ADDRESS,
)
_LOCAL: Final = ("localhost", LOOPBACK)


class Pki:
    """Reads and makes the files of a sandbox's `pki` folder."""

    def __init__(self, folder: Path) -> None:
        self._folder: Final = folder

    def certificate(self, name: str) -> Path:
        """The certificate's file."""
        return self._folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        """The private key's file."""
        return self._folder / f"{name}.key"

    def read(self, name: str) -> KeyPair:
        """Both, as PEM."""
        return KeyPair(self.certificate(name).read_bytes(), self.key(name).read_bytes())

    def is_complete(self) -> bool:
        """Whether `create` has run to its end; the token key is its last file."""
        return self.key("service-account").exists()

    def create(self, now: datetime) -> None:
        """Make everything a new sandbox needs."""
        cluster, front, etcd = (
            self._write(f"{name}-ca", new_authority(f"sandbox-{name}-ca", now))
            for name in ("cluster", "front-proxy", "etcd")
        )
        self._write("apiserver", issue(cluster, "kube-apiserver", (), now, serves=_API_HOSTS))
        self._write("etcd", issue(etcd, "etcd", (), now, serves=_LOCAL))
        self._write("apiserver-etcd-client", issue(etcd, "kube-apiserver", (), now))
        self._write("front-proxy-client", issue(front, "front-proxy-client", (), now))
        self._write("apiserver-kubelet-client", issue(cluster, "kube-apiserver-kubelet-client", (), now))
        self._write("admin", issue(cluster, ADMIN_USER, (ADMIN_GROUP,), now))
        for component in ("kube-controller-manager", "kube-scheduler"):
            self._write(component, issue(cluster, f"system:{component}", (), now, serves=_LOCAL))
        self._write("kwok", issue(cluster, "system:kwok", (ADMIN_GROUP,), now))
        self._write("kubelet", issue(cluster, "system:sandbox-kubelet", (ADMIN_GROUP,), now, serves=_LOCAL))
        self._write("service-account", new_signing_key())

    def ensure_serving(
        self, name: str, now: datetime, *, groups: tuple[str, ...] = (), names: tuple[str, ...] = ()
    ) -> None:
        """A certificate to serve with on loopback, for a component that came later than the sandbox."""
        if not self.key(name).exists():
            hosts = (*_LOCAL, *names)
            self._write(name, issue(self.read("cluster-ca"), f"sandbox-{name}", groups, now, serves=hosts))

    def issue_for(self, user: str, groups: tuple[str, ...], now: datetime) -> KeyPair:
        """A client certificate for a person; it is written nowhere."""
        return issue(self.read("cluster-ca"), user, groups, now)

    def _write(self, name: str, pair: KeyPair) -> KeyPair:
        write_private(self.certificate(name), pair.certificate)
        write_private(self.key(name), pair.key)
        return pair
