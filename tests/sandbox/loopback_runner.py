"""Runs commands where there is no network but loopback, and reports what the kernel counted there.

`python -m tests.sandbox.loopback_runner COMMANDS`, where COMMANDS is JSON: a list of argument lists. It moves into a
user and a network namespace of its own, in which nothing but `lo` is up and no route exists. There Linux counts every
attempt to leave, a connect or a datagram to an address that no route leads to (RFC 4293, ipSystemStatsOutNoRoutes). At
the end it makes two such attempts itself, so that whoever reads the report sees the counter count.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

from k8sops.sandbox.kubelet import kernel
from k8sops.sandbox.kubelet.confined import IFF_UP, SIOCSIFFLAGS

COMMAND_SECONDS = 900
ELSEWHERE = (
    (socket.AF_INET, socket.SOCK_STREAM, "192.0.2.77"),
    (socket.AF_INET6, socket.SOCK_DGRAM, "2001:db8::77"),
)
"""Addresses of documentation (RFC 5737, RFC 3849), which are nobody's."""


def enter() -> None:
    """Leave for namespaces of our own. Raises MissingError or OSError where the system refuses them."""
    user, group = os.getuid(), os.getgid()
    kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNET, "user and network namespaces")
    own = Path("/proc/self")
    (own / "setgroups").write_text("deny")
    (own / "uid_map").write_text(f"{user} {user} 1")
    (own / "gid_map").write_text(f"{group} {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", IFF_UP))


def counted() -> dict[str, int]:
    """What this network namespace has seen: attempts to leave it, and datagrams (names are asked for by them)."""
    lines = Path("/proc/net/snmp").read_text().splitlines()
    found = {
        f"{kind}{name}": int(value)
        for head, values in zip(lines[::2], lines[1::2], strict=True)
        for kind in [head.partition(":")[0]]
        for name, value in zip(head.split()[1:], values.split()[1:], strict=True)
    }
    six = Path("/proc/net/snmp6")
    if six.exists():
        found |= {name: int(value) for name, value in map(str.split, six.read_text().splitlines())}
    wanted = ("IpOutNoRoutes", "Ip6OutNoRoutes", "UdpOutDatagrams", "Udp6OutDatagrams")
    return {name: found.get(name, 0) for name in wanted}


def run(command: list[str]) -> dict[str, object]:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS,
    )
    return {"command": command, "code": done.returncode, "said": done.stdout}


def try_to_leave() -> None:
    for family, kind, address in ELSEWHERE:
        try:
            with socket.socket(family, kind) as one:
                one.connect((address, 443))
        except OSError:
            # That is what is wanted, also where the machine has no IPv6.
            continue


def main() -> None:
    """Print the report as one JSON document."""
    try:
        enter()
    except (kernel.MissingError, OSError) as error:
        print(json.dumps({"refused": str(error)}))  # noqa: T201
        return
    before = counted()
    done = [run(command) for command in json.loads(sys.argv[1])]
    after = counted()
    try_to_leave()
    routes = Path("/proc/net/route").read_text().splitlines()[1:]
    report = {"done": done, "routes": routes, "before": before, "after": after, "control": counted()}
    print(json.dumps(report))  # noqa: T201


if __name__ == "__main__":
    main()
