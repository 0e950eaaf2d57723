"""`kubectl exec`, `cp`, `attach` and `debug` on the sandbox's simulated pods, as on a real cluster.

What a command may not do stands in `test_confinement`; here it is run through the API server, as people do.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
from pathlib import Path
from typing import Any

import psutil
import pytest

from k8sops.sandbox.manager import SandboxHandle
from tests.sandbox.conftest import Kubectl, KubectlBeside
from tests.sandbox.test_shared_control_plane import apply, rows
from tests.sandbox.waiting import PATIENCE_S, wait_until, wait_until_async

CONFIGURATION: dict[str, object] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings"},
    "data": {"colour": "green", "nested": "deep"},
}
SECRET: dict[str, object] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "password"},
    "stringData": {"password": "hunter2"},
}
FAST = {"sandbox.k8sops.dev/fast": "true"}


def pod(name: str = "web", **spec: Any) -> dict[str, object]:
    data = {"name": "data", "mountPath": "/data"}
    settings = {"name": "settings", "mountPath": "/etc/settings"}
    secret = {"name": "secret", "mountPath": "/etc/secret"}
    environment = [
        {"name": "GREETING", "value": "hello $(COLOUR) $(HOSTNAME)"},
        {"name": "ADDRESS", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    ]
    colour = {"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": FAST},
        "spec": {
            "volumes": [
                {"name": "data", "emptyDir": {}},
                {
                    "name": "settings",
                    "configMap": {"name": "settings", "items": [{"key": "nested", "path": "a/b"}]},
                },
                {"name": "secret", "secret": {"secretName": "password", "defaultMode": 0o400}},
            ],
            "containers": [
                {
                    "name": "app",
                    "image": "app:1",
                    "volumeMounts": [data, settings, secret],
                    "env": [colour, *environment],
                },
                {"name": "side", "image": "side:1", "volumeMounts": [data], "workingDir": "/srv/side"},
            ],
            **spec,
        },
    }


@pytest.fixture
def web(kubectl: Kubectl) -> Kubectl:
    """A running pod `web` of two containers; its value is kubectl in the pod's namespace."""
    apply(kubectl, CONFIGURATION, SECRET, pod())
    wait_until("the pod", lambda: rows(kubectl).get("web") == ("Running", "2/2"))
    probe = kubectl("exec", "web", "-c", "app", "--", "true")
    if "exec needs" in probe.stderr:
        assert probe.returncode != 0
        pytest.skip(f"this machine confines nothing: {probe.stderr}")
    assert probe.returncode == 0, probe.stderr
    return kubectl


def sh(kubectl: Kubectl, script: str, container: str = "app") -> str:
    result = kubectl("exec", "web", "-c", container, "--", "sh", "-c", script)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_output_and_exit_codes_come_back(web: Kubectl) -> None:
    """Scripts rely on the exit code, and on stdout and stderr being two things."""
    result = web("exec", "web", "-c", "app", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (result.returncode, result.stdout) == (7, "out\n")
    assert result.stderr.splitlines() == ["err", "command terminated with exit code 7"]
    assert web("exec", "web", "-c", "app", "--", "sh", "-c", "kill -9 $$").returncode == 137
    missing = web("exec", "web", "-c", "app", "--", "no-such-program")
    assert missing.returncode != 0
    assert 'exec: "no-such-program": executable file not found in $PATH' in missing.stderr


def test_input_is_passed_on_and_ended(web: Kubectl) -> None:
    """`exec -i` with a file is how dumps are loaded; without its end the command would wait for ever."""
    text = "line\n" * 200_000
    counted = web("exec", "-i", "web", "-c", "app", "--", "wc", "-c", stdin=text)
    assert counted.stdout.strip() == str(len(text))
    first = web("exec", "-i", "web", "-c", "app", "--", "head", "-n", "1", stdin=text)
    assert (first.returncode, first.stdout) == (0, "line\n")


def test_much_output_arrives_whole(web: Kubectl) -> None:
    """A dump is many megabytes, and neither end may hold all of it."""
    script = "i=0; while [ $i -lt 40 ]; do head -c 1000000 /dev/zero | tr '\\0' x; i=$((i+1)); done"
    assert len(sh(web, script)) == 40_000_000


def test_a_container_has_its_environment_and_its_volumes(web: Kubectl) -> None:
    """What people look for in a pod: its variables, its files, what its neighbour wrote."""
    environment = dict(line.split("=", 1) for line in sh(web, "env").splitlines())
    assert environment["GREETING"] == "hello green web"
    assert environment["ADDRESS"].startswith("10.")
    assert environment["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"
    assert {"K8SOPS_CACHE", "PYTHONPATH", "USER", "LOGNAME"}.isdisjoint(environment)
    assert sh(web, "hostname; cat /etc/settings/a/b /etc/secret/password") == "web\ndeephunter2"
    assert sh(web, "ls -l /etc/secret/password").startswith("-r--------")
    refused = web("exec", "web", "-c", "app", "--", "sh", "-c", "echo x > /etc/settings/a/b")
    assert "Read-only file system" in refused.stderr

    sh(web, "echo shared > /data/f; echo own > /tmp/f")
    assert sh(web, "pwd; cat /data/f; echo kept > f; cat /tmp/f || true", "side") == "/srv/side\nshared\n"
    account = "/var/run/secrets/kubernetes.io/serviceaccount"
    token = sh(web, f"cat {account}/namespace; echo; cat {account}/token").splitlines()
    assert token[0].startswith("test-")
    assert token[1].count(".") == 2


def test_a_volume_shows_what_its_object_holds_now(web: Kubectl) -> None:
    """Somebody changes a ConfigMap and looks into the pod whether it has arrived."""
    changed = {**CONFIGURATION, "data": {"colour": "red", "nested": "changed"}}
    assert web("apply", "-f", "-", stdin=json.dumps(changed)).returncode == 0
    assert sh(web, "cat /etc/settings/a/b") == "changed"


def test_folders_are_copied_both_ways(web: Kubectl, tmp_path: Path) -> None:
    """`kubectl cp` is an exec of tar in both directions."""
    (tmp_path / "there" / "sub").mkdir(parents=True)
    (tmp_path / "there" / "big").write_bytes(os.urandom(2_000_000))
    (tmp_path / "there" / "sub" / "small").write_text("text")
    assert web("cp", str(tmp_path / "there"), "web:/data/", "-c", "app").returncode == 0
    assert web("cp", "web:/data/there", str(tmp_path / "back"), "-c", "side").returncode == 0
    assert (tmp_path / "back" / "big").read_bytes() == (tmp_path / "there" / "big").read_bytes()
    assert (tmp_path / "back" / "sub" / "small").read_text() == "text"


def test_a_copy_cannot_leave_the_pod(web: Kubectl, sandbox: SandboxHandle, tmp_path: Path) -> None:
    """Neither into the machine nor out of it, by any number of `..`."""
    key = sandbox.folder / "pki" / "admin.key"
    before, up = key.read_bytes(), "../" * 12
    planted = tmp_path / "planted"
    planted.write_text("planted")
    aim = f"{up}{str(key.parent)[1:]}/planted"
    web("cp", str(planted), f"web:/data/{aim}", "-c", "app")
    assert not (key.parent / "planted").exists()
    for source in (str(key), f"/data/{up}{str(key)[1:]}"):
        web("cp", f"web:{source}", str(tmp_path / "stolen"), "-c", "app")
        assert not (tmp_path / "stolen").exists()
    assert key.read_bytes() == before


def test_a_terminal_is_one_and_follows_its_size(
    web: Kubectl, kubectl_path: Path, sandbox: SandboxHandle, cluster_namespace: str
) -> None:
    """`exec -it` is what most people open a pod with; an editor needs the window's size."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
    where = [str(kubectl_path), "--kubeconfig", str(sandbox.kubeconfig), "-n", cluster_namespace]
    process = subprocess.Popen(
        [*where, "exec", "-it", "web", "-c", "app", "--", "sh"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""

    def shows(wanted: bytes) -> bool:
        nonlocal seen
        # Nothing there yet, or the other end is closed.
        with contextlib.suppress(OSError):
            seen += os.read(ours, 65536)
        return wanted in seen

    os.set_blocking(ours, False)
    os.write(ours, b"tty; test -t 2 && echo is-a-'terminal'\n")
    wait_until("a terminal of the pod's own", lambda: shows(b"is-a-terminal"))
    assert b"/dev/pts/0" in seen
    os.write(ours, b"until [ \"$(stty size)\" = '33 101' ]; do sleep 0.1; done; echo as-'asked'\n")
    wait_until("the size it began with", lambda: shows(b"as-asked"))
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 22, 77, 0, 0))
    process.send_signal(28)
    os.write(ours, b"until [ \"$(stty size)\" = '22 77' ]; do sleep 0.1; done; echo re-'sized'\n")
    wait_until("the new size", lambda: shows(b"re-sized"))
    # Only once it runs: a Ctrl-C before that would meet the shell, and nobody would end the sleep.
    os.write(ours, b"sh -c \"echo sleep-'ing'; exec sleep 600\"\n")
    wait_until("a command to interrupt", lambda: shows(b"sleep-ing"))
    os.write(ours, b"\x03")
    os.write(ours, b"exit 3\n")
    wait_until("the end", lambda: shows(b"exit code 3") or process.poll() is not None)
    assert process.wait(PATIENCE_S) == 3, seen
    os.close(ours)


async def test_a_command_ends_with_its_client_and_with_its_pod(
    web: Kubectl, kubectl_beside: KubectlBeside
) -> None:
    """Whoever closes the window must not leave a command behind, and a deleted pod runs nothing."""
    mark = f"97{os.getpid()}"

    def left() -> list[psutil.Process]:
        every = psutil.process_iter(["cmdline"])
        return [one for one in every if (one.info["cmdline"] or [])[:2] == ["sleep", mark]]

    async with kubectl_beside("exec", "web", "-c", "app", "--", "sh", "-c", f"echo on; sleep {mark}") as said:
        assert await asyncio.wait_for(said.readline(), PATIENCE_S) == b"on\n"
        await wait_until_async("the command to run", lambda: bool(left()))
    await wait_until_async("the command to end", lambda: not left())

    async with kubectl_beside("exec", "web", "-c", "app", "--", "sh", "-c", f"echo on; sleep {mark}") as said:
        assert await asyncio.wait_for(said.readline(), PATIENCE_S) == b"on\n"
        await asyncio.to_thread(web, "delete", "pod", "web", "--wait=false")
        assert await asyncio.wait_for(said.read(), PATIENCE_S) == b""
    await wait_until_async("the command to end", lambda: not left())


def test_a_pods_folder_goes_with_the_pod(web: Kubectl, sandbox: SandboxHandle) -> None:
    """What somebody copied into a pod must not stay on the machine."""
    uid = web("get", "pod", "web", "-o", "jsonpath={.metadata.uid}").stdout
    assert (sandbox.folder / "pods" / uid).is_dir()
    assert (sandbox.folder / "pods" / uid).stat().st_mode & 0o777 == 0o700
    web("delete", "pod", "web", "--grace-period=1")
    wait_until("its folder to be gone", lambda: not (sandbox.folder / "pods" / uid).exists())


async def test_to_attach_is_to_follow_the_log(web: Kubectl, kubectl_beside: KubectlBeside) -> None:
    """Nothing but its log comes out of a simulated container."""
    annotation = "sandbox.k8sops.dev/log-rate=20"
    await asyncio.to_thread(web, "annotate", "pod", "web", annotation)
    async with kubectl_beside("attach", "web", "-c", "app") as said:
        lines = [await asyncio.wait_for(said.readline(), PATIENCE_S) for _ in range(5)]
    assert all(line.startswith(b"{") for line in lines)


def test_a_container_that_is_typed_into_runs_a_shell_and_ends_with_it(web: Kubectl) -> None:
    """`kubectl run -i` waits for the container's end, which only the kubelet can tell."""
    result = web(
        *(
            "run",
            "once",
            "-i",
            "--rm",
            "--restart=Never",
            "--image=busybox",
            "--annotations=sandbox.k8sops.dev/fast=true",
        ),
        *("--", "sh", "-c", "cat; exit 3"),
        stdin="typed\n",
    )
    assert "typed" in result.stdout
    assert result.returncode == 3, result.stderr
    assert "terminated (Error)" in result.stderr


def test_a_debug_container_runs_beside_the_others(web: Kubectl) -> None:
    """`kubectl debug` waits until its container runs, and nobody but the simulated kubelet can say so."""
    result = web("debug", "web", "-i", "--image=busybox", "-c", "look", "--", "hostname")
    assert "web" in result.stdout.split(), result.stderr
    path = "jsonpath={.status.ephemeralContainerStatuses[0].state.terminated.exitCode}"
    wait_until("its end to be on record", lambda: web("get", "pod", "web", "-o", path).stdout == "0")
    assert rows(web)["web"] == ("Running", "2/2")


def test_what_is_not_to_be_had_is_refused_in_one_sentence(
    web: Kubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash loop has no container to look into; an old client speaks a protocol that is not spoken here."""
    apply(
        web,
        {
            **pod("down"),
            "metadata": {"name": "down", "annotations": {"sandbox.k8sops.dev/play": "crash-loop"}},
        },
    )
    wait_until("a crash", lambda: rows(web).get("down", ("",))[0] == "CrashLoopBackOff")
    # It runs again for a moment now and then.
    wait_until(
        "a look between two crashes",
        lambda: 'container not found ("app")' in web("exec", "down", "-c", "app", "--", "ls").stderr,
    )
    monkeypatch.setenv("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", "false")
    old = web("exec", "web", "-c", "app", "--", "ls")
    assert old.returncode != 0
    assert "use kubectl 1.31 or later" in old.stderr
    assert len(old.stderr.splitlines()) == 1
