"""Runs one command in a room of its own: new user, mount, process, IPC, host name, cgroup and network namespaces.

Started by file as `python -I -S confined.py SPEC_FD CONTROL_FD`, with an empty environment. The specification (JSON,
made by `rooms`) names what is seen of the host, read-only, and which folders are the pod's own. Root's sandboxes run
the command as nobody, everybody else's as themselves; either way with no capability, no new privileges and no user
namespace of its own. Nothing of the host is named once the old root is left: every later path resolves in the room.

On CONTROL_FD one JSON message says that the room stands (with the terminal's master beside it, where one was asked
for) or what is missing; a second one comes only where the command cannot be executed.
"""

from __future__ import annotations

# All that is needed later must be loaded before the host's files are left.
import array  # noqa: F401 - socket.send_fds imports it when it is called
import contextlib
import fcntl
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import termios
import warnings  # noqa: F401 - os.execvpe imports it when it is called
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from k8sops.sandbox.kubelet import building, kernel

Spec = dict[str, Any]

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def main() -> None:
    """Make the room, run the command, end as it ended."""
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        spec: Spec = json.load(file)
    control = socket.socket(fileno=int(sys.argv[2]))
    # The command must not hold it: its closing says that the command was executed.
    control.set_inheritable(False)
    try:
        code = _outside(spec, control)
    except (kernel.MissingError, OSError) as error:
        tell(control, error=str(error))
        code = 125
    os._exit(code)


def tell(control: socket.socket, descriptors: tuple[int, ...] = (), **message: str) -> None:
    """Say something to the kubelet; one that is gone needs not hear it."""
    with contextlib.suppress(OSError):
        socket.send_fds(control, [json.dumps(message).encode()], list(descriptors))


def _outside(spec: Spec, control: socket.socket) -> int:
    """The process that stays on the host: it maps users where root has to, waits, and passes the end on."""
    privileged = spec["identity"]["privileged"]
    if not privileged:
        _new_user_namespace(spec)
    kernel.unshare(kernel.CLONE_NEWPID, "a process namespace")
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != spec["parent"]:
        return 125
    (alive, hold), (asked, ask) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(hold)
        os.close(asked)
        _first_process(spec, control, alive, ask if privileged else None)
    control.close()
    os.close(ask)
    if privileged and os.read(asked, 1):
        own, identity = Path(f"/proc/{child}"), spec["identity"]
        (own / "uid_map").write_text(f"{identity['uid']} {identity['host']} 1")
        (own / "setgroups").write_text("deny")
        (own / "gid_map").write_text(f"{identity['gid']} {identity['host']} 1")
        os.write(hold, b"m")
    return _code(os.waitpid(child, 0)[1])


def _new_user_namespace(spec: Spec) -> None:
    """The way of an ordinary user: one id, mapped to the one the container asks for."""
    uid, gid, identity = os.geteuid(), os.getegid(), spec["identity"]
    kernel.unshare(kernel.CLONE_NEWUSER, "unprivileged user namespaces, which this system refuses")
    try:
        Path("/proc/self/uid_map").write_text(f"{identity['uid']} {uid} 1")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"{identity['gid']} {gid} 1")
    except OSError as error:
        raise kernel.MissingError(
            f"unprivileged user namespaces, which this system restricts ({error.strerror})"
        ) from error


def _first_process(spec: Spec, control: socket.socket, alive: int, ask: int | None) -> NoReturn:
    """Process 1 of the room: makes it, gives up all rights, starts the command, and reaps."""
    try:
        _die_with_parent(alive)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        kernel.unshare(
            kernel.CLONE_NEWNS
            | kernel.CLONE_NEWIPC
            | kernel.CLONE_NEWUTS
            | kernel.CLONE_NEWNET
            | kernel.CLONE_NEWCGROUP,
            "mount, network and other namespaces",
        )
        socket.sethostname(spec["hostname"])
        _loopback_up()
        sysctl = building.build(spec)
        _become(spec, alive, ask)
        _no_namespaces(sysctl)
        terminal = _terminal(control) if spec["tty"] else None
        if terminal is None:
            tell(control, room="ready")
        _give_up_rights(spec, {control.fileno(), *([] if terminal is None else [terminal])})
        command = os.fork()
        if command == 0:
            _run(spec, control, terminal)
        control.close()
        if terminal is not None:
            os.close(terminal)
        # So that nothing in the room can hold the ends of its pipes open, or look into this process.
        for descriptor in (0, 1, 2):
            os.close(descriptor)
    except (kernel.MissingError, OSError) as error:
        tell(control, error=str(error))
        os._exit(125)
    os._exit(_reap_until(command))


def _die_with_parent(alive: int) -> None:
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    poll = select.poll()
    poll.register(alive, select.POLLIN)
    if any(event & select.POLLHUP for _, event in poll.poll(0)):
        os._exit(125)


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sH22x", b"lo", 0)
        flags = struct.unpack("16sH22x", fcntl.ioctl(probe, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(probe, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | IFF_UP))


def _become(spec: Spec, alive: int, ask: int | None) -> None:
    """The user the command runs as. Root leaves its own user namespace only now: mounting is over."""
    identity = spec["identity"]
    if ask is not None:
        os.setgroups([])
        kernel.unshare(kernel.CLONE_NEWUSER, "a user namespace")
        os.write(ask, b"u")
        if os.read(alive, 1) != b"m":
            os._exit(125)
        os.setresgid(*[identity["gid"]] * 3)
        os.setresuid(*[identity["uid"]] * 3)
    # A change of user takes both back.
    _die_with_parent(alive)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)


def _no_namespaces(sysctl: int) -> None:
    """No further user namespace: with one come capabilities, and with those most of the kernel's weak places."""
    limit = os.open("user/max_user_namespaces", os.O_WRONLY | os.O_CLOEXEC, dir_fd=sysctl)
    os.write(limit, b"0")
    os.close(limit)


def _terminal(control: socket.socket) -> int:
    """A terminal of the room's own: the master goes to the kubelet, the other end is returned."""
    master, slave = os.openpty()
    tell(control, (master,), room="ready")
    os.close(master)
    return slave


def _give_up_rights(spec: Spec, keep: set[int]) -> None:
    for descriptor in range(3, 4096):
        if descriptor not in keep:
            with contextlib.suppress(OSError):
                os.close(descriptor)
    for name, value in spec["limits"].items():
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)  # noqa: PLW2901 - never above it
        resource.setrlimit(kind, (value, value))
    os.umask(0o022)
    kernel.drop_capabilities()
    kernel.forbid_calls()


def _run(spec: Spec, control: socket.socket, terminal: int | None) -> NoReturn:
    """The command itself, with Python's own signal habits undone."""
    command = spec["command"]
    try:
        os.setsid()
        if terminal is not None:
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
            for descriptor in (0, 1, 2):
                os.dup2(terminal, descriptor)
            os.close(terminal)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.chdir(spec["cwd"])
        os.execvpe(command[0], command, spec["env"])  # noqa: S606 - running it is what this file is for
    except OSError as error:
        why = (
            "executable file not found in $PATH"
            if error.errno == 2 and "/" not in command[0]
            else error.strerror
        )
        tell(control, error=f'exec: "{command[0]}": {why}')
    os._exit(127)


def _reap_until(command: int) -> int:
    """Wait for the command, and bury whatever else ends meanwhile; what still runs then ends with this process."""
    while True:
        ended, status = os.wait()
        if ended == command:
            return _code(status)


def _code(status: int) -> int:
    """The exit code as a shell tells it: 128 and the number of the signal."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    main()
