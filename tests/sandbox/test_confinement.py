"""A command in a pod against the machine it really runs on: nothing of it can be read, changed, seen or reached.

Every attack is run twice where the tests run as root: by root's sandbox and by an ordinary user's, whose ways into a
room differ. Where a machine cannot confine, the refusal is what is tested.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from k8sops.sandbox.kubelet.folders import remove_tree
from k8sops.sandbox.kubelet.rooms import _masks
from tests.sandbox.waiting import wait_until

ROOT = Path(__file__).parents[2]
RUNNER = Path(__file__).with_name("room_runner.py")
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
MARK = "a-secret-of-the-host"

Run = Callable[..., "dict[str, Any]"]


def usable_python() -> str | None:
    """A Python that an ordinary user can run: the one of the tests may lie in root's home."""
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    for python in (sys.executable, "/usr/bin/python3"):
        # By way of a shell: it must be possible to start it as that user, and not only to become that user in it.
        command = [*NOBODY, "sh", "-c", '"$0" -c "$1"', python, check]
        tried = subprocess.run(command, capture_output=True, check=False)
        if tried.returncode == 0:
            return python
    return None


class Host:
    """A user's home and sandbox folder on the host, and how to run something in a pod of that sandbox."""

    def __init__(self, folder: Path, command: list[str]) -> None:
        self.folder = folder
        self.command = command
        self.home_file = folder / "home" / "diary"
        self.key = folder / "sandbox" / "pki" / "admin.key"
        self.sandbox = folder / "sandbox"

    def pod(self, *mounts: dict[str, Any], **container: Any) -> dict[str, Any]:
        paths = [{"name": "data", "mountPath": "/data"}, *mounts]
        app = {"name": "app", "image": "app:1", "volumeMounts": paths, **container}
        return {
            "metadata": {"name": "web", "namespace": "shop", "uid": "0b5c-1"},
            "spec": {"containers": [app], "volumes": [{"name": "data", "emptyDir": {}}]},
            "status": {"podIP": "10.0.0.7"},
        }

    def begin(self, *command: str, pod: dict[str, Any] | None = None) -> subprocess.Popen[str]:
        asked = {
            "folder": str(self.sandbox),
            "pod": pod or self.pod(),
            "container": "app",
            "command": command,
        }
        process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                "PYTHONPATH": str(ROOT),
                "PATH": os.defpath,
                "LEAK": MARK,
                "HOME": str(self.folder / "home"),
            },
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(asked))
        process.stdin.close()
        process.stdin = None
        return process

    def run(self, *command: str, pod: dict[str, Any] | None = None) -> dict[str, Any]:
        process = self.begin(*command, pod=pod)
        said, failed = process.communicate(timeout=300)
        assert process.returncode == 0, failed
        found: dict[str, Any] = json.loads(said.splitlines()[-1])
        return found

    def shell(self, script: str, pod: dict[str, Any] | None = None) -> dict[str, Any]:
        return self.run("sh", "-c", script, pod=pod)


@pytest.fixture(params=["this user", "nobody"])
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    # Not below pytest's own folder, which is closed to everybody else.
    folder = Path(tempfile.mkdtemp(prefix="k8sops-room-"))
    made = Host(folder, [sys.executable, str(RUNNER)])
    if request.param == "nobody":
        python = usable_python() if os.geteuid() == 0 and shutil.which("setpriv") else None
        if python is None:
            pytest.skip("only root can run a second user's sandbox")
        made = Host(folder, [*NOBODY, python, str(RUNNER)])
    for secret in (made.home_file, made.key):
        secret.parent.mkdir(parents=True)
        secret.write_text(MARK)
        secret.chmod(0o600)
    if request.param == "nobody":
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 65534, 65534)
    if "refused" in (answer := made.run("true")):
        pytest.skip(f"this machine confines nothing: {answer['refused']}")
    yield made
    remove_tree(folder)


def intact(host: Host) -> bool:
    return all(file.read_text() == MARK for file in (host.home_file, host.key))


def test_a_room_has_what_a_shell_needs(host: Host) -> None:
    """A demonstration that finds no `ls` teaches nothing."""
    answer = host.shell(
        "id -u; hostname; pwd; echo $HOME; for t in sh ls cat tar sed grep; do command -v $t; done | wc -l;"
        " echo kept > /data/f; cat /data/f; echo x > /tmp/x; echo y > ~/y; cat /etc/hosts | tail -1; exit 4"
    )
    assert answer["code"] == 4, answer
    assert answer["stdout"].split() == ["0", "web", "/root", "/root", "6", "kept", "10.0.0.7", "web"]
    assert host.shell("cat /data/f /tmp/x ~/y")["stdout"] == "kept\nx\ny\n"


def test_host_files_can_be_neither_read_nor_changed(host: Host) -> None:
    """The sandbox's keys are an administrator's, and HOME is the user's own."""
    for file in (host.home_file, host.key):
        answer = host.shell(
            f"ls {file}; cat {file}; rm -f {file}; rm -rf {file.parent}; echo gone > {file}; mv {file} /tmp/a;"
            f" ln {file} /data/hard; cp /dev/null {file}; chmod 777 {file}; truncate -s 0 {file}; true"
        )
        assert MARK not in answer["stdout"] + answer["stderr"]
        assert "No such file" in answer["stderr"]
        assert intact(host)
    # Whatever is readable of the host's is searched, but for what belongs to the kernel.
    roots = "/bin /dev/shm /etc /home /opt /root /run /srv /sub /tmp /usr/local /usr/share /var /data"
    found = host.shell(f"grep -rsl {MARK} {roots} 2>/dev/null; ls -A /home /root /work 2>/dev/null | head")
    assert MARK not in found["stdout"]
    assert found["stdout"].strip() == "/root:", found


def test_nothing_but_the_pods_own_can_be_written(host: Host) -> None:
    """A writable program on the host would be run by its owner later."""
    tried = ("/", "/usr/bin", "/usr/lib", "/etc", "/dev", "/opt", "/proc/sys/kernel", "/bin", "/var/lib")
    answer = host.shell(
        "".join(f"touch {folder}/planted 2>/dev/null && echo {folder};" for folder in tried) + "true"
    )
    assert answer["stdout"] == ""
    answer = host.shell(
        "for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/sys/user/max_user_namespaces;"
        " do echo x > $f; done; rm -f /usr/bin/env; : > /etc/ld.so.cache; true"
    )
    assert answer["stderr"].count("annot") >= 4, answer


def test_the_host_cannot_be_seen_through_proc(host: Host) -> None:
    """/proc has links into every process: of the room, only what is of the room may be there."""
    answer = host.shell(
        "ls /proc | grep -c '^[0-9]'; cat /proc/1/environ; ls -l /proc/1/fd /proc/1/cwd /proc/1/root /proc/1/exe;"
        f" cat /proc/1/root{host.key} /proc/self/root{host.key} /proc/1/cwd/{host.key.name} /proc/1/mem;"
        " cat /proc/kcore | head -c 1; tr '\\0' '\\n' < /proc/self/environ | grep LEAK; true"
    )
    assert int(answer["stdout"].split()[0]) <= 4
    assert MARK not in answer["stdout"] + answer["stderr"]
    assert answer["stderr"].count("ermission denied") >= 4, answer
    # Nothing is read through descriptors here: those of the shell itself are pipes, and would wait for ever.
    everywhere = host.shell(
        f"for p in /proc/[0-9]*; do cat $p/root{host.key} $p/cwd{host.key}; ls -l $p/fd $p/; done 2>/dev/null"
    )
    assert MARK not in everywhere["stdout"]
    assert str(host.folder) not in everywhere["stdout"]


def test_only_its_three_streams_are_open(host: Host) -> None:
    """A descriptor of the host's would be a door that no mount closes."""
    assert host.run("sh", "-c", "ls /proc/self/fd")["stdout"].split() == ["0", "1", "2", "3"]


def test_no_right_is_left_and_none_can_be_gained(host: Host) -> None:
    """Capabilities, setuid programs and further namespaces are the usual ways out."""
    answer = host.shell(
        "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; unshare -Ur true; unshare -m true;"
        " mount -t tmpfs none /tmp; mount --bind / /mnt; mknod /tmp/disk b 8 0; chroot / true;"
        " nsenter -t 1 -m true; su nobody -c true; umount /proc/sys; hostname other; true"
    )
    facts = dict(line.split(":\t") for line in answer["stdout"].splitlines())
    assert facts.pop("NoNewPrivs") == "1"
    assert facts.pop("Seccomp") == "2"
    assert {int(value, 16) for value in facts.values()} == {0}
    assert len(answer["stderr"].splitlines()) >= 9, answer
    assert (
        host.shell("find /usr/bin -perm -4000 -exec sh -c '{} --help' \\; >/dev/null 2>&1; id -u")["stdout"]
        == "0\n"
    )


def test_the_process_that_made_the_room_cannot_be_traced(host: Host) -> None:
    """It runs as the same user, and it alone knows a way that began outside."""
    python = shutil.which("python3", path="/usr/bin")
    if python is None:
        pytest.skip("no interpreter that a room shows")
    program = (
        "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True);"
        "print([libc.ptrace(request, 1, None, None) for request in (16, 0x4206)]);"
        "print(libc.syscall(310, 1, None, 0, None, 0, 0) if os.uname().machine == 'x86_64' else 0)"
    )
    assert host.run("python3", "-c", program)["stdout"].split("\n")[0] == "[-1, -1]"


def test_no_network_is_reached(host: Host) -> None:
    """Neither the machine's own services, nor the world, nor the hypervisor below."""
    if shutil.which("python3", path="/usr/bin") is None:
        pytest.skip("no interpreter that a room shows")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        name = f"room-test-{os.getpid()}-{server.getsockname()[1]}"
        abstract.bind(f"\0{name}")
        abstract.listen()
        program = f"""
import socket
def tried(family, address):
    try:
        with socket.socket(family, socket.SOCK_STREAM) as one:
            one.settimeout(5)
            one.connect(address)
            return "reached"
    except OSError as error:
        return error.strerror or type(error).__name__
print(tried(socket.AF_INET, ("127.0.0.1", {server.getsockname()[1]})))
print(tried(socket.AF_INET, ("192.0.2.7", 80)))
print(tried(socket.AF_UNIX, "\\0{name}"))
print(tried(socket.AF_VSOCK, (2, 1024)))
print([name for _, name in socket.if_nameindex()])
"""
        said = host.run("python3", "-c", program)["stdout"].splitlines()
    assert said == [
        "Connection refused",
        "Network is unreachable",
        "Connection refused",
        "Address family not supported by protocol",
        "['lo']",
    ]


def test_links_left_in_a_volume_lead_nowhere(host: Host) -> None:
    """A link in an emptyDir was once followed on the host when it was mounted by subPath (CVE-2017-1002101)."""
    host.shell(
        f"ln -s {host.home_file} /data/diary; ln -s {host.home_file.parent} /data/home; ln -s / /data/root;"
        f" ln -s ../../../../../../../../..{host.key} /data/up; mkdir /data/real; ln -s /proc/sys /data/sysctl"
    )
    answer = host.shell(
        "cat /data/diary /data/up /data/root/root/x; ls -A /data/home/; echo x > /data/diary; true"
    )
    assert MARK not in answer["stdout"]
    for path in ("home", "diary", "root", "real/../home"):
        answer = host.shell(
            "ls -la /sub; cat /sub/*", host.pod({"name": "data", "mountPath": "/sub", "subPath": path})
        )
        assert "refused" in answer or answer["code"] != 0, answer
        assert MARK not in json.dumps(answer)
    below = host.shell(
        "echo in > /sub/f", host.pod({"name": "data", "mountPath": "/sub", "subPath": "real/deeper"})
    )
    assert below["code"] == 0
    assert host.shell("cat /data/real/deeper/f")["stdout"] == "in\n"
    # A mount on a link of the pod's own must not stand in for what the room is closed with.
    host.shell("mkdir -p /data/fake/user; echo 7 > /data/fake/user/max_user_namespaces")
    covering = host.pod({"name": "data", "mountPath": "/proc/sys", "subPath": "fake"})
    answer = host.shell(
        "unshare -Ur true || echo still closed; cat /data/fake/user/max_user_namespaces", covering
    )
    assert "7" in answer["stdout"]
    assert "still closed" in answer["stdout"]
    assert intact(host)


def test_an_archive_cannot_leave_the_room(host: Host) -> None:
    """`kubectl cp` unpacks an archive in the pod, and whoever made it may have put `..` and links into it."""
    above = "../" * 12
    answer = host.shell(
        f"cd /data; echo planted > f; ln -s {host.home_file.parent} way; tar -Pcf a.tar f way --transform="
        f"'s,^f$,{above}{str(host.home_file)[1:]},'; rm way; tar -Pxf a.tar; tar -Pcf - {host.key} | wc -c; true"
    )
    assert intact(host), answer


def test_processes_are_counted(host: Host) -> None:
    """A fork bomb in a pod must not be one on the machine."""
    answer = host.shell(
        "i=0; while [ $i -lt 600 ]; do sleep 30 & i=$((i+1)); done 2>/dev/null; echo survived"
    )
    assert answer["code"] != 0 or "survived" not in answer["stdout"]


def test_everything_in_a_room_ends_with_its_kubelet(host: Host) -> None:
    """A kubelet that is killed cannot clean up, and what runs on would belong to nobody."""
    mark = f"98{os.getpid()}{host.command[0] == 'setpriv':d}"
    process = host.begin("sh", "-c", f"(setsid sleep {mark} &) ; sleep {mark}")
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    wait_until("both to run", lambda: len(running(mark)) >= 2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    wait_until("all to be gone", lambda: not running(mark))


def running(mark: str) -> list[int]:
    every = psutil.process_iter(["cmdline"])
    return [
        one.pid
        for one in every
        if (one.info["cmdline"] or [""])[0] == "sleep" and mark in one.info["cmdline"]
    ]


def test_what_is_left_behind_can_be_removed(host: Host) -> None:
    """Folders closed to their owner and deeper than a path may be long: `down` must leave nothing all the same."""
    host.shell(
        "cd /data; mkdir closed; touch closed/f; chmod 000 closed; i=0; d=" + "d" * 200 + ";"
        " while [ $i -lt 1500 ]; do mkdir $d && cd $d || break; i=$((i+1)); done"
    )
    remove_tree(host.sandbox)
    assert not host.sandbox.exists()
    assert host.home_file.read_text() == MARK


def test_a_volume_without_a_place_is_one_sentence(host: Host) -> None:
    """The programs are the machine's own: a volume below them would have to be made there."""
    for path in ("/usr/lib/no-such-place", "/"):
        answer = host.shell("true", host.pod({"name": "data", "mountPath": path}))
        assert path in answer["refused"], answer
        assert "\n" not in answer["refused"]


def test_a_home_below_a_shown_folder_is_covered() -> None:
    """Service accounts live in odd places, and so may a sandbox."""
    assert "/usr/lib/somewhere" in _masks(Path("/usr/lib/somewhere/demo"))
    assert _masks(Path("/srv/sandboxes/demo")) == []
