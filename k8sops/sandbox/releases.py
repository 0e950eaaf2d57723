"""Which release files hold the sandbox's binaries, where a mirror keeps them, and how a checksum file is read.

Paths are those of the official places (dl.k8s.io, github.com), below one address. kwok publishes no checksum file: a
mirror makes one, of the same form as Kubernetes'. Pure: nothing here goes to the network.
"""

from __future__ import annotations

import platform
import re
from typing import Final

import msgspec

from k8sops.core.errors import SandboxError
from k8sops.sandbox.versions import ETCD, KUBERNETES, KWOK

_PROCESSORS: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_KUBERNETES: Final = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
_ETCD: Final = ("etcd", "etcdctl", "etcdutl")
_LINE: Final = re.compile(r"([0-9a-fA-F]{64})(?:[ \t]+\*?(?:\./)?(\S+))?\s*")

VERSION_ARGUMENTS: Final = {
    "kubectl": ("version", "--client"),
    "etcdctl": ("version",),
    "etcdutl": ("version",),
}
"""How a binary is asked for its version; all others take --version."""


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A file to fetch: a binary, or a gzipped tar archive with several."""

    path: str
    """Below the mirror's address."""
    checksums: str
    """Path of the file with its SHA-256, below the same address."""
    version: str
    binaries: tuple[str, ...]
    folder: str = ""
    """Where in the archive the binaries lie; empty where the file is the binary itself."""

    @property
    def file(self) -> str:
        """Its name without the folders."""
        return self.path.rpartition("/")[2]


def this_machine() -> str:
    """System and processor as Go names them, such as linux-amd64.

    Raises SandboxError where not all of the binaries are released for it.
    """
    system, processor = platform.system().lower(), platform.machine().lower()
    if system != "linux" or processor not in _PROCESSORS:
        raise SandboxError(
            f"there are no release binaries of a control plane for {system} on {processor}",
            hint="unset K8SOPS_ASSETS_URL, and they are built",
        )
    return f"{system}-{_PROCESSORS[processor]}"


def release_of(binary: str, machine: str) -> Release:
    """The file in which a binary is released for a machine (as `this_machine` names it)."""
    if binary in _KUBERNETES:
        path = f"release/v{KUBERNETES}/bin/{machine.replace('-', '/')}/{binary}"
        return Release(path=path, checksums=f"{path}.sha256", version=KUBERNETES, binaries=(binary,))
    if binary in _ETCD:
        folder, place = f"etcd-v{ETCD}-{machine}", f"etcd-io/etcd/releases/download/v{ETCD}"
        return Release(
            path=f"{place}/{folder}.tar.gz",
            checksums=f"{place}/SHA256SUMS",
            version=ETCD,
            binaries=_ETCD,
            folder=folder,
        )
    path = f"kubernetes-sigs/kwok/releases/download/v{KWOK}/{binary}-{machine}"
    return Release(path=path, checksums=f"{path}.sha256", version=KWOK, binaries=(binary,))


def checksum_in(text: str, file: str) -> str | None:
    """The SHA-256 of a file, in hex, as a checksum file tells it; None where it does not.

    Either one bare digest, as dl.k8s.io has them, or lines of `sha256sum`.
    """
    found = [_LINE.fullmatch(line) for line in text.splitlines() if line.strip()]
    if len(found) == 1 and found[0] and found[0][2] is None:
        return found[0][1].lower()
    digests = {line[1].lower() for line in found if line and line[2] == file}
    return digests.pop() if len(digests) == 1 else None


def says_version(output: str, version: str) -> bool:
    """Whether the first line of what a binary said names exactly this version."""
    first = output.strip().partition("\n")[0]
    return re.search(rf"(?<![\w.])v?{re.escape(version)}(?![\w.+-])", first) is not None
