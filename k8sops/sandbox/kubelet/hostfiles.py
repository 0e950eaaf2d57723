"""The made-up /etc of a room: as little as a shell looks into, and nothing of the host's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

FOLDERS: Final = ("/opt", "/run", "/srv", "/mnt", "/usr/local/bin", "/var/lib", "/var/log")
"""Empty ones that programs expect."""


def etc_files(pod: Mapping[str, Any], uid: int, gid: int, home: str) -> dict[str, str]:
    """Files by path: users, hosts and name resolution of the pod."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    spec, address = pod["spec"], pod.get("status", {}).get("podIP", "")
    users = ["root:x:0:0:root:/root:/bin/sh", "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin"]
    groups = ["root:x:0:", "nogroup:x:65534:"]
    if uid not in {0, 65534}:
        users.append(f"app:x:{uid}:{gid}:app:{home}:/bin/sh")
    if gid not in {0, 65534}:
        groups.append(f"app:x:{gid}:")
    hosts = ["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback", f"{address}\t{name}"]
    hosts += [
        f"{alias['ip']}\t{' '.join(alias.get('hostnames') or ())}" for alias in spec.get("hostAliases") or ()
    ]
    search = f"{namespace}.svc.cluster.local svc.cluster.local cluster.local"
    made = {
        "passwd": users,
        "group": groups,
        "hosts": ["# Kubernetes-managed hosts file.", *hosts],
        "hostname": [name],
        "resolv.conf": [f"search {search}", "nameserver 10.96.0.10", "options ndots:5"],
        "nsswitch.conf": ["passwd: files", "group: files", "hosts: files"],
        "os-release": ['NAME="Sandbox Linux"', "ID=sandbox", 'PRETTY_NAME="Sandbox Linux"'],
    }
    return {f"/etc/{file}": "\n".join(lines) + "\n" for file, lines in made.items()}
