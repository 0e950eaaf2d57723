"""What a user of a running sandbox relies on: identity, audit, logs, forwarding, and pods that behave."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
from pathlib import Path
from typing import Any

from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.sandbox.ports import PortClaims
from k8sops.sandbox.seed.load_objects import STATIC_LABEL
from tests.sandbox.conftest import Kubectl, KubectlBeside
from tests.sandbox.waiting import PATIENCE_S, wait_until

PLAYS = {
    "crash-loop": ("CrashLoopBackOff", "0/1"),
    "oom-loop": ("CrashLoopBackOff", "0/1"),
    "image-pull-error": ("ImagePullBackOff", "0/1"),
    "never-ready": ("Running", "0/1"),
    "fail": ("Error", "0/1"),
    "complete": ("Completed", "0/1"),
    "none": ("Running", "1/1"),
}


def manifest(name: str, play: str = "", log: str = "worker", **annotations: str) -> dict[str, object]:
    given = {"sandbox.k8sops.dev/play": play, "sandbox.k8sops.dev/log": log, **annotations}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": given},
        "spec": {
            "initContainers": [{"name": "prepare", "image": "registry.example:5000/prepare:1"}],
            "containers": [{"name": "app", "image": "shop/app:1.0"}],
        },
    }


def apply(kubectl: Kubectl, *pods: dict[str, object]) -> None:
    document = json.dumps({"apiVersion": "v1", "kind": "List", "items": pods})
    result = kubectl("apply", "-f", "-", stdin=document)
    assert result.returncode == 0, result.stderr


def rows(kubectl: Kubectl) -> dict[str, tuple[str, str]]:
    lines = kubectl("get", "pods", "--no-headers").stdout.splitlines()
    return {cells[0]: (cells[2], cells[1]) for cells in map(str.split, lines)}


def test_pods_play_the_part_their_annotation_names(kubectl: Kubectl) -> None:
    """The seed's story is told by these states; kubectl must print each as on a real cluster."""
    apply(kubectl, *(manifest(name, name) for name in PLAYS))
    # The two that crash run again for a moment now and then: each is seen as it should be, not all at once.
    for name, shown in PLAYS.items():
        wait_until(f"{name} to be {shown}", lambda n=name, s=shown: rows(kubectl).get(n) == s)  # type: ignore[misc]

    def looping() -> bool:
        pods = json.loads(kubectl("get", "pods", "-o", "json").stdout)["items"]
        status.update({pod["metadata"]["name"]: pod["status"]["containerStatuses"][0] for pod in pods})
        return "waiting" in status["crash-loop"]["state"] and "lastState" in status["oom-loop"]

    status: dict[str, Any] = {}
    wait_until("a look between two crashes", looping)
    ended = status["oom-loop"]["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")
    assert status["crash-loop"]["lastState"]["terminated"]["exitCode"] == 1
    assert status["crash-loop"]["restartCount"] >= 1
    assert "running" not in status["crash-loop"]["state"]
    assert status["none"]["containerID"].startswith("containerd://")
    assert status["none"]["imageID"].startswith("shop/app@sha256:")


def test_a_healed_pod_becomes_ready(kubectl: Kubectl) -> None:
    """A demonstration ends with a repair, and the screen must show it."""
    apply(kubectl, manifest("sick", "never-ready"))
    wait_until("the pod to run", lambda: rows(kubectl).get("sick") == ("Running", "0/1"))
    kubectl("annotate", "pod", "sick", "sandbox.k8sops.dev/play-")
    wait_until("the pod to be ready", lambda: rows(kubectl).get("sick") == ("Running", "1/1"))
    assert rows(kubectl)["sick"] == ("Running", "1/1")


def test_the_start_of_a_static_pod_is_left_to_whoever_made_it(kubectl: Kubectl) -> None:
    """A large load writes its pods' status itself; a second hand would make each pod's a matter of luck."""
    static = manifest("static") | {"metadata": {"name": "static", "labels": {STATIC_LABEL: "true"}}}
    apply(kubectl, static, manifest("played"))
    wait_until("the pod beside it to run", lambda: rows(kubectl).get("played") == ("Running", "1/1"))

    def found() -> dict[str, Any]:
        pod: dict[str, Any] = json.loads(kubectl("get", "pod", "static", "-o", "json").stdout)
        return pod

    wait_until("the static pod to have a node", lambda: "nodeName" in found()["spec"])
    pod = found()
    assert "podIP" not in pod["status"]
    assert "containerStatuses" not in pod["status"]


def test_logs_differ_by_pod_grow_and_show_the_previous_container(kubectl: Kubectl) -> None:
    """Logs are the first thing anybody reads; they must be the pod's own and end with what broke it."""
    lively = {"sandbox.k8sops.dev/log-rate": "20"}
    apply(
        kubectl, manifest("a", **lively), manifest("b", **lively), manifest("down", "crash-loop", "checkout")
    )
    for name in ("a", "b"):
        wait_until(
            f"{name} to log",
            lambda n=name: len(kubectl("logs", n, "-c", "app").stdout.splitlines()) > 5,  # type: ignore[misc]
        )
    first, other = kubectl("logs", "a", "-c", "app").stdout, kubectl("logs", "b", "-c", "app").stdout
    assert not set(first.splitlines()) & set(other.splitlines())
    assert kubectl("logs", "a", "-c", "app").stdout.startswith(first), "what was logged must stay as it was"
    assert len(kubectl("logs", "a", "-c", "app", "--tail=3").stdout.splitlines()) == 3
    stamped = kubectl("logs", "a", "-c", "app", "--tail=1", "--timestamps").stdout
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ", stamped)

    wait_until("a crash", lambda: rows(kubectl).get("down", ("",))[0] == "CrashLoopBackOff")
    previous = kubectl("logs", "down", "-c", "app", "--previous")
    assert previous.stdout.splitlines()[-1] == "KeyError: 'PAYMENTS_DSN'"
    refused = kubectl("logs", "a", "-c", "app", "--previous")
    assert "previous terminated container 'app' in pod 'a' not found" in refused.stderr


async def test_a_follower_sees_new_lines(kubectl: Kubectl, kubectl_beside: KubectlBeside) -> None:
    """`logs -f` must go on after what was there when it began."""
    apply(kubectl, manifest("talker", **{"sandbox.k8sops.dev/log-rate": "10"}))
    await asyncio.to_thread(
        wait_until, "the pod to log", lambda: bool(kubectl("logs", "talker", "-c", "app").stdout)
    )
    async with kubectl_beside("logs", "-f", "talker", "-c", "app", "--tail=1") as said:
        lines = [await asyncio.wait_for(said.readline(), PATIENCE_S) for _ in range(12)]
    assert all(lines)
    assert len(set(lines)) == 12


async def test_a_forwarded_port_answers(kubectl: Kubectl, kubectl_beside: KubectlBeside) -> None:
    """Port forwarding passes through the kubelet to kwok, which alone speaks its protocol."""
    apply(kubectl, manifest("web"))
    await asyncio.to_thread(wait_until, "the pod", lambda: rows(kubectl).get("web") == ("Running", "1/1"))
    with PortClaims() as claims:
        port = claims.choose().page
    async with kubectl_beside("port-forward", "--address=127.0.0.1", "pod/web", f"{port}:80") as said:
        assert b"Forwarding" in await asyncio.wait_for(said.readline(), PATIENCE_S)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")
        answer = await asyncio.wait_for(reader.readuntil(b"always the same."), PATIENCE_S)
        writer.close()
        await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"k8sops sandbox" in answer


def test_another_person_is_known_by_name_and_groups_and_may_do_nothing(
    kubectl: Kubectl, sandbox: SandboxHandle, tmp_path: Path
) -> None:
    """Approvals and policies are played with several people; a new one must hold no rights by accident."""
    alice = tmp_path / "alice"
    alice.write_bytes(
        SandboxManager(sandbox.folder.parent).kubeconfig_for(sandbox.name, "alice", ["ops", "sre"])
    )
    said = json.loads(kubectl("auth", "whoami", "-o", "json", kubeconfig=alice).stdout)["status"]["userInfo"]
    assert said["username"] == "alice"
    assert {"ops", "sre", "system:authenticated"} == set(said["groups"])
    refused = kubectl("get", "pods", kubeconfig=alice)
    assert 'User "alice" cannot list resource "pods"' in refused.stderr


def test_the_audit_log_has_both_bodies_of_a_write_and_no_secret(
    kubectl: Kubectl, sandbox: SandboxHandle, cluster_namespace: str
) -> None:
    """Tests of other parts prove by this log what was asked of the API server."""
    kubectl("create", "configmap", "audited", "--from-literal=colour=green")
    kubectl("create", "secret", "generic", "hidden", "--from-literal=password=do-not-log-me")

    def entries() -> list[dict[str, object]]:
        # The API server may be in the middle of the last line.
        lines = sandbox.audit_log.read_text().rpartition("\n")[0].splitlines()
        mine = [line for line in lines if cluster_namespace in line]
        found = [json.loads(line) for line in mine if '"audited"' in line or '"hidden"' in line]
        return [entry for entry in found if entry["verb"] == "create"]

    wait_until("both entries", lambda: len(entries()) == 2)
    by_kind = {entry["objectRef"]["resource"]: entry for entry in entries()}  # type: ignore[index]
    written = by_kind["configmaps"]
    assert written["level"] == "RequestResponse"
    assert written["requestObject"]["data"] == {"colour": "green"}  # type: ignore[index]
    assert written["responseObject"]["metadata"]["uid"]  # type: ignore[index]
    assert by_kind["secrets"]["level"] == "Metadata"
    assert "requestObject" not in by_kind["secrets"]


def test_everything_listens_on_loopback_only(sandbox: SandboxHandle) -> None:
    """A sandbox must not open the machine to its network."""
    table = Path("/proc/net/tcp").read_text().splitlines()[1:]
    state = json.loads((sandbox.folder / "state.json").read_text())
    ports = {f"{port:04X}" for name, port in state["ports"].items() if name != "chaos"}
    # 0A is LISTEN; the address is little-endian hexadecimal.
    listening = {tuple(cells[1].split(":")) for cells in map(str.split, table) if cells[3] == "0A"}
    ours = {(address, port) for address, port in listening if port in ports}
    assert {port for _, port in ours} == ports
    assert {socket.inet_ntoa(bytes.fromhex(address)[::-1]) for address, _ in ours} == {"127.0.0.1"}


def test_key_material_is_readable_by_its_owner_alone(sandbox: SandboxHandle) -> None:
    """The folder holds an administrator's key."""
    assert sandbox.folder.stat().st_mode & 0o777 == 0o700
    for path in (sandbox.kubeconfig, *(sandbox.folder / "pki").iterdir()):
        assert path.stat().st_mode & 0o777 == 0o600, path


def test_deleting_a_pod_takes_a_moment_and_no_more(kubectl: Kubectl) -> None:
    """Graceful enough to be seen, short enough for tests; never later than the grace period."""
    apply(kubectl, manifest("brief"))
    wait_until("the pod", lambda: rows(kubectl).get("brief") == ("Running", "1/1"))
    kubectl("delete", "pod", "brief", "--wait=false")
    assert rows(kubectl).get("brief", ("Terminating", ""))[0] == "Terminating"
    wait_until("the pod to be gone", lambda: "brief" not in rows(kubectl))


def test_kubectl_is_of_the_sandbox_version(kubectl_path: Path) -> None:
    """The version must be stamped in: a server calling itself v0.0.0-master breaks version checks."""
    output = subprocess.run(
        [kubectl_path, "version", "--client", "-o", "json"], capture_output=True, check=True, timeout=120
    ).stdout
    assert json.loads(output)["clientVersion"]["gitVersion"] == "v1.36.3"
