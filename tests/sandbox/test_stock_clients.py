"""What people type at a cluster every day, and what their tools do: here with kubectl and the stock Python client.

`exec`, `cp`, `attach`, `debug` of a pod, `top`, node logs and plain `logs` have tests of their own beside this file.
What behaves otherwise than on a real cluster is listed in docs/sandbox-played.md.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import kubernetes
import pytest

from k8sops.sandbox.manager import SandboxHandle, SandboxManager
from k8sops.sandbox.ports import PortClaims
from tests.sandbox.conftest import Kubectl, KubectlBeside
from tests.sandbox.test_shared_control_plane import apply
from tests.sandbox.waiting import wait_until

PATIENCE_S: Final = 180.0
WAIT: Final = "--timeout=150s"
LIVELY: Final = {"sandbox.k8sops.dev/fast": "true", "sandbox.k8sops.dev/log-rate": "5"}


def web(replicas: int = 2) -> dict[str, object]:
    """A Deployment whose pods start at once and log much."""
    container = {"name": "app", "image": "shop/web:1.0", "ports": [{"containerPort": 80}]}
    template = {
        "metadata": {"labels": {"app": "web"}, "annotations": LIVELY},
        "spec": {"containers": [container]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    }


@pytest.fixture
def running(kubectl: Kubectl) -> Kubectl:
    """kubectl in a namespace where the Deployment `web` has its two pods."""
    apply(kubectl, web())
    said = kubectl("rollout", "status", "deployment/web", WAIT)
    assert "successfully rolled out" in said.stdout, said.stderr
    return kubectl


def names(kubectl: Kubectl) -> set[str]:
    """Pods that are not being removed."""
    items = json.loads(kubectl("get", "pods", "-l", "app=web", "-o", "json").stdout)["items"]
    return {one["metadata"]["name"] for one in items if "deletionTimestamp" not in one["metadata"]}


def stream(call: Any, *arguments: Any, **named: Any) -> Iterator[Any]:
    """What a call of the stock client answers bit by bit."""
    watch: Any = kubernetes.watch.Watch()  # type: ignore[no-untyped-call]
    found: Iterator[Any] = watch.stream(call, *arguments, **named)
    return found


class Follower:
    """A log follower as stern is one: it watches pods, and follows each from its start to its end."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        loaded = kubernetes.config.new_client_from_config(str(kubeconfig))  # type: ignore[no-untyped-call]
        self._core = kubernetes.client.CoreV1Api(loaded)
        self._namespace: Final = namespace
        self._over: Final = threading.Event()
        self._threads: list[threading.Thread] = []
        self.lines: Final[dict[str, list[str]]] = {}
        self.ended: Final[set[str]] = set()
        self.failed: Final[list[BaseException]] = []

    @contextmanager
    def at_work(self) -> Iterator[Follower]:
        """Follow until the block ends."""
        self._begin(self._watch)
        try:
            yield self
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join(PATIENCE_S)
        assert not self.failed

    def _begin(self, work: Any, *arguments: str) -> None:
        def guarded() -> None:
            try:
                work(*arguments)
            except BaseException as error:  # noqa: BLE001 - carried over to the test
                self.failed.append(error)

        self._threads.append(threading.Thread(target=guarded, daemon=True))
        self._threads[-1].start()

    def _watch(self) -> None:
        while not self._over.is_set():
            events = stream(
                self._core.list_namespaced_pod, self._namespace, label_selector="app=web", timeout_seconds=2
            )
            for event in events:
                pod = event["object"]
                statuses = pod.status.container_statuses or ()
                runs = any(one.container_id and one.state.running for one in statuses)
                if runs and not pod.metadata.deletion_timestamp and pod.metadata.name not in self.lines:
                    self.lines[pod.metadata.name] = []
                    self._begin(self._follow, pod.metadata.name)

    def _follow(self, name: str) -> None:
        lines = stream(self._core.read_namespaced_pod_log, name, self._namespace, container="app")
        for line in lines:
            self.lines[name].append(line)
            if self._over.is_set():
                return
        self.ended.add(name)

    def follows(self, pods: set[str]) -> bool:
        """Whether something was read of each of these, again and again."""
        return all(len(self.lines.get(name, ())) > 5 for name in pods)


def test_a_follower_of_many_pods_picks_up_new_ones_and_lets_go_of_old_ones(
    running: Kubectl, sandbox: SandboxHandle, cluster_namespace: str
) -> None:
    """stern and its like know a container by its id, and a pod's end by the end of its log."""
    with Follower(sandbox.kubeconfig, cluster_namespace).at_work() as follower:
        first = names(running)
        wait_until("lines of both pods", lambda: follower.follows(first), PATIENCE_S)
        assert running("scale", "deployment/web", "--replicas=3").returncode == 0
        wait_until("the third pod", lambda: len(names(running)) == 3, PATIENCE_S)
        wait_until("lines of the third pod", lambda: follower.follows(names(running)), PATIENCE_S)
        gone = min(first)
        assert running("delete", "pod", gone, "--wait=false").returncode == 0
        wait_until("the end of the deleted pod's log", lambda: gone in follower.ended, PATIENCE_S)
        (other,) = first - {gone}
        seen = len(follower.lines[other])
        wait_until("the others to go on", lambda: len(follower.lines[other]) > seen, PATIENCE_S)
        assert other not in follower.ended


async def test_kubectl_follows_all_pods_of_a_selector(
    running: Kubectl, kubectl_beside: KubectlBeside
) -> None:
    """The log of a service is that of all its pods."""
    pods = await asyncio.to_thread(names, running)
    seen: set[str] = set()
    async with kubectl_beside("logs", "-f", "-l", "app=web", "--prefix", "--tail=1") as said:
        async with asyncio.timeout(PATIENCE_S):
            while seen != pods:
                line = (await said.readline()).decode()
                assert line.startswith("[pod/"), line
                seen.add(line.split("/")[1])


async def test_a_service_is_forwarded_to_one_of_its_pods(
    running: Kubectl, kubectl_beside: KubectlBeside
) -> None:
    """Most people forward a service or a deployment, not a pod; kubectl resolves the port's number."""
    assert (
        await asyncio.to_thread(running, "expose", "deployment", "web", "--port=8080", "--target-port=80")
    ).returncode == 0
    for target in ("service/web", "deployment/web"):
        with PortClaims() as claims:
            port = claims.choose().page
        remote = "8080" if target.startswith("service") else "80"
        async with kubectl_beside("port-forward", "--address=127.0.0.1", target, f"{port}:{remote}") as said:
            assert b"Forwarding" in await asyncio.wait_for(said.readline(), PATIENCE_S)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")
            assert b"200" in await asyncio.wait_for(reader.readline(), PATIENCE_S)
            writer.close()
            await writer.wait_closed()


async def test_a_watch_prints_what_changes(running: Kubectl, kubectl_beside: KubectlBeside) -> None:
    """`get -w` is how most people look on."""
    async with kubectl_beside(
        "get", "deployment", "web", "-w", "-o", "jsonpath={.spec.replicas}{'\\n'}"
    ) as said:
        assert await asyncio.wait_for(said.readline(), PATIENCE_S) == b"2\n"
        await asyncio.to_thread(running, "scale", "deployment/web", "--replicas=1")
        async with asyncio.timeout(PATIENCE_S):
            while await said.readline() != b"1\n":
                pass


def test_wait_returns_once_the_condition_is_met(running: Kubectl) -> None:
    """Scripts wait by condition, by field and for the end; what does not come is exit code 1."""
    for condition in ("condition=Ready", "jsonpath={.status.phase}=Running"):
        done = running("wait", f"--for={condition}", "pod", "-l", "app=web", WAIT)
        assert (done.returncode, len(done.stdout.splitlines())) == (0, 2), done.stderr
    never = running("wait", "--for=condition=Progressing=False", "deployment/web", "--timeout=1s")
    assert (never.returncode, "timed out waiting" in never.stderr) == (1, True)
    running("delete", "deployment", "web", "--wait=false")
    assert running("wait", "--for=delete", "pod", "-l", "app=web", WAIT).returncode == 0
    assert names(running) == set()


def test_a_rollout_is_followed_listed_and_undone(running: Kubectl) -> None:
    """A release, its history, and the way back."""
    assert running("set", "image", "deployment/web", "app=shop/web:2.0").returncode == 0
    assert "successfully rolled out" in running("rollout", "status", "deployment/web", WAIT).stdout
    history = running("rollout", "history", "deployment/web").stdout.split()
    assert history[-4:] == ["1", "<none>", "2", "<none>"]
    assert running("rollout", "undo", "deployment/web").returncode == 0
    assert "successfully rolled out" in running("rollout", "status", "deployment/web", WAIT).stdout
    image = "jsonpath={.spec.template.spec.containers[0].image}"
    assert running("get", "deployment", "web", "-o", image).stdout == "shop/web:1.0"
    before = names(running)
    assert running("rollout", "restart", "deployment/web").returncode == 0
    assert "successfully rolled out" in running("rollout", "status", "deployment/web", WAIT).stdout
    wait_until("new pods alone", lambda: len(names(running)) == 2 and not before & names(running), PATIENCE_S)


def test_describe_tells_a_pods_and_a_nodes_story(running: Kubectl) -> None:
    """The page that every guide to finding a fault begins with."""
    name = min(names(running))
    wanted = {"Scheduled", "Pulled", "Created", "Started"}

    def reasons() -> set[str]:
        events = running("describe", "pod", name).stdout.partition("\nEvents:")[2]
        return {line.split()[1] for line in events.splitlines() if line.startswith("  Normal")}

    wait_until(f"{wanted} among the events", lambda: wanted <= reasons(), PATIENCE_S)
    told = running("describe", "pod", name).stdout
    assert "Controlled By:  ReplicaSet/web-" in told
    assert "Container ID:   containerd://" in told
    node = running("get", "pod", name, "-o", "jsonpath={.spec.nodeName}").stdout
    told = running("describe", "node", node).stdout
    assert {"InternalIP: 192.0.2.1", f"Hostname: {node}"} <= {
        " ".join(one.split()) for one in told.splitlines()
    }
    assert name in told.partition("Non-terminated Pods:")[2]
    assert "KubeletReady" in told


def test_events_are_listed_by_object(running: Kubectl) -> None:
    """Newest last, and for one object alone."""
    name = min(names(running))
    wait_until(
        "the scheduler's event",
        lambda: "Successfully assigned" in running("events", "--for", f"pod/{name}").stdout,
        PATIENCE_S,
    )
    others = names(running) - {name}
    assert not [one for one in others if one in running("events", "--for", f"pod/{name}").stdout]

    def kinds() -> set[str]:
        told = running("events", "--types=Normal", "--no-headers").stdout
        return {cell.partition("/")[0] for cell in told.split() if "/" in cell}

    # Each controller writes its events in its own time.
    wanted = {"Pod", "ReplicaSet", "Deployment"}
    wait_until(f"events of {wanted}", lambda: wanted <= kinds(), PATIENCE_S)


def test_rights_are_asked_for_oneself_and_for_others(
    running: Kubectl, sandbox: SandboxHandle, tmp_path: Path
) -> None:
    """`auth can-i` in scripts goes by its exit code."""
    assert running("auth", "can-i", "delete", "nodes").stdout == "yes\n"
    denied = running("auth", "can-i", "list", "pods", "--as=erin")
    assert (denied.returncode, denied.stdout) == (1, "no\n")
    assert running("create", "rolebinding", "erin", "--clusterrole=view", "--user=erin").returncode == 0
    erin = tmp_path / "erin"
    erin.write_bytes(SandboxManager(sandbox.folder.parent).kubeconfig_for(sandbox.name, "erin", []))
    wait_until(
        "the binding to count",
        lambda: running("auth", "can-i", "list", "pods", kubeconfig=erin).stdout == "yes\n",
        PATIENCE_S,
    )
    assert running("auth", "can-i", "delete", "pods", kubeconfig=erin).stdout == "no\n"
    assert "pods/log" in running("auth", "can-i", "--list", kubeconfig=erin).stdout


@pytest.mark.parametrize(("how", "said"), [("client", "(dry run)"), ("server", "(server dry run)")])
def test_a_drain_is_tried_and_changes_nothing(running: Kubectl, how: str, said: str) -> None:
    """What `drain --dry-run` prints is what a drain would do; the server's own goes as far as its budgets."""
    name = min(names(running))
    node = running("get", "pod", name, "-o", "jsonpath={.spec.nodeName}").stdout
    before = names(running)
    tried = running(
        "drain", node, f"--dry-run={how}", "--ignore-daemonsets", "--force", "--pod-selector=app=web"
    )
    assert tried.returncode == 0, tried.stderr
    assert f"node/{node} drained {said}" in tried.stdout
    assert name in tried.stdout
    assert running("get", "node", node, "-o", "jsonpath={.spec.unschedulable}").stdout == ""
    assert names(running) == before


def test_what_is_only_tried_is_checked_by_the_server_and_not_done(running: Kubectl) -> None:
    """`--dry-run=server` and `diff` are how a change is looked at before it is made."""
    wider = json.dumps(web(replicas=5))
    assert "server dry run" in running("apply", "-f", "-", "--dry-run=server", stdin=wider).stdout
    shown = running("diff", "-f", "-", stdin=wider)
    assert (shown.returncode, "+  replicas: 5" in shown.stdout) == (1, True), shown.stderr
    wrong = json.dumps(web(replicas=-1))
    assert (
        "must be greater than or equal to 0"
        in running("apply", "-f", "-", "--dry-run=server", stdin=wrong).stderr
    )
    assert len(names(running)) == 2


@pytest.mark.parametrize("how", ["client", "server"])
def test_debug_has_no_dry_run_here_as_nowhere(running: Kubectl, how: str) -> None:
    """kubectl has no such flag; whoever tries it must not find a container made."""
    name = min(names(running))
    refused = running("debug", name, "--image=busybox", f"--dry-run={how}")
    assert (refused.returncode, "unknown flag: --dry-run" in refused.stderr) == (1, True)
    path = "jsonpath={.spec.ephemeralContainers}"
    assert running("get", "pod", name, "-o", path).stdout == ""
    # What the flag would ask of the server is answered, and not done.
    body = json.loads(running("get", "pod", name, "-o", "json").stdout)
    body["spec"]["ephemeralContainers"] = [
        {"name": "look", "image": "busybox", "terminationMessagePolicy": "File"}
    ]
    where = f"/api/v1/namespaces/{body['metadata']['namespace']}/pods/{name}/ephemeralcontainers?dryRun=All"
    tried = running("replace", "--raw", where, "-f", "-", stdin=json.dumps(body))
    assert '"look"' in tried.stdout, tried.stderr
    assert running("get", "pod", name, "-o", path).stdout == ""


def test_a_copy_of_a_pod_and_a_node_are_looked_into(running: Kubectl) -> None:
    """The other two ways of `debug`: a copy with another command, and a pod on the node itself."""
    name = min(names(running))
    copied = running(
        "debug", name, "--copy-to=copy", "--container=app", "--image=busybox", "--attach=false", "--", "sh"
    )
    assert copied.returncode == 0, copied.stderr
    assert running("wait", "--for=condition=Ready", "pod/copy", WAIT).returncode == 0
    node = running("get", "pod", name, "-o", "jsonpath={.spec.nodeName}").stdout
    looked = running("debug", f"node/{node}", "--image=busybox", "--attach=false")
    assert looked.returncode == 0, looked.stderr
    made = looked.stdout.split("Creating debugging pod ")[1].split()[0]
    assert running("wait", "--for=condition=Ready", f"pod/{made}", WAIT).returncode == 0
    assert running("get", "pod", made, "-o", "jsonpath={.spec.nodeName}").stdout == node


def test_fields_are_explained(running: Kubectl) -> None:
    """From the API server's own OpenAPI."""
    assert "FIELD: replicas <integer>" in running("explain", "deployment.spec.replicas").stdout
