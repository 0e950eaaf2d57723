"""metrics.k8s.io as its clients meet it: kubectl top, autoscalers, and those who may not ask."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import subprocess
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest

from k8sops.core.clock import SystemClock
from k8sops.sandbox.certificates import issue
from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.sandbox.pki import Pki
from tests.sandbox.conftest import Kubectl
from tests.sandbox.waiting import has_ended, until_ready, wait_until, wait_until_async
from tests.support.engine_world import eventually

SETTLED_S = 180.0


def pod(name: str, *, labels: dict[str, str] | None = None, **annotations: str) -> dict[str, Any]:
    """A pod of two containers; one named for a part plays it."""
    given = {f"sandbox.k8sops.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels or {"app": name}, "annotations": given},
        "spec": {"containers": [container("app"), container("side")]},
    }


def container(name: str) -> dict[str, Any]:
    asked = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}
    return {"name": name, "image": "x", "resources": asked}


def apply(kubectl: Kubectl, *items: dict[str, Any]) -> None:
    document = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    result = kubectl("apply", "-f", "-", stdin=document)
    assert result.returncode == 0, result.stderr


def top(kubectl: Kubectl, *arguments: str) -> dict[str, list[str]]:
    """The cells of each line of `kubectl top pods`, by pod."""
    said = kubectl("top", "pods", "--no-headers", *arguments)
    return {cells[0]: cells[1:] for cells in map(str.split, said.stdout.splitlines())}


def test_top_shows_every_pod_that_runs_and_no_other(kubectl: Kubectl) -> None:
    """`kubectl top` is the first look of many; what it shows has to fit what the pods do."""
    apply(
        kubectl,
        pod("web", labels={"app": "web", "tier": "front"}),
        pod("crashes", play="crash-loop"),
        pod("leaks", play="oom-loop"),
        pod("ends", play="complete"),
        pod("stuck", play="image-pull-error"),
    )
    # It runs for a moment before it ends, and is measured while it does.
    wait_until(
        "the pod that ends to have ended",
        lambda: kubectl("get", "pod", "ends", "-o", "jsonpath={.status.phase}").stdout == "Succeeded",
        SETTLED_S,
    )
    wait_until(
        f"three pods that run, last seen {top(kubectl)}",
        lambda: set(top(kubectl)) == {"web", "crashes", "leaks"},
        SETTLED_S,
    )

    def usage(name: str, which: str) -> tuple[int, int]:
        lines = [
            line.split()
            for line in kubectl("top", "pod", name, "--containers", "--no-headers").stdout.splitlines()
        ]
        (cells,) = [cells for cells in lines if cells[1] == which]
        return int(cells[2].removesuffix("m")), int(cells[3].removesuffix("Mi"))

    cpu, memory = usage("web", "app")
    assert 5 <= cpu <= 100
    assert 20 <= memory <= 122
    assert usage("crashes", "app") <= (3, 4)
    assert usage("leaks", "app")[1] >= 115
    assert set(top(kubectl, "-l", "tier=front")) == {"web"}
    assert set(top(kubectl, "-l", "tier notin (front)")) == {"crashes", "leaks"}
    assert set(top(kubectl, "--field-selector", "metadata.name=web")) == {"web"}
    assert "No resources found" in kubectl("top", "pods", "-l", "tier=nowhere").stderr
    everywhere = kubectl("top", "pods", "-A", "--sort-by=memory", "--no-headers").stdout.splitlines()
    sizes = [int(line.split()[-1].removesuffix("Mi")) for line in everywhere]
    assert len(sizes) >= 3
    assert sizes == sorted(sizes, reverse=True)
    gone = kubectl("top", "pod", "ends")
    assert "not found" in gone.stderr


def test_a_node_uses_what_its_pods_use_and_some_for_itself(kubectl: Kubectl) -> None:
    """A sum that is less than its parts is found out at once."""
    apply(kubectl, pod("web"))
    wait_until("the pod to be measured", lambda: "web" in top(kubectl), SETTLED_S)
    lines = kubectl("top", "nodes", "--no-headers", "--sort-by=cpu").stdout.splitlines()
    nodes = {cells[0]: int(cells[1].removesuffix("m")) for cells in map(str.split, lines)}
    assert {f"node-{number}" for number in range(1, 6)} <= set(nodes)
    where = kubectl("get", "pod", "web", "-o", "jsonpath={.spec.nodeName}").stdout
    assert nodes[where] > int(top(kubectl)["web"][0].removesuffix("m"))
    one = json.loads(kubectl("get", "--raw", f"/apis/metrics.k8s.io/v1beta1/nodes/{where}").stdout)
    assert (one["kind"], one["metadata"]["name"], one["window"]) == ("NodeMetrics", where, "15s")
    assert set(one["usage"]) == {"cpu", "memory"}
    assert "not found" in kubectl("top", "node", "no-such-node").stderr
    table = kubectl("get", "nodes.metrics.k8s.io", where, "--no-headers").stdout.split()
    assert (table[0], table[-1]) == (where, "15s")


def test_an_autoscaler_acts_on_the_load_it_sees_and_then_holds(kubectl: Kubectl) -> None:
    """The load is the workload's: more pods share it, so that the autoscaler comes to rest as on a real cluster."""
    template = pod("web", cpu_load="200m")
    template["spec"]["containers"] = [container("app")]
    web = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": template["metadata"], "spec": template["spec"]},
        },
    }
    apply(kubectl, web)
    said = kubectl("autoscale", "deployment", "web", "--cpu=50%", "--min=1", "--max=8")
    assert said.returncode == 0, said.stderr

    def status() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(kubectl("get", "hpa", "web", "-o", "json").stdout)["status"]
        return found

    def settled() -> bool:
        seen = status()
        used = [
            one.get("resource", {}).get("current", {}).get("averageUtilization")
            for one in seen.get("currentMetrics") or ()
        ]
        count = seen.get("currentReplicas") or 0
        # What it saw while pods were only coming may have made it ask for more than four; it waits minutes to go back.
        shared = bool(used) and 180 <= count * (used[0] or 0) <= 220
        return count >= 4 and count == seen.get("desiredReplicas") and shared

    wait_until("pods that share two tenths of a core, none above its half", settled, SETTLED_S)


def test_who_may_not_see_pods_does_not_see_what_they_use(
    kubectl: Kubectl, sandbox: SandboxHandle, tmp_path: Path
) -> None:
    """Usage tells what runs where; the API server decides, as with metrics-server."""
    apply(kubectl, pod("web"))
    wait_until("the pod to be measured", lambda: "web" in top(kubectl), SETTLED_S)
    dora = tmp_path / "dora"
    dora.write_bytes(SandboxManager(sandbox.folder.parent).kubeconfig_for(sandbox.name, "dora", []))
    refused = kubectl("top", "pods", kubeconfig=dora)
    assert 'User "dora" cannot list resource "pods" in API group "metrics.k8s.io"' in refused.stderr
    kubectl("create", "rolebinding", "dora", "--clusterrole=view", "--user=dora")
    wait_until(
        "the binding to count", lambda: "web" in kubectl("top", "pods", kubeconfig=dora).stdout, SETTLED_S
    )


def ask(sandbox: SandboxHandle, certificate: Path | None, key: Path | None) -> int:
    """The status of a request that does not come through the API server."""
    context = ssl.create_default_context(cafile=str(sandbox.folder / "pki" / "cluster-ca.crt"))
    if certificate and key:
        context.load_cert_chain(certificate, key)
    port = json.loads((sandbox.folder / "state.json").read_text())["ports"]["played"]
    connection = HTTPSConnection("127.0.0.1", port, timeout=180, context=context)
    try:
        connection.request("GET", "/apis/metrics.k8s.io/v1beta1/pods")
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("certificate", ["", "admin", "kubelet", "apiserver-kubelet-client"])
def test_nobody_but_the_api_server_can_ask_the_process_itself(
    sandbox: SandboxHandle, certificate: str
) -> None:
    """Other users of the machine reach the port; without the front proxy's certificate they get no answer."""
    pki = sandbox.folder / "pki"
    own = (pki / f"{certificate}.crt", pki / f"{certificate}.key") if certificate else (None, None)
    with pytest.raises(OSError, match=r"(?i)alert|reset|broken pipe|EOF|closed connection"):
        ask(sandbox, *own)


def test_only_the_front_proxy_itself_is_let_in_by_its_authority(
    sandbox: SandboxHandle, tmp_path: Path
) -> None:
    """Kubernetes takes the names in `--requestheader-allowed-names` alone; what stands behind it must not take more."""
    authority = Pki(sandbox.folder / "pki").read("front-proxy-ca")
    for name, status in (("front-proxy-client", 200), ("somebody", 403)):
        pair = issue(authority, name, (), SystemClock().now())
        certificate, key = tmp_path / f"{name}.crt", tmp_path / f"{name}.key"
        certificate.write_bytes(pair.certificate)
        key.write_bytes(pair.key)
        assert ask(sandbox, certificate, key) == status


def test_the_api_server_verifies_whom_it_asks(kubectl: Kubectl) -> None:
    """Somebody who takes the port while the process is away must not be believed."""
    spec = json.loads(kubectl("get", "apiservice", "v1beta1.metrics.k8s.io", "-o", "json").stdout)["spec"]
    assert spec["caBundle"]
    assert not spec.get("insecureSkipTLSVerify")


async def test_up_repairs_the_process_and_metrics_answer_again(
    fresh_cluster: SandboxHandle, kubectl_path: Path
) -> None:
    """An aggregated API that is away holds up discovery and the end of namespaces; `up` is all a person has to know."""
    manager = SandboxManager(fresh_cluster.folder.parent)

    async def top_nodes() -> subprocess.CompletedProcess[str]:
        command = [str(kubectl_path), "--kubeconfig", str(fresh_cluster.kubeconfig), "top", "nodes"]
        return await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, check=False, timeout=180
        )

    async def shown() -> bool:
        return "node-1" in (await top_nodes()).stdout

    await eventually(shown, within_s=SETTLED_S)
    (played,) = [one for one in (await manager.status("fresh")).components if one.component == "played"]
    os.kill(played.pid, signal.SIGKILL)
    await wait_until_async("it to be gone", lambda: has_ended(played.pid))
    status = await manager.status("fresh")
    assert (status.state, status.gone) == ("degraded", ("played",))
    assert (await top_nodes()).returncode != 0
    await manager.up("fresh")
    await eventually(shown, within_s=SETTLED_S)
    await until_ready(manager, "fresh")
