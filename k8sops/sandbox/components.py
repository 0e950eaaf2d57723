"""The command line of every process of a sandbox, in the order in which they start.

Flags follow the components' reference pages at v1.36. Everything listens on 127.0.0.1 only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import yaml

from k8sops.sandbox.kubeconfig import kubeconfig_text
from k8sops.sandbox.kubelet.addresses import NODE_ADDRESS, NODE_PORT, SERVICE_RANGE, SERVING, egress_socket
from k8sops.sandbox.locations import write_private
from k8sops.sandbox.pki import ADMIN_GROUP, Pki
from k8sops.sandbox.played.objects import SERVING_NAME
from k8sops.sandbox.ports import LOOPBACK, Ports
from k8sops.sandbox.state import SandboxFolder, SandboxState

ETCD: Final = "etcd"
APISERVER: Final = "kube-apiserver"
CONTROLLER_MANAGER: Final = "kube-controller-manager"
SCHEDULER: Final = "kube-scheduler"
KWOK: Final = "kwok"
KUBELET: Final = "kubelet"
PLAYED: Final = "played"
CHAOS: Final = "chaos"
"""Not of the start order: it is there once somebody has asked for faults."""

START_ORDER: Final = (ETCD, APISERVER, KWOK, KUBELET, PLAYED, CONTROLLER_MANAGER, SCHEDULER)
"""The first two need nothing, the next three an API server that answers, the last two one whose RBAC is in place."""

POD_RANGE: Final = "10.0.0.1/16"
LEASE_SECONDS: Final = 40


class Components:
    """Writes the configuration of a sandbox's processes and says how each is started."""

    def __init__(
        self, folder: SandboxFolder, state: SandboxState, binaries: Mapping[str, Path], data: Path
    ) -> None:
        self._folder: Final = folder
        self._ports: Final[Ports] = state.ports
        self._extra: Final = state.apiserver_arguments
        # kwok renews a lease four times in its duration: twenty renewals a second are enough for one small machine.
        self._lease_seconds: Final = max(LEASE_SECONDS, state.nodes // 5)
        self._binaries: Final = binaries
        self._data: Final = data
        """The package's own data files: audit policy and stages."""
        self._pki: Final = Pki(folder.pki)
        self._egress: Final = egress_socket(folder.path)

    @property
    def server(self) -> str:
        """The API server's address."""
        return f"https://{LOOPBACK}:{self._ports.apiserver}"

    def write_configuration(self) -> None:
        """Kubeconfigs of the components, of the administrator, and kwok's own file."""
        authority = self._pki.certificate("cluster-ca").read_bytes()
        for component, user in (
            (CONTROLLER_MANAGER, "system:kube-controller-manager"),
            (SCHEDULER, "system:kube-scheduler"),
            (KWOK, "system:kwok"),
        ):
            text = kubeconfig_text(
                sandbox=self._folder.name,
                user=user,
                server=self.server,
                authority=authority,
                identity=self._pki.read(component),
            )
            write_private(self._kubeconfig(component), text)
        admin = kubeconfig_text(
            sandbox=self._folder.name,
            user="kubernetes-admin",
            server=self.server,
            authority=authority,
            identity=self._pki.read("admin"),
        )
        write_private(self._folder.kubeconfig, admin)
        write_private(self._folder.config / "kwok.yaml", self._kwok_configuration())
        for name in ("audit-policy.yaml", "node-stages.yaml", "pod-stages.yaml", "storage-stages.yaml"):
            write_private(self._folder.config / name, (self._data / name).read_bytes())

    def write_nodes(self, now: datetime) -> None:
        """What the nodes serve with, and the road on which the API server reaches them."""
        self._pki.ensure_serving(SERVING, now, names=(NODE_ADDRESS,))
        write_private(self._folder.config / "egress.yaml", self._egress_configuration())

    def write_played(self, now: datetime) -> None:
        """What the played parts of a cloud serve with, and ask the API server with."""
        self._pki.ensure_serving(PLAYED, now, groups=(ADMIN_GROUP,), names=(SERVING_NAME,))

    def write_chaos(self, now: datetime) -> None:
        """What the chaos process serves with, and the administrator's kubeconfig that leads through it."""
        self._pki.ensure_serving(CHAOS, now)
        faulty = kubeconfig_text(
            sandbox=self._folder.name,
            user="kubernetes-admin",
            server=f"https://{LOOPBACK}:{self._ports.chaos}",
            authority=self._pki.certificate("cluster-ca").read_bytes(),
            identity=self._pki.read("admin"),
            faulty=True,
        )
        write_private(self._folder.faulty_kubeconfig, faulty)

    def command(self, component: str) -> list[str]:
        """Program and arguments of a component."""
        if component == KUBELET:
            return self._kubelet()
        if component == PLAYED:
            return self._played()
        if component == CHAOS:
            return self._chaos()
        arguments = {
            ETCD: self._etcd,
            APISERVER: self._apiserver,
            CONTROLLER_MANAGER: self._controller_manager,
            SCHEDULER: self._scheduler,
            KWOK: self._kwok,
        }[component]()
        return [str(self._binaries[component]), *arguments]

    def log_file(self, component: str) -> Path:
        """Where its output goes."""
        return self._folder.logs / f"{component}.log"

    def environment(self, component: str) -> dict[str, str]:
        """As little as possible: a proxy or a Go setting of the user's shell must not reach the control plane."""
        source = str(Path(__file__).parents[2])
        environment = {"PATH": os.defpath, "HOME": str(self._folder.path), "PYTHONPATH": source}
        if component != APISERVER:
            # They share the machine with the API server. What their idle threads spend on looking for work is, on
            # 2 cores, a tenth of what a write costs all of them (docs/performance.md).
            environment["GOMAXPROCS"] = str(max(1, (os.cpu_count() or 1) // 2))
        return environment

    def _kubeconfig(self, component: str) -> Path:
        return self._folder.config / f"{component}.kubeconfig"

    def _serving(self, name: str) -> list[str]:
        return [
            f"--tls-cert-file={self._pki.certificate(name)}",
            f"--tls-private-key-file={self._pki.key(name)}",
        ]

    def _etcd(self) -> list[str]:
        client = f"https://{LOOPBACK}:{self._ports.etcd}"
        peer = f"https://{LOOPBACK}:{self._ports.etcd_peer}"
        tls = [
            flag
            for prefix in ("", "peer-")
            for flag in (
                f"--{prefix}cert-file={self._pki.certificate('etcd')}",
                f"--{prefix}key-file={self._pki.key('etcd')}",
                f"--{prefix}trusted-ca-file={self._pki.certificate('etcd-ca')}",
                f"--{prefix}client-cert-auth",
            )
        ]
        # Where both share a port, gRPC goes through Go's HTTP server, which costs etcd more for each write.
        apart = (
            [f"--listen-client-http-urls=https://{LOOPBACK}:{port}"]
            if (port := self._ports.etcd_gateway)
            else []
        )
        return [
            "--name=sandbox",
            f"--data-dir={self._folder.etcd}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=sandbox={peer}",
            *tls,
            *apart,
            # A sandbox's data are disposable, and fsync is most of what a write costs.
            "--unsafe-no-fsync",
            "--quota-backend-bytes=8589934592",
            "--auto-compaction-mode=periodic",
            "--auto-compaction-retention=10m",
            # Its gateway warns of every request that bears a certificate with a name: hundreds of lines a second.
            "--log-level=error",
        ]

    def _apiserver(self) -> list[str]:
        pki = self._pki
        return [
            f"--bind-address={LOOPBACK}",
            f"--advertise-address={LOOPBACK}",
            f"--secure-port={self._ports.apiserver}",
            *self._serving("apiserver"),
            f"--etcd-servers=https://{LOOPBACK}:{self._ports.etcd}",
            f"--etcd-cafile={pki.certificate('etcd-ca')}",
            f"--etcd-certfile={pki.certificate('apiserver-etcd-client')}",
            f"--etcd-keyfile={pki.key('apiserver-etcd-client')}",
            f"--client-ca-file={pki.certificate('cluster-ca')}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged",
            "--endpoint-reconciler-type=none",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={pki.certificate('service-account')}",
            f"--service-account-signing-key-file={pki.key('service-account')}",
            "--kubelet-preferred-address-types=InternalIP,Hostname",
            f"--kubelet-certificate-authority={pki.certificate('cluster-ca')}",
            f"--kubelet-client-certificate={pki.certificate('apiserver-kubelet-client')}",
            f"--kubelet-client-key={pki.key('apiserver-kubelet-client')}",
            f"--egress-selector-config-file={self._folder.config / 'egress.yaml'}",
            f"--requestheader-client-ca-file={pki.certificate('front-proxy-ca')}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={pki.certificate('front-proxy-client')}",
            f"--proxy-client-key-file={pki.key('front-proxy-client')}",
            f"--audit-policy-file={self._folder.config / 'audit-policy.yaml'}",
            f"--audit-log-path={self._folder.audit_log}",
            "--audit-log-maxsize=100",
            "--audit-log-maxbackup=3",
            "--max-requests-inflight=1600",
            "--max-mutating-requests-inflight=800",
            "--event-ttl=24h",
            *self._extra,
        ]

    def _controller_manager(self) -> list[str]:
        return [
            *self._controller_flags(CONTROLLER_MANAGER, self._ports.controller_manager),
            "--use-service-account-credentials",
            "--controllers=*",
            f"--node-monitor-grace-period={self._lease_seconds + 10}s",
            f"--root-ca-file={self._pki.certificate('cluster-ca')}",
            f"--service-account-private-key-file={self._pki.key('service-account')}",
            f"--cluster-signing-cert-file={self._pki.certificate('cluster-ca')}",
            f"--cluster-signing-key-file={self._pki.key('cluster-ca')}",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
        ]

    def _scheduler(self) -> list[str]:
        return self._controller_flags(SCHEDULER, self._ports.scheduler)

    def _controller_flags(self, component: str, port: int) -> list[str]:
        kubeconfig = self._kubeconfig(component)
        return [
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={port}",
            *self._serving(component),
            "--leader-elect=false",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
        ]

    def _kwok(self) -> list[str]:
        return [
            f"--kubeconfig={self._kubeconfig(KWOK)}",
            f"--config={self._folder.config / 'kwok.yaml'}",
            f"--config={self._folder.config / 'node-stages.yaml'}",
            f"--config={self._folder.config / 'pod-stages.yaml'}",
            f"--config={self._folder.config / 'storage-stages.yaml'}",
            f"--server-address={LOOPBACK}:{self._ports.kwok}",
            # A line for every patch would fill the disk of a busy sandbox.
            "--v=WARN",
        ]

    def _kubelet(self) -> list[str]:
        return [
            *(sys.executable, "-P", "-m", "k8sops.sandbox.kubelet"),
            f"--port={self._ports.kubelet}",
            f"--page-port={self._ports.page}",
            f"--kwok-port={self._ports.kwok}",
            f"--apiserver-port={self._ports.apiserver}",
            f"--folder={self._folder.path}",
        ]

    def _played(self) -> list[str]:
        return [
            *(sys.executable, "-P", "-m", "k8sops.sandbox.played"),
            f"--port={self._ports.played}",
            f"--apiserver-port={self._ports.apiserver}",
            f"--pki={self._folder.pki}",
            f"--seed={self._folder.name}",
        ]

    def _chaos(self) -> list[str]:
        return [
            *(sys.executable, "-P", "-m", "k8sops.sandbox.faults.daemon"),
            f"--folder={self._folder.path}",
            f"--port={self._ports.chaos}",
            f"--apiserver-port={self._ports.apiserver}",
        ]

    def _egress_configuration(self) -> bytes:
        transport = {"uds": {"udsName": str(self._egress)}}
        proxied = {"proxyProtocol": "HTTPConnect", "transport": transport}
        connection = proxied if self._egress else {"proxyProtocol": "Direct"}
        document = {
            "apiVersion": "apiserver.k8s.io/v1beta1",
            "kind": "EgressSelectorConfiguration",
            "egressSelections": [{"name": "cluster", "connection": connection}],
        }
        return yaml.safe_dump(document).encode()

    def _kwok_configuration(self) -> bytes:
        documents = [
            {
                "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
                "kind": "KwokConfiguration",
                "options": {
                    "manageAllNodes": True,
                    "enableDebuggingHandlers": True,
                    "cidr": POD_RANGE,
                    "nodeIP": NODE_ADDRESS if self._egress else LOOPBACK,
                    "nodePort": NODE_PORT if self._egress else self._ports.kubelet,
                    "nodeLeaseDurationSeconds": self._lease_seconds,
                    # Defaults are not applied to a file's options; without these kwok refuses to start.
                    "nodeLeaseParallelism": 16,
                    "podPlayStageParallelism": 16,
                    "nodePlayStageParallelism": 16,
                },
            },
            {
                "apiVersion": "kwok.x-k8s.io/v1alpha1",
                "kind": "ClusterPortForward",
                "metadata": {"name": "all"},
                "spec": {"forwards": [{"target": {"address": LOOPBACK, "port": self._ports.page}}]},
            },
        ]
        return yaml.safe_dump_all(documents).encode()
