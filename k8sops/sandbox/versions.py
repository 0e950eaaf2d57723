"""What the sandbox is made of: the pinned releases, the binaries, and what building each one costs.

The module versions themselves stand in gomod/go.mod; a test holds the two together. Sizes and times were measured on
a machine of two cores and serve only as the first estimate of a progress display.
"""

from __future__ import annotations

from typing import Final

import msgspec

KUBERNETES: Final = "1.36.3"
KWOK: Final = "0.8.0"
ETCD: Final = "3.6.16"
GO_MINIMUM: Final = (1, 26)

VERSION_SET: Final = f"kubernetes-{KUBERNETES}_kwok-{KWOK}_etcd-{ETCD}"
"""Key of the cache folder: any other set of versions is another folder."""


class Binary(msgspec.Struct, frozen=True):
    """An executable of the control plane and the Go package it is built from."""

    name: str
    package: str
    seconds: float
    """Expected time of a first build, in the order of `BINARIES` (later ones reuse compiled packages)."""


BINARIES: Final = (
    Binary("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", 270.0),
    Binary("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", 75.0),
    Binary("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler", 7.0),
    Binary("kwok", "sigs.k8s.io/kwok/cmd/kwok", 18.0),
    Binary("etcd", "go.etcd.io/etcd/server/v3", 14.0),
    Binary("kubectl", "k8s.io/kubernetes/cmd/kubectl", 22.0),
    Binary("etcdctl", "go.etcd.io/etcd/etcdctl/v3", 3.0),
    Binary("etcdutl", "go.etcd.io/etcd/etcdutl/v3", 3.0),
)
BY_NAME: Final = {binary.name: binary for binary in BINARIES}

CONTROL_PLANE: Final = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "etcd")
"""What must be there before a sandbox can start; the rest is built when first wanted."""


def linker_flags() -> str:
    """Flags that strip the binary and stamp the true version into Kubernetes' two version packages."""
    major, minor, _ = KUBERNETES.split(".")
    stamps = {"gitVersion": f"v{KUBERNETES}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    defined = [f"-X {package}.{name}={value}" for package in packages for name, value in stamps.items()]
    return " ".join(["-s", "-w", *defined])
