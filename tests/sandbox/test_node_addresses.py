"""What the API server reaches of nodes, pods and services: made-up logs, the sandbox's page, and nothing outside."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from k8sops.sandbox.kubelet.addresses import LONGEST_SOCKET, egress_socket
from k8sops.sandbox.manager import SandboxHandle
from tests.sandbox.conftest import Kubectl
from tests.sandbox.test_shared_control_plane import apply, manifest, rows
from tests.sandbox.waiting import PATIENCE_S, wait_until

NODE = "/api/v1/nodes/node-1/proxy"


def test_a_nodes_logs_are_its_own_and_stay_as_they_were(kubectl: Kubectl) -> None:
    """`kubectl get --raw …/proxy/logs` is where one looks when a node misbehaves."""
    assert '<a href="kubelet.log">kubelet.log</a>' in kubectl("get", "--raw", f"{NODE}/logs/").stdout
    mine = kubectl("get", "--raw", f"{NODE}/logs/?query=kubelet&tailLines=20").stdout
    other = kubectl(
        "get", "--raw", f"{NODE.replace('node-1', 'node-2')}/logs/?query=kubelet&tailLines=20"
    ).stdout
    assert len(mine.splitlines()) == 20
    assert not set(mine.splitlines()) & set(other.splitlines())
    again = kubectl("get", "--raw", f"{NODE}/logs/kubelet.log").stdout
    assert set(mine.splitlines()) <= set(again.splitlines())
    warnings = kubectl("get", "--raw", f"{NODE}/logs/?query=kubelet&pattern=%5EW").stdout.splitlines()
    assert warnings
    assert all(line.startswith("W") for line in warnings)


@pytest.mark.parametrize("path", ["logs/?query=nginx", "logs/../../../etc/passwd", "logs/syslog", "metrics"])
def test_no_file_of_the_machine_is_a_nodes_log(kubectl: Kubectl, path: str) -> None:
    """A kubelet serves /var/log; this one's machine is somebody's own."""
    refused = kubectl("get", "--raw", f"{NODE}/{path}")
    assert refused.returncode != 0
    assert refused.stdout == ""
    assert len(refused.stderr.splitlines()) == 1


def test_pods_and_services_show_the_sandboxs_page(kubectl: Kubectl, cluster_namespace: str) -> None:
    """Their addresses belong to nobody: what is dialled there must never be a machine of the user's network."""
    apply(kubectl, manifest("web", **{"sandbox.k8sops.dev/fast": "true"}))
    kubectl("label", "pod", "web", "app=web")
    wait_until("the pod", lambda: rows(kubectl).get("web") == ("Running", "1/1"))
    assert kubectl("expose", "pod", "web", "--port=80").returncode == 0
    base = f"/api/v1/namespaces/{cluster_namespace}"
    wait_until(
        "the service's endpoint",
        lambda: "web" in kubectl("get", "endpointslices", "-o", "yaml").stdout.split("targetRef")[-1],
    )
    for path in ("pods/web/proxy/", "pods/web:8080/proxy/anything", "services/web/proxy/"):
        # The API server hears of a service's endpoints a moment later than others.
        where = f"{base}/{path}"
        wait_until(path, lambda w=where: "k8sops sandbox" in kubectl("get", "--raw", w).stdout)  # type: ignore[misc]


def test_nodes_have_an_address_that_nobody_has(kubectl: Kubectl) -> None:
    """One on loopback would be refused by the API server; one of a real network would be dialled."""
    for number in range(1, 6):
        node = json.loads(kubectl("get", "node", f"node-{number}", "-o", "json").stdout)
        addresses = {one["type"]: one["address"] for one in node["status"]["addresses"]}
        assert addresses == {"InternalIP": "192.0.2.1", "Hostname": f"node-{number}"}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("192.0.2.1:10250", "200 OK"),
        ("10.0.0.9:80", "200 OK"),
        ("10.96.0.1:443", "leads nowhere"),
        ("198.51.100.7:443", "nothing outside its machine"),
        ("metadata.example:80", "nothing outside its machine"),
        ("169.254.169.254:80", "nothing outside its machine"),
    ],
)
async def test_the_road_leads_nowhere_outside(sandbox: SandboxHandle, target: str, said: str) -> None:
    """A webhook, an APIService or an Endpoints object may name any address there is."""
    socket = egress_socket(sandbox.folder)
    assert socket is not None
    reader, writer = await asyncio.open_unix_connection(socket)
    writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
    assert said in answer.decode().splitlines()[0]
    writer.close()
    await writer.wait_closed()


def test_a_folder_too_deep_for_a_socket_has_none() -> None:
    """Such a sandbox works all the same, with its nodes on loopback."""
    assert egress_socket(Path("/short")) == Path("/short/egress.sock")
    assert egress_socket(Path("/" + "x" * LONGEST_SOCKET)) is None
